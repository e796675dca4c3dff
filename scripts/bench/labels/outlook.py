"""How often the forecasts of the stop rule hold, on features of real pictures.

In each run a head learns from ever more labels, one round after the other, and a growing holdout judges it.
Each round forecasts what the next one will measure, and what as many more answers bring. The samples that
nobody learnt from tell what they brought: the mean over all runs after as many answers.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goldloop.training.outlook import MIN_MODELS, N_NEXT, Outlook, PastModels, Price, outlook
from models.head import Head
from scripts.bench.common import Report, repeated
from scripts.bench.features import read_features

N_ROUNDS = 12
N_JUDGING = 25
"""Of the `N_NEXT` answers of a round these go into the holdout; the others train."""

N_TRAINING = N_NEXT - N_JUDGING
LEAST_TEST, MOST_TEST = 1000, 4000
SHOWN = (MIN_MODELS, 2 * MIN_MODELS, N_ROUNDS - 1)
"""Numbers of models of which figures of their own are reported."""

Floats = npt.NDArray[np.float64]


def run(report: Report, options: argparse.Namespace) -> None:
    """Report how often intervals held, of the next figure on the holdout and of the true gain."""
    if options.features is None:
        raise SystemExit("the part outlook needs --features FILE.npz with arrays x and y")
    seeds = range(options.seed, options.seed + options.n)
    runs = repeated(learnt, seeds, [options.features] * options.n, jobs=options.jobs)
    place, gains = f"outlook/{options.features.stem}", np.diff(np.mean([test for _, test in runs], axis=0))
    past = [one.holds for models, _ in runs for one in outlook(models, ANY_PRICE).past]
    report.share(f"{place}/next figure on the holdout within its interval", past)
    known = {
        k: [outlook(first(models, k), ANY_PRICE) for models, _ in runs] for k in range(MIN_MODELS, N_ROUNDS)
    }
    held = {k: [holds(one, gains[k - 1]) for one in outlooks] for k, outlooks in known.items()}
    every = np.concatenate([*held.values()])
    report.share(f"{place}/true gain of {N_NEXT} answers within its interval", every)
    for k in SHOWN:
        estimates = [one.gain for one in known[k] if one.gain is not None]
        report.share(f"{place}/{k} models/true gain within its interval", held[k])
        report.add(f"{place}/{k} models/true gain", 100 * gains[k - 1], "points", n=options.n)
        expected = [100 * estimate.value for estimate in estimates]
        report.spread(f"{place}/{k} models/expected gain", expected, "points")
        widths = [100 * (estimate.high - estimate.low) for estimate in estimates]
        report.mean(f"{place}/{k} models/width of its interval", widths, "points")


ANY_PRICE = Price("EUR", error=2.0, answer=0.1, n_unlabelled=1000)


def holds(one: Outlook, gain: float) -> bool:
    """Return whether the interval of the expected gain holds the true one."""
    return one.gain is not None and one.gain.low <= gain <= one.gain.high


def first(models: PastModels, k: int) -> PastModels:
    """Return what was known of the first `k` models when the last of them was trained."""
    judged = models.first_judged[:k]
    wrong = np.where(judged < k, models.is_wrong[:k], np.nan)
    return PastModels(models.rounds[:k], models.answers[:k], wrong, judged, models.weights, models.clusters)


def learnt(seed: int, path: Path) -> tuple[PastModels, Floats]:
    """Return the models of one run as its holdout judges them, and their accuracies on all other samples."""
    kept = read_features(path)
    order = np.random.default_rng(seed).permutation(len(kept.truth))
    holdout, train, test = np.split(order, np.cumsum([N_ROUNDS * N_JUDGING, N_ROUNDS * N_TRAINING]))
    if len(test) < LEAST_TEST:
        raise SystemExit(f"{path} has {len(order)} samples; {LEAST_TEST} must be left to judge")
    test = test[:MOST_TEST]
    wrong, accuracies = np.empty((N_ROUNDS, len(holdout))), np.empty(N_ROUNDS)
    for number in range(N_ROUNDS):
        labelled = train[: N_TRAINING * (number + 1)]
        head = Head.fitted(kept.plain[labelled], kept.truth[labelled], len(kept.labels))
        wrong[number], on_test = (
            head.logits(kept.plain[rows]).argmax(axis=1) != kept.truth[rows] for rows in (holdout, test)
        )
        accuracies[number] = 1 - on_test.mean()
    rounds, drawn = np.arange(N_ROUNDS), np.repeat(np.arange(N_ROUNDS), N_JUDGING)
    models = PastModels(
        rounds=rounds,
        answers=N_NEXT * (rounds + 1.0),
        is_wrong=np.where(drawn <= rounds[:, None], wrong, np.nan),  # nobody asks an old model again
        first_judged=np.repeat(rounds[:, None], len(holdout), axis=1),
        weights=np.ones(len(holdout)),
        clusters=holdout.astype(str),
    )
    return models, accuracies
