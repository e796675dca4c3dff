#!/usr/bin/env python3
"""How good labels made of real people's answers are, and how many answers that takes, against the peers.

aggregate        majority, Dawid-Skene, CROWDLAB and the posterior on 1, 2 and 3 votes a picture
ask until sure   one vote each, then one at a time where another is worth most, at most 3
spammer          one of five people answers at random from now on

The answers are CIFAR-10N's, three a picture, each wrong for 17 to 18 %. The model learnt from such answers
alone and judges only pictures whose answers it has not seen; true labels do nothing but score. Every figure
is the median over vote orders, with the least and the most. One training serves all orders: what a picture's
probs rest on are other pictures' votes, whichever of them came first.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _common import Report, parser, say
from _labels_data import Answers, Votes, load_answers
from platformdirs import user_cache_path
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from goldloop.calibration import calibrated, fit_temperature
from goldloop.consensus import Case, Findings, Method, find_consensus
from goldloop.labels import LabelSet
from goldloop.samples import SampleId

Floats = npt.NDArray[np.float64]

N_ORDERS = 5
TARGET = 0.9
MAX_VOTES = 3
BUDGETS = (1.1, 1.2, 1.35, 1.5, 2.0)  # votes a picture
VOTES_OF_MODEL = {1: 1, 2: 1, 3: 1}
"""By votes aggregated: the votes a picture that its model learnt from, never more than were aggregated.

