"""People at work in the present loop of the simulated year: who is asked what, until a sample has its label.

This and loop.py stand in for goldloop's own weekly routine over tables in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from goldloop.annotators.anchoring import Observation
from goldloop.annotators.profiles import Judged
from goldloop.audit.audited import Audited
from goldloop.consensus.fit import Method, VotedSample, fit_consensus
from goldloop.core.answers import Answer
from goldloop.core.candidates import Choice
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from scripts.bench.pictures import Floats
from scripts.bench.year.people import ADJUDICATOR, ADJUDICATOR_SKILL, People

TYPICAL = 0.92  # how often people are taken to be right when votes are weighed
TARGET, MAX_ANSWERS = 0.90, 3
CHECKED_SHARE = 0.10  # of the quick reviews gets a blind answer more, which tells how good such reviews are


@dataclass
class Gathered:
    """Labelled samples in parallel lists that grow week by week; `machine` is what the model had said, or -1."""

    choices: list[Choice] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    machine: list[int] = field(default_factory=list)
    probs: list[Floats] = field(default_factory=list)

    @property
    def ids(self) -> list[SampleId]:
        """Return the samples."""
        return [choice.candidate.sample_id for choice in self.choices]

    @property
    def weights(self) -> list[float]:
        """Return inverse inclusion probabilities."""
        return [1 / (choice.inclusion_probability or 1.0) for choice in self.choices]

    def add(self, choice: Choice, number: int, label: int, probs: Floats | None, n_labels: int) -> None:
        """Add a sample that was labelled in round `number`."""
        self.choices.append(choice)
        self.rounds.append(number)
        self.labels.append(label)
        self.machine.append(-1 if probs is None else int(probs.argmax()))
        self.probs.append(np.full(n_labels, 1 / n_labels) if probs is None else probs)

    def audited(self, probs: Floats | None = None) -> Audited:
        """Return the samples as first scored, or as another model's `probs` have them."""
        return Audited(
            sample_ids=tuple(self.ids),
            truth=np.array(self.labels, dtype=np.intp),
            probs=np.array(self.probs) if probs is None else probs,
            weights=np.array(self.weights),
            lanes=np.array([str(choice.candidate.lane) for choice in self.choices], dtype="<U6"),
            rounds=np.array(self.rounds, dtype=np.intp),
        )


