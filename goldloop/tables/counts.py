"""Counts: the number of files, tasks and annotations in each state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from goldloop.consensus.admission import admit
from goldloop.core.annotations import GIVEN, AnnotationStatus, StoredAnnotation
from goldloop.core.lanes import Lane, listed_lanes
from goldloop.core.samples import UNREADABLE, Arrived
from goldloop.core.table_ports import Tables
from goldloop.core.tasks import Purpose
from goldloop.tables import codec
from goldloop.tables.snapshot import Snapshot
from goldloop.tables.views import COUNTED_FILES, NEWEST_PREDICTIONS, query_views

_USUAL_MB = 128
"""Memory for the count of a million files: a fifth slower than with twice as much."""

_FAILED = f"""
SELECT uri, max(arrived_at) AS failed_at,
    arg_max(
        {{'sample': md5_number(sample_id)::UUID, 'arrived': arrived, 'reason': reason}}, arrived_at
    ) AS found
FROM samples WHERE reason = '{UNREADABLE}' GROUP BY uri
"""
_OPENED_LATER = f"""
SELECT DISTINCT uri FROM samples JOIN failed USING (uri)
WHERE coalesce(reason <> '{UNREADABLE}', true) AND arrived_at >= failed_at
"""
_PLACES = f"""
WITH files AS (
    SELECT sample, arrived, reason FROM counted_files
    UNION ALL SELECT found.sample::UUID, found.arrived, found.reason FROM failed ANTI JOIN opened USING (uri)
)
SELECT arrived, reason, lane, count(*) AS n
FROM files LEFT JOIN newest_predictions ON arrived = '{Arrived.SAMPLE}' AND files.sample = key
GROUP BY ALL
"""
"""Number of files by how they arrived, reason and lane of the newest prediction; names stand as digests.

Failed openings are few, and asked for first: the engine would else look for the others among them.
"""


@dataclass(frozen=True, slots=True)
class Conservation:
    """Number of files in each place; each file that arrived counts in exactly one place."""

    n_files: int
    auto: int
    review: int
    full: int
    hold: int
    quarantine: int
    duplicate: int
    reasons: Mapping[str, int]

    @property
    def lanes(self) -> dict[str, int]:
        """The number of samples in each lane."""
        return {str(lane): getattr(self, lane) for lane in Lane}

    @property
    def n_missing(self) -> int:
        """Files in no place: samples whose scoring was interrupted; `goldloop score` scores them."""
        return self.n_files - sum(self.lanes.values()) - self.quarantine - self.duplicate

    @property
    def is_conserved(self) -> bool:
        """Whether the places add up to the number of files."""
        return self.n_missing == 0

    def __str__(self) -> str:
        """Return the sum as text, with the next step when it does not add up."""
        lanes = self.lanes
        parts = " + ".join(f"{lane} {lanes[lane]}" for lane in listed_lanes(lanes))
        parts += f" + quarantine {self.quarantine} + duplicate {self.duplicate}"
        if self.is_conserved:
            return f"{parts} = {self.n_files} files"
        return (
            f"{parts} = {self.n_files - self.n_missing} of {self.n_files} files: "
            f"{self.n_missing} not scored yet, run 'goldloop score'"
        )


def conservation(tables: Tables) -> Conservation:
    """Return the number of files in each place, each counted as `read_files` counts it."""
    failed = tables.engine.query(_FAILED, samples=tables.samples)
    opened = failed.select(["uri"])
    if len(failed):
        opened = tables.engine.query(_OPENED_LATER, samples=tables.samples, failed=failed)
    views = [COUNTED_FILES, NEWEST_PREDICTIONS]
    rows = query_views(tables, _PLACES, views, usual_mb=_USUAL_MB, failed=failed, opened=opened)
    arrived, reasons, lanes = Counter[str](), Counter[str](), Counter[str]()
    for how, reason, lane, n in codec.column_values(rows, "arrived", "reason", "lane", "n"):
        arrived[how] += n
        reasons.update({} if reason is None else {reason: n})
        lanes.update({} if lane is None else {lane: n})
    return Conservation(
        n_files=arrived.total(),
        **{str(lane): lanes[lane] for lane in Lane},
        quarantine=arrived[Arrived.QUARANTINE],
        duplicate=arrived[Arrived.DUPLICATE],
        reasons=dict(sorted(reasons.items())),
    )


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """Live tasks: not pushed yet, waiting for an answer, answered; and the pushed tasks by purpose.

    Onboarding tasks count as neither waiting nor answered, because every new annotator answers them.
    """

    planned: int
    waiting: int
    answered: int
    purposes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AnnotationCounts:
    """Annotations by status, and the number of annotators.

    Only answers and skips that count are counted as such; `refused` are those that do not count although
    they are valid, see `goldloop.consensus.admission`.
    """

    answers: int
    skips: int
    invalid: int
    retracted: int
    annotators: int
    refused: int = 0


def task_counts(snapshot: Snapshot) -> TaskCounts:
    """Return the number of live tasks in each state."""
    live = snapshot.live.values()
    counted = admit(snapshot.annotations).admitted
    answered = {annotation.key for annotation in counted if annotation.status in GIVEN}
    pushed = [task for task in live if not task.is_waiting]
    asked = [task for task in pushed if task.purpose is not Purpose.ONBOARDING]
    n_answered = sum(task.key in answered for task in asked)
    purposes = Counter(str(task.purpose) for task in pushed)
    return TaskCounts(
        len(live) - len(pushed), len(asked) - n_answered, n_answered, dict(sorted(purposes.items()))
    )


def annotation_counts(annotations: Collection[StoredAnnotation]) -> AnnotationCounts:
    """Return the number of annotations in each status; retracted annotations count only as retracted."""
    statuses = Counter(annotation.status for annotation in annotations)
    admission = admit(annotations)
    counted = Counter(annotation.status for annotation in admission.admitted)
    n_invalid = statuses[AnnotationStatus.INVALID]
    return AnnotationCounts(
        answers=counted[AnnotationStatus.ANSWER],
        skips=counted[AnnotationStatus.SKIP] + counted[AnnotationStatus.DEFERRED],
        invalid=n_invalid,
        retracted=statuses[AnnotationStatus.RETRACTED],
        annotators=len({annotation.annotator for annotation in admission.admitted}),
        refused=len(admission.refused) - n_invalid,
    )
