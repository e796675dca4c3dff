"""Tasks: why a sample is shown to people, and what travels with it into Label Studio."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from goldloop.samples import BatchId, SampleId


class Purpose(StrEnum):
    """Why a sample is shown to people; what is drawn at random (seed, audit) is always blind."""

    SEED = "seed"
    AUDIT = "audit"
    REVIEW = "review"

    @property
    def is_blind(self) -> bool:
        """Whether the annotator sees no suggestion."""
        return self is not Purpose.REVIEW


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
    """A task about to be pushed. `path` is relative to the content store; no suggestion means blind."""

    sample_id: SampleId
    purpose: Purpose
    batch: BatchId
    path: str
    suggestion: Suggestion | None = None

    @property
    def key(self) -> str:
        """Key that no two live tasks of a project share."""
        return task_key(self.sample_id, self.purpose)
