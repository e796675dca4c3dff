"""Tasks: why annotators see a sample, the data that Label Studio receives, and how many are to answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from goldloop.core.assessments import Assessment
from goldloop.core.samples import BatchId, SampleId


class Purpose(StrEnum):
    """Why annotators see a sample.

    `AUDIT` samples are a random draw. The strategy chooses all others that are new: a `SEED` shows no
    suggestion, and comes from all samples before the first model and from held ones later; `REVIEW` is a
    quick review and `FULL` a full review, for samples that the policy sent there; a full review gets blind
    answers like an audit. `RECHECK` is a blind second answer to a sample that was shown with a suggestion, or
    whose gold label is doubtful. `ONBOARDING` shows samples with known labels to a new annotator.
    `ADJUDICATION` shows disputed samples to an adjudicator. `APPEAL` asks two people who have not decided a
    sample, because its author objects to the label. A `SHEET` sample is confirmed or refused on one page
    with others of the same suggestion, among which a `PLANTED` one has another label, as is known: it
    measures what people overlook. `OUTCOME` and `IMPORT` are no tasks: they stand in gold for a sample that
    nobody was asked about, and whose outcome became known or whose label a file said.
    """

    SEED = "seed"
    AUDIT = "audit"
    REVIEW = "review"
    FULL = "full"
    RECHECK = "recheck"
    ONBOARDING = "onboarding"
    ADJUDICATION = "adjudication"
    APPEAL = "appeal"
    SHEET = "sheet"
    PLANTED = "planted"
    OUTCOME = "outcome"
    IMPORT = "import"

    @property
    def has_votes(self) -> bool:
        """Whether its answers are votes: no measurement of an annotator, no decision, no file's word."""
        return self not in _NO_VOTES

    @property
    def is_on_sheet(self) -> bool:
        """Whether annotators see the sample among others on one page, which ends with one answer to all."""
        return self in (Purpose.SHEET, Purpose.PLANTED)


_NO_VOTES = frozenset(
    {Purpose.ONBOARDING, Purpose.PLANTED, Purpose.ADJUDICATION, Purpose.OUTCOME, Purpose.IMPORT}
)


def task_key(sample_id: SampleId, purpose: Purpose) -> str:
    """Return the key that no two live tasks of a project share."""
    return f"{sample_id}:{purpose}"


@lru_cache(maxsize=1 << 18)
def split_key(key: str) -> tuple[SampleId, Purpose]:
    """Return the sample and purpose of a key.

    Raises:
        ValueError: goldloop did not make the key.
    """
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
    """A task to push. `path` is relative to the content store; a task without a suggestion is blind.

    `answers` counts the answers so far by label; an adjudicator sees these counts. `barred` annotators do not
    get the task, because they have answered the sample before. `sealed` is the plan, encrypted. `words` are
    what the author of an appealed sample says. `earlier` are the samples of the same entity before this one,
    newest first, with their labels, "" where unknown. A blind task has no `assessment`. Tasks with one
    `sheet` are shown together, in their order.
    """

    sample_id: SampleId
    purpose: Purpose
    batch: BatchId
    path: str
    suggestion: Suggestion | None = None
    answers: Mapping[str, int] = field(default_factory=dict)
    barred: tuple[str, ...] = ()
    sealed: str = ""
    words: str = ""
    earlier: Mapping[SampleId, str] = field(default_factory=dict)
    assessment: Assessment | None = None
    sheet: str | None = None

    @property
    def key(self) -> str:
        """Key that no two live tasks of a project share."""
        return task_key(self.sample_id, self.purpose)


def n_first_answers(purpose: Purpose, *, overlap: int, audit_answers: int, is_checked: bool) -> int:
    """Return the number of independent first answers of a task; before them, there is no label."""
    if purpose.is_on_sheet:
        return 1
    if purpose in (Purpose.AUDIT, Purpose.FULL, Purpose.APPEAL):
        return max(overlap, audit_answers)
    return max(overlap, 2) if is_checked else overlap


class RequestReason(StrEnum):
    """Why goldloop requests more answers than one."""

    FIRST = "first"  # several independent first answers, as in every audit
    CHECK = "check"  # the true label of a hidden suggestion, see goldloop.annotators.automation_bias
    UNSURE = "unsure"  # the posterior is below the target
    HONEYPOT = "honeypot"  # the label is known; the answer measures the annotator
    UNCOUNTED = "uncounted"  # replaces an answer that does not count, see goldloop.consensus.evidence


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """A request for more answers to a task; `n_answers` is the total number of answers.

    `at` is the time of the commit and `round` the round that was open then; both are None before it.
    """

    key: str
    n_answers: int
    reason: RequestReason
    at: datetime | None = None
    round: int | None = None


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """Number of answers wanted of one task, and the task id and number last set on the server."""

    n_wanted: int = 1
    told: tuple[int | None, int] = (None, 1)

    def is_told(self, task_id: int | None) -> bool:
        """Whether the server holds the wanted number for the task `task_id`."""
        return self.told == (task_id, self.n_wanted)
