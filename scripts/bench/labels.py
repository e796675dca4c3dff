#!/usr/bin/env python3
"""How good labels made of real people's answers are, and how many answers that takes, against the peers.

aggregate        majority, Dawid-Skene, CROWDLAB and the posterior on 1, 2 and 3 votes a picture
ask until sure   one vote each, then one at a time where another is worth most, at most 3
spammer          answers at random join those of four honest people

The answers are CIFAR-10N's [wei2022], three a picture, each wrong for 17 to 18 %. The model learnt from such
answers alone and judges only pictures whose answers it has not seen; true labels only score. Every figure
is the median over vote orders, with the least and the most. One training serves all orders: what a picture's
probs rest on are other pictures' votes, whichever of them came first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from _common import Report
from _labels_data import Answers, Votes, answers_parser, load_answers
from _labels_methods import (
    PEOPLE,
    TARGET,
    Floats,
    Labelling,
    cases_of,
    found,
    labels_of_peers,
    majority,
    stacked_with_truth,
)

from goldloop.consensus.fit import ConsensusFit, Method
from goldloop.stats.calibration import Calibration, fit_temperature

N_ORDERS = 5
MAX_VOTES = 3
BUDGETS = (1.1, 1.2, 1.35, 1.5, 2.0)  # votes a picture
VOTES_OF_MODEL = {1: 1, 2: 1, 3: 1}
"""By votes aggregated: the votes a picture that its model learnt from, never more than were aggregated.

One model for all: {1: 1, 2: 1, 3: 3} trains a second one, on all three, which takes as long again.
"""
SPAMMER = "5"


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
        peers = labels_of_peers(
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
            fit = self._bought(seed, n_votes)
            by_budget[1.0].append(self._accuracy(fit))
            for budget in BUDGETS:
                gain = np.where(n_votes < MAX_VOTES, fit.expected_gain(), -1)
                n_more = round(budget * len(n_votes)) - n_votes.sum()
                n_votes[np.argsort(-gain, kind="stable")[:n_more]] += 1
                fit = self._bought(seed, n_votes)
                by_budget[budget].append(self._accuracy(fit))
            gold.append(self._until_gold(seed))
        for budget, values in by_budget.items():
            note = "aim: at least 0.96" if budget == 1.2 else ""
            self.add(f"ask_{budget:.2f}_votes_accuracy", values, note)
        for name, values in zip(
            ("votes", "gold_share", "gold_accuracy"), zip(*gold, strict=True), strict=True
        ):
            self.add(f"ask_until_{TARGET}_{name}", list(values))

    def _bought(self, seed: int, n_votes: Votes) -> ConsensusFit:
        is_bought = np.arange(MAX_VOTES) < n_votes[:, None]
        cases = cases_of(self.votes[seed], self.answers.labels, probs=self.probs[1], is_given=is_bought)
        return found(cases, self.answers.labels)

    def _accuracy(self, fit: ConsensusFit) -> float:
        return Labelling.of(fit.posterior()).accuracy(self.answers.truth)

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
        """Let one of five people answer at random, and see what that adds to the labels of the other four."""
        changes: dict[str, list[float]] = {}
        weights: list[float] = []
        for seed in self.orders:
            rng = np.random.default_rng((seed, 1))
            shape = self.votes[seed].shape
            people = np.argsort(rng.random((shape[0], len(PEOPLE))), axis=1)[:, :MAX_VOTES]
            is_spam = people == PEOPLE.index(SPAMMER)
            votes = np.where(is_spam, rng.integers(len(self.answers.labels), size=shape), self.votes[seed])
            for name, probs in (
                ("dawid_skene", None),
                ("posterior_no_model", None),
                ("posterior", self.probs[1]),
            ):
                method = Method.DAWID_SKENE if name == "dawid_skene" else Method.POSTERIOR
                without, joined = (
                    found(
                        cases_of(votes, self.answers.labels, probs=probs, is_given=given, people=people),
                        self.answers.labels,
                        method,
                    )
                    for given in (~is_spam, None)
                )
                changes.setdefault(name, []).append(100 * (self._accuracy(joined) - self._accuracy(without)))
            weights.append(next(one.weight for one in joined.annotators() if one.annotator == SPAMMER))
            plain = [
                majority(votes, len(self.answers.labels), seed, given).accuracy(self.answers.truth)
                for given in (~is_spam, None)
            ]
            changes.setdefault("majority", []).append(100 * (plain[1] - plain[0]))
        for name, values in changes.items():
            note = "answers at random join 2.4 honest ones a picture"
            self.report.add(f"spammer_changes_{name}", values, "points", note=note)
        self.report.add("spammer_weight", weights, "", note="of a typical vote's information")


def main() -> None:
    """Run the bench."""
    chosen = answers_parser(__doc__.splitlines()[0]).parse_args()
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
        probs[k] = Calibration(fit_temperature(logits, votes[:, 0])).apply(logits)  # to answers: all there is
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
