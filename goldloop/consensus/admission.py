"""Admission: which annotations are answers that a known annotator gave after a look at the sample.

An annotation that goldloop refuses never votes, never decides and judges nobody. goldloop lists it and asks
another annotator. The browser reports the time from the appearance of a task to its submission; without a
time nobody can have looked. Seeing what a photograph shows takes about 0.15 s [thorpe1996]; after that, the
hand has to press one key or two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite

from goldloop.core.annotations import NOBODY, AnnotationStatus, Identity, StoredAnnotation
from goldloop.core.labels import LabelSet
from goldloop.core.planned_tasks import TaskStatus
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose, task_key

MIN_LOOK_S = 0.3
"""Shortest look at a sample that ends with an answer, in seconds."""

MIN_GLANCE_S = 0.05
"""Shortest time for each sample of a sheet, in seconds: one look takes in three pictures at best."""

BULK_N, BULK_S = 10, 0.1
"""An account that gives BULK_N answers within BULK_S seconds used a script or a bulk action; a sheet is one.

Label Studio needs about 0.06 s for each answer that it receives alone, milliseconds for a hundred in bulk.
"""


_SHEET_KEYS = tuple(task_key(SampleId(""), purpose) for purpose in Purpose if purpose.is_on_sheet)


class Refusal(StrEnum):
    """Why an annotation does not count, as it ends a sentence about it."""

    INVALID = "it is not one label of the label set"
    UNKNOWN = "the account of its author was deleted before goldloop saw the answer"
    BULK = "an import or a bulk action made it and no annotator has saved it"
    UNTIMED = "it has no time, so nobody can have looked"
    RUSHED = f"it took less than {MIN_LOOK_S:g} s, which is too short for a look"
    FLASHED = f"its sheet took less than {MIN_GLANCE_S:g} s a sample, which is too short for a look at each"
    BURST = f"its annotator gave {BULK_N} answers or more within {BULK_S:g} s"


@dataclass(frozen=True, slots=True)
class Refused:
    """An annotation that does not count, and why."""

    annotation: StoredAnnotation
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Admission:
    """The annotations that count, and those that do not; retracted annotations are in neither.

    `misnamed` are those of the first that the server lists under another account than the one that saved
    them; they count for the account that saved them.
    """

    admitted: Sequence[StoredAnnotation] = ()
    refused: Sequence[Refused] = ()

    @property
    def misnamed(self) -> list[StoredAnnotation]:
        """Return the admitted annotations that stand under another account than their annotator's."""
        return [
            annotation
            for annotation in self.admitted
            if annotation.server_author not in (None, annotation.annotator)
        ]

    def n_lost(self, tasks: Mapping[str, TaskStatus]) -> dict[str, int]:
        """Return how many answers the server counts on each task, by key, that do not count here.

        The server counts accounts that have answered the task, whatever they answered, and gives the task to
        no further annotator when they are as many as requested.
        """
        refused = [entry.annotation for entry in self.refused]
        doubtful = {annotation.key for annotation in (*refused, *self.misnamed)}
        given: dict[str, set[str | None]] = {}
        counted: dict[str, set[str | None]] = {}
        for annotation in (*self.admitted, *refused):
            is_answer = annotation.status is not AnnotationStatus.SKIP
            if annotation.key in doubtful and is_answer and _is_on(annotation, tasks):
                author = annotation.server_author or annotation.annotator
                given.setdefault(annotation.key, set()).add(author)
        for annotation in self.admitted:
            is_deferred = annotation.status is AnnotationStatus.DEFERRED
            if annotation.key in given and (annotation.label is not None or is_deferred):
                counted.setdefault(annotation.key, set()).add(annotation.annotator)
        lost = {key: len(authors) - len(counted.get(key, ())) for key, authors in given.items()}
        return {key: n for key, n in lost.items() if n > 0}


ALL_COUNT = Admission()
"""Where no annotation is refused."""


def _is_on(annotation: StoredAnnotation, tasks: Mapping[str, TaskStatus]) -> bool:
    """Return whether an annotation lies on the present task of its key, not on a copy of that task."""
    task = tasks.get(annotation.key)
    return task is not None and task.is_live and task.task_id == annotation.task_id


