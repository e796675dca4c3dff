"""A simulated project: people of known skill label samples until goldloop's consensus is sure of each.

Two in five samples are audit samples: two blind answers, and an adjudicator where they differ. The others
have a model's calibrated probabilities and are asked about until the posterior is sure, three people at most,
then adjudicated. Consensus is goldloop's own and is derived anew from all answers before every question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import softmax

from goldloop.consensus.label import ConsensusFit, Method, fit_consensus
from goldloop.consensus.votes import VotedSample
from goldloop.core.samples import SampleId
from scripts.bench.outputs import numbered_labels

LABELS = numbered_labels(10)
SPREAD = 2.2  # of the model's logits
ADJUDICATOR = 0.99
AUDIT_SHARE, TARGET, MAX_ANSWERS = 0.4, 0.90, 3
ALIKE_SHARE, LEAST_ALIKE = 0.7, 0.70


@dataclass
class Project:
    """Samples, what is true, and what people have said of them so far.

    `is_alike` makes two labels draw most of each other's mistakes, but not those of people who answer at
    random. `order` lists who answered which sample.
    """

    rng: np.random.Generator
    method: Method = Method.POSTERIOR
    is_alike: bool = False
    truth: list[int] = field(default_factory=list)
    samples: list[VotedSample] = field(default_factory=list)
    order: list[tuple[int, str]] = field(default_factory=list)
    n_decisions: int = 0

    def play_round(self, people: Mapping[str, float], n: int) -> ConsensusFit:
        """Let `n` samples arrive and `people`, by id with their skill, answer until nothing is open."""
        new = range(len(self.samples), len(self.samples) + n)
        self._arrive(n)
        for number in self.rng.permutation(new).tolist():
            self._ask(number, people)
        for number in filter(self._is_audit, new):
            self._ask(number, people)
        while True:
            fit = fit_consensus(self.samples, LABELS, method=self.method, target=TARGET)
            unsettled = [
                number
                for number, consensus in enumerate(fit.consensus)
                if self.samples[number].decision is None
                and (consensus.label is None or self._is_split(number))
            ]
            if not unsettled:
                return fit
            for number in unsettled:
                if len(self.samples[number].votes) < MAX_ANSWERS and not self._is_split(number):
                    self._ask(number, people)
                else:
                    self._decide(number)

    def accuracy(self, fit: ConsensusFit) -> float:
        """Return the share of samples whose label is the true one."""
        labels = [consensus.label for consensus in fit.consensus]
        return float(
            np.mean([label == LABELS[right] for label, right in zip(labels, self.truth, strict=True)])
        )

    def answer(self, right: int, skill: float) -> str:
        """Return the label that somebody of this skill gives where column `right` is true."""
        if self.rng.random() < skill:
            return LABELS[right]
        if self.is_alike and skill > LEAST_ALIKE and self.rng.random() < ALIKE_SHARE:
            return LABELS[right ^ 1]
        return LABELS[int((right + self.rng.integers(1, len(LABELS))) % len(LABELS))]

    def _arrive(self, n: int) -> None:
        """Add samples; the truth is drawn from the model's probabilities, so these are calibrated."""
        for probs in softmax(self.rng.normal(0, SPREAD, (n, len(LABELS))), axis=1):
            self.truth.append(int(self.rng.choice(len(LABELS), p=probs)))
            shown = None if self.rng.random() < AUDIT_SHARE else tuple(probs)
            self.samples.append(VotedSample(SampleId(f"{len(self.samples):05d}"), {}, shown))

    def _ask(self, number: int, people: Mapping[str, float]) -> None:
        sample = self.samples[number]
        who = str(self.rng.choice([name for name in people if name not in sample.votes]))
        votes = {**sample.votes, who: self.answer(self.truth[number], people[who])}
        self.samples[number] = replace(sample, votes=votes)
        self.order.append((number, who))

    def _decide(self, number: int) -> None:
        self.n_decisions += 1
        decision = self.answer(self.truth[number], ADJUDICATOR)
        self.samples[number] = replace(self.samples[number], decision=decision)

    def _is_audit(self, number: int) -> bool:
        return self.samples[number].probs is None

    def _is_split(self, number: int) -> bool:
        """Whether the first two answers to an audit sample differ."""
        return self._is_audit(number) and len(set(list(self.samples[number].votes.values())[:2])) > 1
