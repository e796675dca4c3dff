"""What the consensus takes of the answers about one sample: its votes, the prediction and the decision."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from goldloop.consensus.clicks import probs_after_clicks
from goldloop.consensus.votes import VotedSample
from goldloop.core.annotations import Answer
from goldloop.core.labels import LabelSet
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.probs import column_names, named_columns, over_labels
from goldloop.core.tasks import Purpose

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def voted_sample(
    plans: Mapping[Purpose, PlannedTask],
    answers: Sequence[Answer],
    decision: Answer | None,
    labels: LabelSet,
    overlooked: Mapping[str, float],
) -> VotedSample:
    """Return what the consensus takes of votes and skips; a decision's purpose is that of its task."""
    votes = [answer for answer in answers if not answer.is_skip]
    suggested = [vote for vote in votes if vote.is_shown and vote.suggested_label in labels]
    answered = {vote.label for vote in votes} | ({decision.label} if decision else set())
    clicks = [one for one in answers if one.is_deferred and one.purpose is Purpose.SHEET]
    return VotedSample(
        sample_id=next(iter(plans.values())).sample_id,
        votes={vote.annotator: str(vote.label) for vote in votes},
        probs=_after_clicks(_probs(plans, labels, answered), clicks, labels, overlooked),
        shown={vote.annotator: str(vote.suggested_label) for vote in suggested},
        decision=decision.label if decision else None,
        decided_by=decision.purpose if decision else Purpose.ADJUDICATION,
        given_at={vote.annotator: microseconds(vote.created_at) for vote in votes},
        decided_at=microseconds(decision.updated_at) if decision else 0,
        overlooked={
            vote.annotator: overlooked[vote.annotator] for vote in votes if vote.purpose is Purpose.SHEET
        },
    )


def _after_clicks(
    probs: tuple[float, ...] | None,
    clicks: Sequence[Answer],
    labels: LabelSet,
    overlooked: Mapping[str, float],
) -> tuple[float, ...] | None:
    """Return the prediction by what `clicks` on a sheet tell of it."""
    for click in clicks:
        if probs is not None and click.suggested_label in labels:
            column = labels.column(str(click.suggested_label))
            missed = np.array([overlooked[click.annotator]])
            probs = tuple(probs_after_clicks(np.array([probs]), np.array([column]), missed)[0].tolist())
    return probs


def _probs(
    plans: Mapping[Purpose, PlannedTask], labels: LabelSet, answered: Collection[str | None]
) -> tuple[float, ...] | None:
    """Return the model's prediction from before the annotators answered; None for an audit sample.

    That model was not trained on the sample. Its columns belong to their names, whatever order labels have by
    now. A prediction does not count if its model did not know a label that is in `answered`, or if it has no
    names and another number of labels.
    """
    if Purpose.AUDIT in plans:
        return None
    routed = (Purpose.REVIEW, Purpose.FULL, Purpose.SHEET)
    chosen = [plans[purpose] for purpose in routed if purpose in plans]
    plan = next((plan for plan in chosen if plan.probs), None)
    if plan is None or plan.probs is None:
        return None
    probs, names = plan.probs, plan.label_names
    if names is not None and names != column_names(labels):
        known = {labels.find(name) for name in named_columns(names)}
        if not known.issuperset(answered):
            return None
        probs = tuple(over_labels([probs], named_columns(names), labels)[0].tolist())
    return tuple(prob / sum(probs) for prob in probs) if len(probs) == len(labels) else None


def microseconds(at: datetime) -> int:
    """Return a moment in microseconds since 1970."""
    return (at - _EPOCH) // timedelta(microseconds=1)