def admit(annotations: Iterable[StoredAnnotation], labels: LabelSet | None = None) -> Admission:
    """Return which of `annotations` count as answers or skips, in the order given.

    Without `labels`, an answer counts whatever its label.
    """
    present = [
        annotation for annotation in annotations if annotation.status is not AnnotationStatus.RETRACTED
    ]
    bursts = _bursts(present)
    admitted, refused = list[StoredAnnotation](), list[Refused]()
    for annotation in present:
        refusal = refusal_of(annotation, labels)
        if refusal is None and bursts and annotation.identity in bursts:
            refusal = Refusal.BURST
        if refusal is None:
            name = labels.find(annotation.label) if labels and annotation.label else annotation.label
            admitted.append(annotation if name == annotation.label else replace(annotation, label=name))
        else:
            refused.append(Refused(annotation, refusal))
    return Admission(admitted, refused)


def refusal_of(annotation: StoredAnnotation, labels: LabelSet | None = None) -> Refusal | None:
    """Return why an annotation, taken alone, does not count."""
    is_skip = annotation.status in (AnnotationStatus.SKIP, AnnotationStatus.DEFERRED)
    is_other = not is_skip and labels is not None and labels.find(annotation.label or "") is None
    if annotation.status is AnnotationStatus.INVALID or is_other:
        return Refusal.INVALID
    if annotation.is_bulk:
        return Refusal.BULK
    if annotation.annotator in NOBODY:
        return Refusal.UNKNOWN
    if is_skip:  # a key that decides nothing needs no look at the sample
        return None
    return _too_short(annotation)


def _too_short(annotation: StoredAnnotation) -> Refusal | None:
    """Return why a time is too short for a look; on a sheet it is a share of that for the page."""
    time_s, is_on_sheet = annotation.lead_time_s, _is_on_sheet(annotation)
    if time_s is None or not isfinite(time_s) or time_s <= 0:
        return Refusal.UNTIMED
    if time_s >= (MIN_GLANCE_S if is_on_sheet else MIN_LOOK_S):
        return None
    return Refusal.FLASHED if is_on_sheet else Refusal.RUSHED


def _is_on_sheet(annotation: StoredAnnotation) -> bool:
    return annotation.key.endswith(_SHEET_KEYS)


def _bursts(annotations: Iterable[StoredAnnotation]) -> set[Identity]:
    """Return the answers that one annotator gave, BULK_N or more, at one moment.

    The answers to the samples of one sheet are one, which stands for all of them.
    """
    given: dict[str | None, list[tuple[datetime, int, StoredAnnotation]]] = {}
    pages: dict[tuple[str | None, datetime], list[StoredAnnotation]] = {}
    for place, annotation in enumerate(annotations):
        if annotation.status is AnnotationStatus.ANSWER:
            if _is_on_sheet(annotation):
                page = pages.setdefault((annotation.annotator, annotation.created_at), [])
                page.append(annotation)
                if len(page) > 1:
                    continue
            moment = (annotation.created_at, place, annotation)
            given.setdefault(annotation.annotator, []).append(moment)
    bursts, moment_s = set[Identity](), timedelta(seconds=BULK_S)
    for moments in given.values():
        moments.sort(key=lambda moment: moment[:2])
        for place, (last, *_) in enumerate(moments[BULK_N - 1 :]):
            if last - moments[place][0] <= moment_s:
                bursts |= {annotation.identity for *_, annotation in moments[place : place + BULK_N]}
    for page in pages.values():
        if page[0].identity in bursts:
            bursts |= {annotation.identity for annotation in page}
    return bursts


def n_by_refusal(refused: Iterable[Refused]) -> dict[str, int]:
    """Return how many annotations do not count, by reason, most frequent first."""
    return dict(Counter(str(entry.refusal) for entry in refused).most_common())


@dataclass(frozen=True, slots=True)
class RefusedCount:
    """How many annotations of one annotator, None for unknown authors, do not count for one reason."""

    annotator: str | None
    reason: str
    n: int


def refused_counts(refused: Iterable[Refused]) -> tuple[RefusedCount, ...]:
    """Return how many annotations do not count, by annotator and reason, most frequent first."""
    counts = Counter((entry.annotation.annotator, str(entry.refusal)) for entry in refused)
    return tuple(RefusedCount(annotator, reason, n) for (annotator, reason), n in counts.most_common())
