"""How good labels made of real people's answers are, and how many answers that takes, against the peers.

The answers are CIFAR-10N's [wei2022], three a picture, each wrong for 17 to 18 %. The model learnt from such
answers alone and judges only pictures whose answers it has not seen; true labels only score. With --features
the model is a head on the features of a file, which also holds the answers. Every figure is the median over
vote orders, with the least and the most. One training serves all orders: a picture's probs rest on other
pictures' votes, whichever of them came first.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from goldloop.consensus.label import ConsensusFit, Method, fit_consensus
from goldloop.consensus.votes import VotedSample
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.stats.calibration import Calibration, fit_temperature
from scripts.bench.common import Report
from scripts.bench.features import read_features
from scripts.bench.outputs import cross_fitted_logits, logits_of_features
from scripts.bench.peers import run_peers
from scripts.bench.pictures import Columns, Floats, Truth, load_pictures

MOST_ORDERS = 5
MAX_VOTES = 3
BUDGETS = (1.1, 1.2, 1.35, 1.5, 2.0)  # votes a picture
TARGET = 0.9
PEOPLE = ("1", "2", "3")
N_BINS = 15

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Labelling:
    """A label for each picture and how sure its method is of it, both (n,)."""

    label: Columns
    confidence: Floats

    @classmethod
    def of(cls, probs: Floats) -> Labelling:
        """Return the likeliest label of each row."""
        return cls(probs.argmax(axis=1), probs.max(axis=1))

    def scores(self, truth: Columns) -> dict[str, float]:
        """Return accuracy, and AUROC and calibration error [naeini2015] of the confidence."""
        hits = (self.label == truth).astype(float)
        of_bin = np.minimum((self.confidence * N_BINS).astype(int), N_BINS - 1)
        gaps = np.bincount(of_bin, hits - self.confidence, minlength=N_BINS)
        return {
            "accuracy": float(hits.mean()),
            "AUROC": float(roc_auc_score(hits, self.confidence)),
            "ECE": float(np.abs(gaps).sum() / len(truth)),
        }


def voted_pictures(options: argparse.Namespace) -> tuple[Truth, Floats]:
    """Return the pictures' answers and truth, and a model's probs learnt from one answer to each alone."""
    known: Truth
    if options.features is None:
        known = pictures = load_pictures(options.data / "cifar10", limit=options.pictures)
        votes = known.answers_in_order(options.seed)[:, 0]
        logits = cross_fitted_logits(pictures, votes, options)
    else:
        known = file = read_features(options.features)
        votes = known.answers_in_order(options.seed)[:, 0]
        logits = logits_of_features(file.plain, votes, len(file.labels), options.seed)
    return known, Calibration(fit_temperature(logits, votes)).apply(logits)  # answers are all there is


def run(report: Report, options: argparse.Namespace) -> None:
    """Compare the methods on 1, 2 and 3 votes a picture, then buy votes one at a time."""
    pictures, probs = voted_pictures(options)
    report.share("consensus/the model alone/accuracy", probs.argmax(axis=1) == pictures.truth)
    orders = range(options.seed, options.seed + min(options.n, MOST_ORDERS))
    votes = {seed: pictures.answers_in_order(seed) for seed in orders}
    labellings = _labellings(votes, probs, pictures.labels)
    for (k, method), of_method in labellings.items():
        scores = [labelling.scores(pictures.truth) for labelling in of_method]
        for name in scores[0]:
            report.median(f"consensus/{k} votes/{method}/{name}", [score[name] for score in scores], "")
    _ask_until_sure(report, votes, probs, pictures)


def _labellings(
    votes: dict[int, Columns], probs: Floats, labels: LabelSet
) -> dict[tuple[int, str], list[Labelling]]:
    """Return by number of votes and method a labelling for each vote order."""
    by_method: dict[tuple[int, str], list[Labelling]] = {}
    named = {f"votes/{k} {seed}": votes[seed][:, :k] for seed in votes for k in range(1, MAX_VOTES + 1)}
    peers = run_peers("aggregated", {"probs": probs, **named})
    for seed, every in votes.items():
        for k in range(1, MAX_VOTES + 1):
            some = every[:, :k]
            blind, seeing = (samples_of(some, labels, view) for view in (None, probs))
            made = {
                "majority": _majority(some, len(labels), seed),
                "Dawid-Skene": Labelling.of(_fit(blind, labels, Method.DAWID_SKENE).posterior()),
                "posterior without a model": Labelling.of(_fit(blind, labels).posterior()),
                "posterior": Labelling.of(_fit(seeing, labels).posterior()),
            }
            for key in peers:
                name, peer, kind = key.split("/")
                if name == f"{k} {seed}" and kind == "label":
                    confidence = np.clip(peers[f"{name}/{peer}/confidence"], 0, 1)
                    made[peer] = Labelling(peers[key], confidence)
            for method, labelling in made.items():
                by_method.setdefault((k, method), []).append(labelling)
    return by_method


def samples_of(
    votes: Columns, labels: LabelSet, probs: Floats | None, is_given: Flags | None = None
) -> list[VotedSample]:
    """Return the votes (n, k) of each picture, those that `is_given` (all if None), column by person."""
    given = np.ones(votes.shape, dtype=bool) if is_given is None else is_given
    return [
        VotedSample(
            sample_id=SampleId(f"{row:06d}"),
            votes={PEOPLE[place]: labels[votes[row, place]] for place in np.flatnonzero(given[row])},
            probs=None if probs is None else tuple(probs[row]),
        )
        for row in range(len(votes))
    ]


def _fit(samples: list[VotedSample], labels: LabelSet, method: Method = Method.POSTERIOR) -> ConsensusFit:
    return fit_consensus(samples, labels, method=method, target=TARGET)


def _majority(votes: Columns, n_labels: int, seed: int) -> Labelling:
    """Return the commonest label of each picture; ties fall at random, as there must be a label here."""
    counts = np.eye(n_labels)[votes].sum(axis=1)
    noise = np.random.default_rng(seed).random(counts.shape) / 2
    return Labelling((counts + noise).argmax(axis=1), counts.max(axis=1) / votes.shape[1])


def _ask_until_sure(report: Report, votes: dict[int, Columns], probs: Floats, pictures: Truth) -> None:
    """Buy votes one at a time where the next is worth most, knowing only those bought so far."""
    by_budget: dict[float, list[float]] = {budget: [] for budget in (1.0, *BUDGETS)}
    gold: list[dict[str, float]] = []
    for order in votes.values():
        n_votes = np.ones(len(order), dtype=np.intp)
        for budget, accuracies in by_budget.items():
            if budget > 1:
                gain = np.where(
                    n_votes < MAX_VOTES, _bought(order, probs, pictures, n_votes).expected_gain(), -1
                )
                n_more = round(budget * len(n_votes)) - n_votes.sum()
                n_votes[np.argsort(-gain, kind="stable")[:n_more]] += 1
            probable = _bought(order, probs, pictures, n_votes).posterior()
            accuracies.append(float((probable.argmax(axis=1) == pictures.truth).mean()))
        gold.append(_until_gold(order, probs, pictures))
    for budget, accuracies in by_budget.items():
        report.median(
            f"consensus/{budget:.2f} votes bought where they are worth most/accuracy", accuracies, ""
        )
    for name in gold[0]:
        report.median(f"consensus/asked until {TARGET}/{name}", [one_order[name] for one_order in gold], "")


def _bought(votes: Columns, probs: Floats, pictures: Truth, n_votes: Columns) -> ConsensusFit:
    is_bought = np.arange(MAX_VOTES) < n_votes[:, None]
    return _fit(samples_of(votes, pictures.labels, probs, is_bought), pictures.labels)


def _until_gold(votes: Columns, probs: Floats, pictures: Truth) -> dict[str, float]:
    """Return votes a picture, gold's share and its accuracy, when all that is unsure is asked again."""
    n_votes = np.ones(len(votes), dtype=np.intp)
    for n_asked in range(1, MAX_VOTES + 1):
        consensus = _bought(votes, probs, pictures, n_votes).consensus
        is_gold = np.array([found.label is not None for found in consensus])
        if n_asked < MAX_VOTES:
            n_votes[~is_gold] += 1
    hits = [
        found.label == pictures.labels[column]
        for found, column in zip(consensus, pictures.truth, strict=True)
        if found.label is not None
    ]
    return {
        "votes": float(n_votes.mean()),
        "share of gold": float(is_gold.mean()),
        "accuracy": float(np.mean(hits)),
    }