One model for all: {1: 1, 2: 1, 3: 3} trains a second one, on all three, which takes as long again.
"""
PEOPLE = ("1", "2", "3", "4", "5")
SPAMMER = "5"
N_BINS = 15


@dataclass(frozen=True, slots=True)
class Labelling:
    """A label for each picture and how sure its method is of it, both (n,)."""

    label: Votes
    confidence: Floats

    @classmethod
    def of(cls, probability: Floats) -> Labelling:
        """Return the likeliest label of each row."""
        return cls(probability.argmax(axis=1), probability.max(axis=1))

    def accuracy(self, truth: Votes) -> float:
        """Return the share of right labels."""
        return float((self.label == truth).mean())

    def auroc(self, truth: Votes) -> float:
        """Return how well confidence tells right labels from wrong ones."""
        return float(roc_auc_score(self.label == truth, self.confidence))

    def ece(self, truth: Votes) -> float:
        """Return the mean gap between confidence and accuracy over equally wide bins [naeini2015]."""
        hits = (self.label == truth).astype(float)
        of_bin = np.minimum((self.confidence * N_BINS).astype(int), N_BINS - 1)
        gaps = np.bincount(of_bin, hits - self.confidence, minlength=N_BINS)
        return float(np.abs(gaps).sum() / len(truth))


def cases_of(
    votes: Votes,
    labels: LabelSet,
    *,
    probs: Floats | None,
    n_votes: Votes | None = None,
    people: Votes | None = None,
) -> list[Case]:
    """Return the first `n_votes` (n,) votes of each picture as cases; `people` (n, k) says whose they are."""
    limits = np.full(len(votes), votes.shape[1]) if n_votes is None else n_votes
    whose = np.tile(np.arange(votes.shape[1]), (len(votes), 1)) if people is None else people
    return [
        Case(
            sample_id=SampleId(f"{row:06d}"),
            votes={PEOPLE[whose[row, place]]: labels[votes[row, place]] for place in range(limits[row])},
            probs=None if probs is None else tuple(probs[row]),
        )
        for row in range(len(votes))
    ]


def found(cases: Sequence[Case], labels: LabelSet, method: Method = Method.POSTERIOR) -> Findings:
    """Return the consensus of `cases` at the target of the bench."""
    return find_consensus(cases, labels, method=method, target=TARGET, overlap=1)


def majority(votes: Votes, n_labels: int, seed: int) -> Labelling:
    """Return the commonest label of each picture; here, where there must be one, ties fall at random."""
    counts = np.eye(n_labels)[votes].sum(axis=1)
    noise = np.random.default_rng(seed).random(counts.shape) / 2
    return Labelling((counts + noise).argmax(axis=1), counts.max(axis=1) / votes.shape[1])


def stacked_with_truth(votes: Votes, probs: Floats, truth: Votes) -> Labelling:
    """Return what a logistic regression makes of votes and probs that learns from true labels, 5-fold.

    No method may do this; it shows how much of what is missing is the aggregation's fault.
    """
    counts = np.eye(probs.shape[1])[votes].sum(axis=1)
    levels = [counts == level for level in range(1, votes.shape[1] + 1)]
    features = np.concatenate([np.log(probs + 1e-4) / 5, *levels], axis=1)
    regression = LogisticRegression(max_iter=1000)
    return Labelling.of(cross_val_predict(regression, features, truth, cv=5, method="predict_proba"))


class Bench:
    """The answers, the models that learnt from them, and the report."""

    def __init__(
        self, answers: Answers, probs: dict[int, Floats], report: Report, orders: Sequence[int]
    ) -> None:
        self.answers = answers
        self.probs = probs
        self.report = report
        self.orders = orders
        self.votes = {seed: answers.in_order(seed) for seed in orders}

    def add(self, name: str, values: Sequence[float], note: str = "") -> None:
        """Report a share or score over the vote orders."""
        self.report.add(name, values, "", seed=self.orders[0], note=note)

    def aggregate(self) -> None:
        """Compare the methods on 1, 2 and 3 votes a picture."""
        peers = run_peers(
            {f"{k}_{seed}": votes[:, :k] for seed, votes in self.votes.items() for k in VOTES_OF_MODEL},
            {f"{k}_{seed}": self.probs[model] for seed in self.orders for k, model in VOTES_OF_MODEL.items()},
        )
        for k in VOTES_OF_MODEL:
            by_method: dict[str, list[Labelling]] = {}
            for seed in self.orders:
                for name, one in (self._ours(k, seed) | peers.get(f"{k}_{seed}", {})).items():
                    by_method.setdefault(name, []).append(one)
            self._compare(k, by_method)
        seed = self.orders[0]
        stacked = stacked_with_truth(
            self.votes[seed], self.probs[VOTES_OF_MODEL[MAX_VOTES]], self.answers.truth
        )
        note = "taught the true labels: what votes and model have to give"
        self.add(f"votes_{MAX_VOTES}_ceiling_accuracy", [stacked.accuracy(self.answers.truth)], note)

    def _ours(self, k: int, seed: int) -> dict[str, Labelling]:
        labels, votes = self.answers.labels, self.votes[seed][:, :k]
        probs = self.probs[VOTES_OF_MODEL[k]]
        blind, seeing = (cases_of(votes, labels, probs=view) for view in (None, probs))
        return {
            "majority": majority(votes, len(labels), seed),
            "dawid_skene": Labelling.of(found(blind, labels, Method.DAWID_SKENE).posterior()),
            "posterior_no_model": Labelling.of(found(blind, labels).posterior()),
            "posterior": Labelling.of(found(seeing, labels).posterior()),
        }

    def _compare(self, k: int, by_method: dict[str, list[Labelling]]) -> None:
        truth = self.answers.truth
        for name, runs in by_method.items():
            for score in ("accuracy", "auroc", "ece"):
                note = "aim: at most 0.015" if (name, score, k) == ("posterior", "ece", 3) else ""
                self.add(f"votes_{k}_{name}_{score}", [getattr(one, score)(truth) for one in runs], note)
        for peer in ("crowdlab", "crowdlab_calibrated"):
            if peer in by_method:
                pairs = zip(by_method["posterior"], by_method[peer], strict=True)
                gains = [100 * (ours.accuracy(truth) - theirs.accuracy(truth)) for ours, theirs in pairs]
                note = "aim: at least 1.0" if k == 3 else ""
                self.report.add(f"votes_{k}_posterior_minus_{peer}", gains, "points", note=note)

    def ask_until_sure(self) -> None:
        """Buy votes one at a time where the next is worth most, knowing only those bought so far."""
        by_budget: dict[float, list[float]] = {1.0: []} | {budget: [] for budget in BUDGETS}
        gold: list[tuple[float, float, float]] = []
        for seed in self.orders:
            n_votes = np.ones(len(self.answers.truth), dtype=np.intp)
            findings = self._bought(seed, n_votes)
            by_budget[1.0].append(self._accuracy(findings))
            for budget in BUDGETS:
                gain = np.where(n_votes < MAX_VOTES, findings.expected_gain(), -1)
                n_more = round(budget * len(n_votes)) - n_votes.sum()
                n_votes[np.argsort(-gain, kind="stable")[:n_more]] += 1
                findings = self._bought(seed, n_votes)
                by_budget[budget].append(self._accuracy(findings))
            gold.append(self._until_gold(seed))
        for budget, values in by_budget.items():
            note = "aim: at least 0.96" if budget == 1.2 else ""
            self.add(f"ask_{budget:.2f}_votes_accuracy", values, note)
        for name, values in zip(
            ("votes", "gold_share", "gold_accuracy"), zip(*gold, strict=True), strict=True
        ):
            self.add(f"ask_until_{TARGET}_{name}", list(values))

    def _bought(self, seed: int, n_votes: Votes) -> Findings:
        cases = cases_of(self.votes[seed], self.answers.labels, probs=self.probs[1], n_votes=n_votes)
        return found(cases, self.answers.labels)

    def _accuracy(self, findings: Findings) -> float:
        return Labelling.of(findings.posterior()).accuracy(self.answers.truth)

    def _until_gold(self, seed: int) -> tuple[float, float, float]:
        """Return votes a picture, gold's share and its accuracy, when all that is unsure is asked again."""
        labels, truth = self.answers.labels, self.answers.truth
        n_votes = np.ones(len(truth), dtype=np.intp)
        for _ in range(MAX_VOTES - 1):
            is_gold = np.array([one.label is not None for one in self._bought(seed, n_votes).consensus])
            n_votes[~is_gold] += 1
        gold = [one.label for one in self._bought(seed, n_votes).consensus]
        is_gold = np.array([label is not None for label in gold])
        hits = [
            label == labels[column] for label, column in zip(gold, truth, strict=True) if label is not None
        ]
        return float(n_votes.mean()), float(is_gold.mean()), float(np.mean(hits))

    def spammer(self) -> None:
        """Let one of five people answer at random, and see what becomes of the labels."""
        labels, truth = self.answers.labels, self.answers.truth
        changes: dict[str, list[float]] = {}
        weights: list[float] = []
        for seed in self.orders:
            rng = np.random.default_rng((seed, 1))
            people = np.argsort(rng.random((len(truth), len(PEOPLE))), axis=1)[:, :MAX_VOTES]
            honest = self.votes[seed]
            is_spam = people == PEOPLE.index(SPAMMER)
            spammed = np.where(is_spam, rng.integers(len(labels), size=honest.shape), honest)
            for name, method, probs in (
                ("dawid_skene", Method.DAWID_SKENE, None),
                ("posterior_no_model", Method.POSTERIOR, None),
                ("posterior", Method.POSTERIOR, self.probs[VOTES_OF_MODEL[MAX_VOTES]]),
            ):
                before, after = (
                    found(cases_of(votes, labels, probs=probs, people=people), labels, method)
                    for votes in (honest, spammed)
                )
                changes.setdefault(name, []).append(100 * (self._accuracy(after) - self._accuracy(before)))
            weights.append(next(one.weight for one in after.annotators() if one.annotator == SPAMMER))
            plain = [majority(votes, len(labels), seed).accuracy(truth) for votes in (honest, spammed)]
            changes.setdefault("majority", []).append(100 * (plain[1] - plain[0]))
        for name, values in changes.items():
            self.report.add(f"spammer_changes_{name}", values, "points", note="one of five people")
        self.report.add("spammer_weight", weights, "", note="of a typical vote's information")


