"""Sentences about annotations that do not count, and about those that count for another account."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from goldloop.consensus.admission import Refusal, Refused
from goldloop.core.annotations import StoredAnnotation, TaskState

_MOST_IDS = 5  # annotation ids in one sentence


def refusal_sentences(refused: Iterable[Refused]) -> list[str]:
    """Return a sentence for each annotator and reason, with the first annotation ids."""
    groups: dict[tuple[str | None, str], list[StoredAnnotation]] = {}
    for entry in refused:
        annotation = entry.annotation
        reason = annotation.problem if entry.refusal is Refusal.INVALID else None
        groups.setdefault((annotation.annotator, reason or entry.refusal), []).append(annotation)
    return [f"{_named(group)} by {_who(who)}: {reason}" for (who, reason), group in groups.items()]


def unlisted_sentences(tasks: Iterable[TaskState]) -> list[str]:
    """Return what to do about each task whose annotations the server cannot list."""
    return [
        f"new answers to task {task.task_id}: the labelling server fails when it lists its annotations; "
        "delete the newest of them there, then run 'goldloop pull' again"
        for task in tasks
        if not task.is_listed
    ]


def misnamed_sentences(misnamed: Iterable[StoredAnnotation]) -> list[str]:
    """Return a sentence for each pair of an account that gave answers and the account they stand under."""
    groups: dict[tuple[str | None, str | None], list[StoredAnnotation]] = {}
    for annotation in misnamed:
        groups.setdefault((annotation.annotator, annotation.server_author), []).append(annotation)
    return [
        f"{_named(group)} under the name of {_who(author)}: {_who(who)} saved the answer, for whom it counts"
        for (who, author), group in groups.items()
    ]


def _named(group: Collection[StoredAnnotation]) -> str:
    if len(group) == 1:
        (annotation,) = group
        return f"annotation {annotation.annotation_id} of task {annotation.task_id}"
    ids = sorted(annotation.annotation_id for annotation in group)
    more = ", ..." if len(ids) > _MOST_IDS else ""
    return f"{len(ids)} annotations ({', '.join(map(str, ids[:_MOST_IDS]))}{more})"


def _who(annotator: str | None) -> str:
    return "an unknown author" if annotator is None else f"annotator {annotator}"
