"""Reading: tasks, annotations and requests give the evidence about each sample."""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from goldloop.consensus.evidence import SampleEvidence, make_evidence
from goldloop.core.annotations import AnnotationStatus, Answer, StoredAnnotation
from goldloop.core.labels import LabelSet
from goldloop.core.planned_tasks import PlannedTask, TaskStatus
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.settings import Settings

_COUNTED = (AnnotationStatus.ANSWER, AnnotationStatus.SKIP)


def answers_of(
    tasks: Mapping[str, TaskStatus],
    annotations: Iterable[StoredAnnotation],
    closed_at: Collection[datetime],
    labels: LabelSet,
) -> list[Answer]:
    """Return every answer and skip on a live task, in order of annotation id; other labels are left out.

    `closed_at` holds the time at which each round closed; an answer belongs to the round open at its time.
    """
    moments = sorted(closed_at)
    answers = []
    for annotation in sorted(annotations, key=lambda annotation: annotation.annotation_id):
        task = tasks.get(annotation.key)
        is_known = annotation.label is None or annotation.label in labels
        if task is None or not task.is_live or not is_known or annotation.status not in _COUNTED:
            continue
        answers.append(
            Answer(
                annotation_id=annotation.annotation_id,
                sample_id=task.sample_id,
                purpose=task.purpose,
                annotator=annotation.annotator,
                label=annotation.label,
                reason=annotation.reason,
                round=bisect.bisect_left(moments, annotation.created_at),
                created_at=annotation.created_at,
                updated_at=annotation.updated_at,
                lead_time_s=annotation.lead_time_s,
                suggested_label=annotation.shown_label or task.plan.suggested_label,
                is_shown=annotation.shown_label is not None,
            )
        )
    return answers


def evidence_of(
    tasks: Mapping[str, TaskStatus],
    answers: Iterable[Answer],
    n_wanted: Mapping[str, int],
    settings: Settings,
) -> list[SampleEvidence]:
    """Return the evidence of every sample with a live task whose answers vote, in order of sample_id.

    `n_wanted` is the number of answers that goldloop wants, by key, where it is more than one.
    """
    plans: dict[SampleId, dict[Purpose, PlannedTask]] = {}
    for task in tasks.values():
        if task.is_live:
            plans.setdefault(task.sample_id, {})[task.purpose] = task.plan
    by_sample: dict[SampleId, list[Answer]] = {}
    for answer in answers:
        by_sample.setdefault(answer.sample_id, []).append(answer)
    evidence = (
        make_evidence(
            plans[sample_id],
            by_sample.get(sample_id, []),
            n_wanted=n_wanted,
            probs=_probs(plans[sample_id], settings.label_set),
            settings=settings,
        )
        for sample_id in sorted(plans)
    )
    return [sample for sample in evidence if sample is not None]


def _probs(plans: Mapping[Purpose, PlannedTask], labels: LabelSet) -> tuple[float, ...] | None:
    """Return the model's prediction from before the annotators answered; None for an audit sample.

    That model was not trained on the sample. A prediction with another label set does not count.
    """
    if Purpose.AUDIT in plans:
        return None
    chosen = [plans[purpose] for purpose in (Purpose.REVIEW, Purpose.FULL) if purpose in plans]
    probs: Sequence[float] = next((plan.probs for plan in chosen if plan.probs), ())
    return tuple(prob / sum(probs) for prob in probs) if len(probs) == len(labels) else None