def run_peers(votes: dict[str, Votes], probs: dict[str, Floats]) -> dict[str, dict[str, Labelling]]:
    """Return what CROWDLAB and crowd-kit make of each set of votes, run in an environment of their own."""
    say("running cleanlab and crowd-kit")
    with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as folder:
        given, answer = Path(folder) / "given.npz", Path(folder) / "answer.npz"
        named = {f"votes_{name}": one for name, one in votes.items()}
        np.savez(given, **named, **{f"probs_{name}": one for name, one in probs.items()})
        script = Path(__file__).with_name("_labels_peers.py")
        command = [
            sys.executable,
            "-m",
            "uv",
            "run",
            "--quiet",
            "--script",
            str(script),
            str(given),
            str(answer),
        ]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        subprocess.run(command, check=True, env=environment)
        peers: dict[str, dict[str, Labelling]] = {}
        with np.load(answer) as read:
            for key in read.files:
                name, peer, kind = key.removeprefix("votes_").split("/")
                if kind == "label":
                    confidence = read[f"votes_{name}/{peer}/confidence"]
                    peers.setdefault(name, {})[peer] = Labelling(read[key], np.clip(confidence, 0, 1))
    return peers


def main() -> None:
    """Run the bench."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    options = parser(__doc__.splitlines()[0])
    options.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("GOLDLOOP_TEST_DATA", beside)),
        metavar="FOLDER",
        help="folder that holds cifar10/ (default: GOLDLOOP_TEST_DATA, or where the tests look)",
    )
    options.add_argument(
        "--cache",
        type=Path,
        default=user_cache_path("goldloop") / "bench-labels",
        metavar="FOLDER",
        help="keeps what the models said, so that only the first run trains",
    )
    chosen = options.parse_args()
    from _labels_model import cross_fitted_logits

    report = Report("labels", chosen)
    answers = load_answers(chosen.data, 2000 if chosen.quick else None)
    votes = answers.in_order(chosen.seed)
    probs: dict[int, Floats] = {}
    for k in sorted(set(VOTES_OF_MODEL.values())):
        logits = cross_fitted_logits(
            answers.pictures,
            votes[:, :k],
            n_labels=len(answers.labels),
            cache=chosen.cache,
            is_quick=chosen.quick,
        )
        probs[k] = calibrated(logits, fit_temperature(logits, votes[:, 0]))  # to answers: all there is
        accuracy = float((probs[k].argmax(axis=1) == answers.truth).mean())
        report.add(f"model_of_{k}_votes_accuracy", accuracy, "", seed=chosen.seed, note="cross-fitted")
    n_orders = 2 if chosen.quick else N_ORDERS
    bench = Bench(answers, probs, report, range(chosen.seed, chosen.seed + n_orders))
    bench.aggregate()
    bench.ask_until_sure()
    bench.spammer()
    report.finish()


if __name__ == "__main__":
    main()
