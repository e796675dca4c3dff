"""Tasks: why a sample is shown to people, and what travels with it into Label Studio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from goldloop.core.samples import BatchId, SampleId


class Purpose(StrEnum):
    """Why a sample is shown to people.

    `SEED` and `AUDIT` are drawn at random, a seed before the first model from everything and later from what
    is held. `REVIEW` is a quick review and `FULL` a full review, both chosen by the policy; a full one gets
    blind answers as an audit does. `RECHECK` is a blind second look at what was shown with a suggestion or
    looks wrong in gold. `ONBOARDING` shows known answers to somebody new, and `ADJUDICATION` shows what
    people disagree about to an adjudicator.
    """

    SEED = "seed"
    AUDIT = "audit"
    REVIEW = "review"
    FULL = "full"
    RECHECK = "recheck"
    ONBOARDING = "onboarding"
    ADJUDICATION = "adjudication"

    @property
    def is_blind(self) -> bool:
        """Whether the annotator never sees a suggestion."""
        return self is not Purpose.REVIEW

    @property
    def has_votes(self) -> bool:
        """Whether its answers vote on the sample's label; onboarding only measures, adjudication decides."""
        return self not in (Purpose.ONBOARDING, Purpose.ADJUDICATION)


def task_key(sample_id: SampleId, purpose: Purpose) -> str:
    """Return the key that no two live tasks of a project share."""
    return f"{sample_id}:{purpose}"


def split_key(key: str) -> tuple[SampleId, Purpose]:
    """Return the sample and purpose of a key; raises ValueError for a key goldloop did not make."""
    sample_id, _, purpose = key.partition(":")
    return SampleId(sample_id), Purpose(purpose)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The prediction shown to the annotator as a pre-annotation."""

    label: str
    score: float
    model_version: str
    hint: str


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task about to be pushed. `path` is relative to the content store; no suggestion means blind.

    `answers` counts by label what people have said so far, and is what an adjudicator is shown of them.
    `barred` are annotators who are not shown the task, as they have answered the sample before.
    """

    sample_id: SampleId
    purpose: Purpose
    batch: BatchId
    path: str
    suggestion: Suggestion | None = None
    answers: Mapping[str, int] = field(default_factory=dict)
    barred: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Key that no two live tasks of a project share."""
        return task_key(self.sample_id, self.purpose)


def n_first_answers(purpose: Purpose, *, overlap: int, audit_answers: int, is_checked: bool) -> int:
    """Return how many people are asked independently before anything is concluded."""
    if purpose in (Purpose.AUDIT, Purpose.FULL):
        return max(overlap, audit_answers)
    return max(overlap, 2) if is_checked else overlap
