"""People at work in the present loop of the simulated year: who is asked what, until a sample has its label.

This and loop.py stand in for goldloop's own weekly routine over tables in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from goldloop.annotators.anchoring import Observation
from goldloop.annotators.profiles import AssessedAnswer
from goldloop.audit.audited import Audited
from goldloop.core.answers import Answer
from goldloop.core.candidates import Choice
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from scripts.bench.pictures import Floats
from scripts.bench.year.people import ADJUDICATOR, ADJUDICATOR_SKILL, People

TYPICAL = 0.92  # how often people are taken to be right when votes are weighed
TARGET, MAX_ANSWERS, TIE = 0.90, 3, 1e-6
CHECKED_SHARE = 0.10  # of the quick reviews gets a blind answer more, which tells how good such reviews are


@dataclass
class Gathered:
    """Labelled samples in parallel lists that grow week by week.

    `posteriors` and `probs` (n_labels,) are what people and the model say; `machine` is -1 without a model.
    """

    choices: list[Choice] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)
    posteriors: list[Floats] = field(default_factory=list)
    machine: list[int] = field(default_factory=list)
    probs: list[Floats] = field(default_factory=list)

    @property
    def ids(self) -> list[SampleId]:
        """Return the samples."""
        return [choice.candidate.sample_id for choice in self.choices]

    @property
    def labels(self) -> list[int]:
        """Return the columns."""
        return [int(posterior.argmax()) for posterior in self.posteriors]

    @property
    def weights(self) -> list[float]:
        """Return inverse inclusion probabilities."""
        return [1 / (choice.inclusion_probability or 1.0) for choice in self.choices]

    def add(self, choice: Choice, number: int, posterior: Floats, probs: Floats | None) -> None:
        """Add a sample that was labelled in round `number`."""
        self.choices.append(choice)
        self.rounds.append(number)
        self.posteriors.append(posterior)
        self.machine.append(-1 if probs is None else int(probs.argmax()))
        self.probs.append(np.full(len(posterior), 1 / len(posterior)) if probs is None else probs)

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
    judged: list[AssessedAnswer] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)

    def settle(self, choice: Choice, number: int, probs: Floats | None) -> Floats:
        """Return how sure people in round `number` are of each label of a chosen sample, (n_labels,)."""
        sample_id, purpose = choice.candidate.sample_id, choice.purpose
        flat = np.full(len(self.labels), 1 / len(self.labels))
        if purpose in (Purpose.AUDIT, Purpose.FULL):
            is_audit = purpose is Purpose.AUDIT or probs is None
            return self._strict(sample_id, number, purpose, flat if is_audit else probs)
        if purpose is Purpose.REVIEW and probs is not None:
            return self._quick(sample_id, number, probs)
        return self._posterior(flat, [self._ask(sample_id, number, Purpose.SEED)])

    def _strict(self, sample_id: SampleId, number: int, purpose: Purpose, prior: Floats) -> Floats:
        """Return what two blind answers come to, and an adjudicator where they differ."""
        first = self._ask(sample_id, number, purpose)
        second = self._ask(sample_id, number, purpose, but=(first.annotator,))
        decisions = []
        if first.label != second.label:
            decisions = [self._ask(sample_id, number, Purpose.ADJUDICATION, who=ADJUDICATOR)]
        for answer, other in ((first, second), (second, first)):
            others = self._posterior(prior, [other, *decisions]).tolist()
            self.judged.append(AssessedAnswer(answer, None, dict(zip(self.labels, others, strict=True))))
        return self._settled(self._posterior(prior, [first, second, *decisions]), decisions or [first])

    def _quick(self, sample_id: SampleId, number: int, probs: Floats) -> Floats:
        """Return what a quick review and then blind answers come to, and an adjudicator if still unsure."""
        suggested = self.labels[int(probs.argmax())]
        votes = [self._ask(sample_id, number, Purpose.REVIEW, suggested=suggested)]
        is_checked = self.rng.random() < CHECKED_SHARE
        if is_checked:
            votes.append(self._ask(sample_id, number, Purpose.RECHECK, but=(votes[0].annotator,)))
        has_dissent = is_checked and votes[0].label != votes[1].label
        decisions, posterior = [], self._posterior(probs, votes)
        while not decisions and (posterior.max() < TARGET or has_dissent):
            if len(votes) >= MAX_ANSWERS or has_dissent:
                decisions = [self._ask(sample_id, number, Purpose.ADJUDICATION, who=ADJUDICATOR)]
            else:
                but = tuple(vote.annotator for vote in votes)
                votes.append(self._ask(sample_id, number, Purpose.REVIEW, but=but))
            posterior = self._posterior(probs, [*votes, *decisions])
        if is_checked:
            truth = str((decisions or votes)[0].label)
            seen = Observation(suggested, str(votes[0].label), truth, True, votes[0].lead_time_s)
            self.observations.append(seen)
        return self._settled(posterior, decisions)

    def _settled(self, posterior: Floats, deciding: list[Answer]) -> Floats:
        """Return `posterior` with the label that was decided, if any, made the likeliest."""
        for answer in deciding:
            column = self.labels.column(str(answer.label))
            if posterior.argmax() != column:
                posterior[column] = posterior.max() + TIE
                posterior /= posterior.sum()
        return posterior

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

    def _posterior(self, prior: Floats, answers: list[Answer]) -> Floats:
        weighed = np.array(prior, dtype=np.float64) + 1e-6
        for answer in answers:
            skill = ADJUDICATOR_SKILL if answer.annotator == ADJUDICATOR else TYPICAL
            likelihood = np.full(len(self.labels), (1 - skill) / (len(self.labels) - 1))
            likelihood[self.labels.column(str(answer.label))] = skill
            weighed *= likelihood
        return np.asarray(weighed / weighed.sum())
