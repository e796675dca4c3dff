"""People at work in the simulated year: who is asked what, until each sample has its label."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from _year_world import SENIOR, SENIOR_SKILL, Floats, People, Week

from goldloop.annotators.anchoring import Observation
from goldloop.annotators.profiles import Judged
from goldloop.core.answers import Answer
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose

START = datetime(2026, 1, 5, tzinfo=None)
TYPICAL = 0.92  # how often people are taken to be right when votes are weighed
TARGET, MAX_ANSWERS = 0.90, 3
CHECKED_SHARE = 0.10  # of the quick reviews gets a blind answer more, which tells how good such looks are
KIND = {Purpose.REVIEW: "quick", Purpose.ADJUDICATION: "adjudicating"}


@dataclass(frozen=True, slots=True)
class Found:
    """What people made of a sample: the label's column, and how sure it is of each label (n_labels,)."""

    label: int
    posterior: Floats


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

    def strict(self, week: Week, place: int, purpose: Purpose, prior: Floats) -> Found:
        """Return what two blind answers come to, and an adjudicator where they differ."""
        first = self._ask(week, place, purpose, ())
        second = self._ask(week, place, purpose, (first.annotator,))
        decision = None
        if first.label != second.label:
            decision = self._ask(week, place, Purpose.ADJUDICATION, (), who=SENIOR)
        for one, other in ((first, second), (second, first)):
            others = self._posterior(prior, [other], decision)
            told = dict(zip(self.labels, others.tolist(), strict=True))
            self.judged.append(Judged(one, None, told))
        posterior = self._posterior(prior, [first, second], decision)
        final = decision or first
        return Found(self.labels.column(str(final.label)), posterior)

    def quick(self, week: Week, place: int, probs: Floats) -> Found:
        """Return what a quick review comes to; further blind answers until it is sure, then an adjudicator."""
        suggested = int(probs.argmax())
        votes = [self._ask(week, place, Purpose.REVIEW, (), suggested=suggested)]
        is_checked = self.rng.random() < CHECKED_SHARE
        if is_checked:
            votes.append(self._ask(week, place, Purpose.RECHECK, (votes[0].annotator,)))
        while True:
            posterior = self._posterior(probs, votes, None)
            has_dissent = is_checked and votes[0].label != votes[1].label
            if posterior.max() >= TARGET and not has_dissent:
                decision = None
                break
            if len(votes) >= MAX_ANSWERS or has_dissent:
                decision = self._ask(week, place, Purpose.ADJUDICATION, (), who=SENIOR)
                posterior = self._posterior(probs, votes, decision)
                break
            votes.append(self._ask(week, place, Purpose.REVIEW, tuple(one.annotator for one in votes)))
        label = int(posterior.argmax()) if decision is None else self.labels.column(str(decision.label))
        if is_checked:
            truth = str(votes[0].label) if decision is None else str(decision.label)
            self.observations.append(
                Observation(self.labels[suggested], str(votes[0].label), truth, True, votes[0].lead_time_s)
            )
        return Found(label, posterior)

    def single(self, week: Week, place: int) -> Found:
        """Return one blind answer, as seeds get it."""
        label = self.labels.column(str(self._ask(week, place, Purpose.SEED, ()).label))
        posterior = np.full(len(self.labels), (1 - TYPICAL) / (len(self.labels) - 1))
        posterior[label] = TYPICAL
        return Found(label, posterior)

    def _ask(
        self,
        week: Week,
        place: int,
        purpose: Purpose,
        but: tuple[str, ...],
        *,
        who: str | None = None,
        suggested: int | None = None,
    ) -> Answer:
        who = who or self.people.somebody(but)
        said = self.people.says(who, int(week.rows[place]), week.number, suggested)
        self.moment += timedelta(seconds=1)
        answer = Answer(
            annotation_id=len(self.answers),
            sample_id=SampleId(week.sample_ids[place]),
            purpose=purpose,
            annotator=who,
            label=self.labels[said],
            reason=None,
            round=week.number,
            created_at=self.moment,
            updated_at=self.moment,
            lead_time_s=self.people.takes_s("quick" if suggested is not None else KIND.get(purpose, "blind")),
            suggested_label=None if suggested is None else self.labels[suggested],
            is_shown=suggested is not None,
        )
        self.answers.append(answer)
        return answer

    def _posterior(self, prior: Floats, votes: list[Answer], decision: Answer | None) -> Floats:
        weighed = np.array(prior, dtype=np.float64) + 1e-6
        for one, skill in [(vote, TYPICAL) for vote in votes] + [(decision, SENIOR_SKILL)] * bool(decision):
            says = np.full(len(self.labels), (1 - skill) / (len(self.labels) - 1))
            says[self.labels.column(str(one.label))] = skill
            weighed *= says
        return np.asarray(weighed / weighed.sum())


def flat(labels: LabelSet) -> npt.NDArray[np.float64]:
    """Return the prior where no model may have a word."""
    return np.full(len(labels), 1 / len(labels))
