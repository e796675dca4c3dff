"""What a spammer who joins in the second round does to gold, on simulated people whose skill is known.

An expert, two average people and a careless one label a hundred new samples a round; from the second round on
a spammer, who answers without looking, takes a fifth of the work, or does not. Two in five samples are audit
samples: two blind answers, and an adjudicator where they differ. The others have a model's calibrated
probabilities and are asked about until the posterior is sure, three people at most, then adjudicated. Gold is
derived anew from all answers after every round, so what the spammer said first is asked again once they are
known.

Prints gold's accuracy after each round with and without the spammer, and their difference with its 95 %
interval over repeats; then the same when votes are counted (majority) in place of weighed.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from _common import Report, parser

from goldloop.consensus.fit import Consensus, Method, VotedSample, fit_consensus
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId

LABELS = LabelSet(tuple(f"label {number}" for number in range(10)))
CREW = {"1": 0.98, "2": 0.92, "3": 0.90, "4": 0.75}
SPAMMER, SPAMMER_SKILL, ADJUDICATOR = "5", 0.10, 0.99
N_ROUNDS, N_A_ROUND, AUDIT_SHARE, TARGET, MAX_ANSWERS = 5, 100, 0.4, 0.90, 3


@dataclass
class Project:
    """Samples, what is true, and what people have said of them so far."""

    random: np.random.Generator
    method: Method
    truth: list[int] = field(default_factory=list)
    cases: list[VotedSample] = field(default_factory=list)
    n_answers: int = 0
    n_decisions: int = 0

    def is_audit(self, number: int) -> bool:
        """Whether the sample is answered twice blind and no model is asked about it."""
        return self.cases[number].probs is None

    def arrive(self) -> None:
        """Add the samples of one round; the truth is drawn from the model's probabilities."""
        for _ in range(N_A_ROUND):
            logits = self.random.normal(0, 2.2, len(LABELS))
            probs = np.exp(logits) / np.exp(logits).sum()
            self.truth.append(int(self.random.choice(len(LABELS), p=probs)))
            shown = None if self.random.random() < AUDIT_SHARE else tuple(probs)
            self.cases.append(VotedSample(SampleId(f"{len(self.cases):05d}"), {}, shown))

    def said(self, number: int, skill: float) -> str:
        """Return what somebody of this skill says of a sample."""
        right = self.truth[number]
        if self.random.random() < skill:
            return LABELS[right]
        return LABELS[int((right + self.random.integers(1, len(LABELS))) % len(LABELS))]

    def ask(self, numbers: list[int], people: dict[str, float]) -> None:
        """Let somebody new answer each of these samples."""
        for number in numbers:
            case = self.cases[number]
            who = str(self.random.choice([one for one in people if one not in case.votes]))
            votes = {**case.votes, who: self.said(number, people[who])}
            self.cases[number] = replace(case, votes=votes)
            self.n_answers += 1

    def consensus(self) -> tuple[Consensus, ...]:
        """Return goldloop's consensus on every sample."""
        return fit_consensus(self.cases, LABELS, method=self.method, target=TARGET, overlap=1).consensus

    def is_split(self, number: int) -> bool:
        """Whether the first two answers to an audit sample differ."""
        return self.is_audit(number) and len(set(list(self.cases[number].votes.values())[:2])) > 1

    def play_round(self, people: dict[str, float]) -> float:
        """AnswerRequest until everything is sure or decided; return the accuracy of gold."""
        new = list(range(len(self.cases), len(self.cases) + N_A_ROUND))
        self.arrive()
        self.ask(new, people)
        self.ask([number for number in new if self.is_audit(number)], people)
        while True:
            found = self.consensus()
            open_ones = [
                number
                for number, one in enumerate(found)
                if self.cases[number].decision is None and (one.label is None or self.is_split(number))
            ]
            more = [
                number
                for number in open_ones
                if len(self.cases[number].votes) < MAX_ANSWERS and not self.is_split(number)
            ]
            if not open_ones:
                return float(np.mean([one.label == LABELS[self.truth[i]] for i, one in enumerate(found)]))
            self.ask(more, people)
            for number in set(open_ones) - set(more):
                self.n_decisions += 1
                decision = self.said(number, ADJUDICATOR)
                self.cases[number] = replace(self.cases[number], decision=decision)


def repeat(seed: int, method: Method) -> npt.NDArray[np.float64]:
    """Return (2, N_ROUNDS + 2): without and with the spammer, accuracy by round, answers and decisions."""
    rows = []
    for has_spammer in (False, True):
        project = Project(np.random.default_rng(seed), method)
        joined = CREW | ({SPAMMER: SPAMMER_SKILL} if has_spammer else {})
        rounds = [project.play_round(joined if round_ else CREW) for round_ in range(N_ROUNDS)]
        rows.append([*rounds, project.n_answers, project.n_decisions])
    return np.array(rows)


def main() -> None:
    """Run the bench."""
    options = parser(__doc__ or "").parse_args()
    report, n_repeats = Report("spammer", options), 20 if options.quick else 100
    seeds = range(options.seed * 10**6, options.seed * 10**6 + n_repeats)
    for method in (Method.POSTERIOR, Method.MAJORITY):
        with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
            found = np.stack(list(pool.map(repeat, seeds, [method] * n_repeats)))
        for round_ in range(N_ROUNDS):
            without, with_spammer = found[:, 0, round_], found[:, 1, round_]
            gain = with_spammer - without
            half = 1.96 * gain.std(ddof=1) / np.sqrt(n_repeats)
            note = f"without {without.mean():.4f}; difference {gain.mean():+.4f} +-{half:.4f}"
            report.add(f"{method}, round {round_ + 1}: gold", float(with_spammer.mean()), "", note=note)
        for column, name in ((N_ROUNDS, "answers"), (N_ROUNDS + 1, "decisions")):
            mean = found[:, :, column].mean(axis=0)
            report.add(f"{method}: {name} in all", float(mean[1]), "", note=f"without {mean[0]:.0f}")
    report.finish()


if __name__ == "__main__":
    main()
