"""Exposure: who gets no further task that is likely severe, by their wish or after their minutes of a day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.probs import stored_probs
from goldloop.core.tasks import Purpose
from goldloop.costs.time import working_seconds
from goldloop.labeling.context import LoopState
from goldloop.settings import Settings


@dataclass(frozen=True, slots=True)
class Exposure:
    """Annotators to keep from tasks, by the id of the task on the server.

    `n_unkept` counts the tasks that they get all the same, because too few others would remain.
    """

    barred: Mapping[int, frozenset[str]] = field(default_factory=dict)
    n_unkept: int = 0


def severe_minutes(state: LoopState, settings: Settings, *, now: datetime) -> dict[str, float]:
    """Return the minutes that each annotator has spent on severe samples today, in the schedule's time zone.

    Answers whose time is unknown count with the mean of the known ones.
    """
    if settings.moderation is None:
        return {}
    zone, answers = ZoneInfo(settings.schedule.timezone), state.outcomes.answers
    seconds = working_seconds(answers)
    is_known = np.isfinite(seconds)
    usual = float(seconds[is_known].mean()) if is_known.any() else 0.0
    spent: defaultdict[str, float] = defaultdict(float)
    for answer, took in zip(answers, np.where(is_known, seconds, usual).tolist(), strict=True):
        is_today = answer.updated_at.astimezone(zone).date() == now.astimezone(zone).date()
        if is_today and settings.moderation.is_severe(answer.grounds.severity):
            spent[answer.annotator] += took / 60
    return spent


def exposure(state: LoopState, settings: Settings, *, now: datetime) -> Exposure:
    """Return who is to be kept from which open tasks, by `moderation.max_severe_minutes` and `opt_out`.

    A task is likely to have the label that the model gave when it was planned; before the first model nothing
    is known of it. A task keeps as many annotators as it needs answers.
    """
    asked = settings.moderation
    if asked is None or (asked.max_severe_minutes is None and not asked.opt_out):
        return Exposure()
    limit = asked.max_severe_minutes
    minutes = {} if limit is None else severe_minutes(state, settings, now=now)
    spent = {annotator for annotator, n in minutes.items() if limit is not None and n >= limit}
    team = {answer.annotator for answer in state.outcomes.answers} | asked.opt_out.keys()
    barred, n_unkept = dict[int, frozenset[str]](), 0
    for task_id, plan, answered, n_open in _open_tasks(state):
        label = _likely_label(plan, settings)
        unwilling = {one for one, labels in asked.opt_out.items() if label in labels}
        unwilling |= spent if label not in (None, settings.acceptable_label) else set()
        unwilling -= answered
        if not unwilling:
            continue
        if len(team - unwilling - answered - set(plan.barred)) < n_open:
            n_unkept += 1
        else:
            barred[task_id] = frozenset(unwilling)
    return Exposure(barred, n_unkept)


def _open_tasks(state: LoopState) -> Iterator[tuple[int, PlannedTask, set[str], int]]:
    """Yield each open task: its id, its plan, who has answered it, and how many answers it still needs."""
    answered: defaultdict[str, set[str]] = defaultdict(set)
    for annotation in state.snapshot.annotations:
        if annotation.annotator is not None and annotation.is_on_server:
            answered[annotation.key].add(annotation.annotator)
    n_wanted = state.snapshot.requests.n_wanted
    for key, task_id in state.snapshot.pushed.items():
        plan = state.snapshot.tasks[key].plan
        n_open = n_wanted.get(key, 1) - len(answered[key])
        if n_open > 0 and plan.purpose is not Purpose.ONBOARDING:
            yield task_id, plan, answered[key], n_open


def _likely_label(plan: PlannedTask, settings: Settings) -> str | None:
    if plan.probs is None:
        return None
    labels = settings.label_set
    return labels[int(stored_probs([plan.probs], [plan.label_names], labels)[0].argmax())]