@dataclass
class Desk:
    """Everybody's answers, and what each sample came to."""

    people: People
    labels: LabelSet
    rng: np.random.Generator
    moment: datetime
    answers: list[Answer] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)

    def settle(self, choice: Choice, number: int, probs: Floats | None) -> int:
        """Return the column that people in round `number` settle on for a chosen sample."""
        sample_id, purpose = choice.candidate.sample_id, choice.purpose
        if purpose in (Purpose.AUDIT, Purpose.FULL):
            prior = probs if purpose is Purpose.FULL and probs is not None else self._flat()
            return self._strict(sample_id, number, purpose, prior)
        if purpose is Purpose.REVIEW and probs is not None:
            return self._quick(sample_id, number, probs)
        return self.labels.column(str(self._ask(sample_id, number, Purpose.SEED).label))

    def _strict(self, sample_id: SampleId, number: int, purpose: Purpose, prior: Floats) -> int:
        """Return what two blind answers come to, and an adjudicator where they differ."""
        first = self._ask(sample_id, number, purpose)
        second = self._ask(sample_id, number, purpose, but=(first.annotator,))
        decision = None
        if first.label != second.label:
            decision = self._ask(sample_id, number, Purpose.ADJUDICATION, who=ADJUDICATOR)
        for answer, other in ((first, second), (second, first)):
            others = self._posterior(prior, [other], decision).tolist()
            self.judged.append(Judged(answer, None, dict(zip(self.labels, others, strict=True))))
        return self.labels.column(str((decision or first).label))

    def _quick(self, sample_id: SampleId, number: int, probs: Floats) -> int:
        """Return what a quick review comes to; further blind answers until it is sure, then an adjudicator."""
        suggested = self.labels[int(probs.argmax())]
        votes = [self._ask(sample_id, number, Purpose.REVIEW, suggested=suggested)]
        is_checked = self.rng.random() < CHECKED_SHARE
        if is_checked:
            votes.append(self._ask(sample_id, number, Purpose.RECHECK, but=(votes[0].annotator,)))
        has_dissent = is_checked and votes[0].label != votes[1].label
        decision, posterior = None, self._posterior(probs, votes, None)
        while posterior.max() < TARGET or has_dissent:
            if len(votes) >= MAX_ANSWERS or has_dissent:
                decision = self._ask(sample_id, number, Purpose.ADJUDICATION, who=ADJUDICATOR)
                break
            but = tuple(vote.annotator for vote in votes)
            votes.append(self._ask(sample_id, number, Purpose.REVIEW, but=but))
            posterior = self._posterior(probs, votes, None)
        if is_checked:
            truth = str((decision or votes[0]).label)
            seen = Observation(suggested, str(votes[0].label), truth, True, votes[0].lead_time_s)
            self.observations.append(seen)
        return int(posterior.argmax()) if decision is None else self.labels.column(str(decision.label))

    def _ask(
        self,
        sample_id: SampleId,
        number: int,
        purpose: Purpose,
        *,
        but: tuple[str, ...] = (),
        who: str | None = None,
        suggested: str | None = None,
    ) -> Answer:
        who = who or self.people.somebody(but)
        self.moment += timedelta(seconds=1)
        answer = Answer(
            annotation_id=len(self.answers),
            sample_id=sample_id,
            purpose=purpose,
            annotator=who,
            label=self.people.label(who, sample_id, number, suggested),
            reason=None,
            round=number,
            created_at=self.moment,
            updated_at=self.moment,
            lead_time_s=self.people.seconds(purpose, is_shown=suggested is not None),
            suggested_label=suggested,
            is_shown=suggested is not None,
        )
        self.answers.append(answer)
        return answer

    def _posterior(self, prior: Floats, votes: list[Answer], decision: Answer | None) -> Floats:
        weighed = np.array(prior, dtype=np.float64) + 1e-6
        for answer, skill in [(vote, TYPICAL) for vote in votes] + [(decision, ADJUDICATOR_SKILL)]:
            if answer is not None:
                likelihood = np.full(len(self.labels), (1 - skill) / (len(self.labels) - 1))
                likelihood[self.labels.column(str(answer.label))] = skill
                weighed *= likelihood
        return np.asarray(weighed / weighed.sum())

    def _flat(self) -> Floats:
        return np.full(len(self.labels), 1 / len(self.labels))


def posteriors(gathered: Gathered, answers: list[Answer], labels: LabelSet) -> Floats:
    """Return how sure goldloop's consensus is of each label at the end, (n, n_labels)."""
    votes: dict[SampleId, list[Answer]] = {}
    decisions: dict[SampleId, str] = {}
    for answer in answers:
        if answer.purpose is Purpose.ADJUDICATION:
            decisions[answer.sample_id] = str(answer.label)
        else:
            votes.setdefault(answer.sample_id, []).append(answer)
    samples = [
        VotedSample(
            sample_id=(sample_id := choice.candidate.sample_id),
            votes={vote.annotator: str(vote.label) for vote in votes[sample_id]},
            probs=None if choice.purpose is Purpose.AUDIT or machine < 0 else tuple(probs),
            shown={vote.annotator: str(vote.suggested_label) for vote in votes[sample_id] if vote.is_shown},
            decision=decisions.get(sample_id),
        )
        for choice, machine, probs in zip(gathered.choices, gathered.machine, gathered.probs, strict=True)
    ]
    fit = fit_consensus(samples, labels, method=Method.POSTERIOR, target=TARGET, overlap=1)
    return np.array([[found.posterior.get(label, 0.0) for label in labels] for found in fit.consensus])
