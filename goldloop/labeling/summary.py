"""The summary: what the status says of tasks, answers and gold, kept until something in the tables changes.

To know how many samples are settled, all answers are weighed again, which takes seconds with 50,000 tasks.
What follows depends on the tables and the settings alone.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from goldloop.consensus.admission import n_by_refusal
from goldloop.consensus.outcomes import n_by_step
from goldloop.core.codec import from_plain, to_text
from goldloop.core.errors import StorageError, StoredValueError
from goldloop.core.ports import DerivedText
from goldloop.core.table_ports import Tables
from goldloop.gold.records import GoldVersion
from goldloop.labeling.context import LoopState
from goldloop.labeling.hints import gold_counts
from goldloop.labeling.open_round import waits_for
from goldloop.labeling.server_comparison import AnswerTotals, answer_totals
from goldloop.settings import Settings
from goldloop.tables.counts import AnnotationCounts, TaskCounts, annotation_counts, task_counts
from goldloop.tables.snapshot import SNAPSHOT, read_marks

_FORMAT = 2
"""Raised with a change of what a summary says of the same tables."""


@dataclass(frozen=True, slots=True)
class LabelingSummary:
    """Where tasks, answers and gold stand.

    `needs` counts answered samples that are not gold yet by what they need next, `refused` the annotations
    that do not count by reason, `n_misnamed` those that count for another account than the server names.
    `gold_labels` and `splits` count the gold samples by label and split. `waits_for` is what the open round
    waits for, None where that depends on the unlabeled pool.
    """

    round: int
    gold: GoldVersion
    gold_labels: Mapping[str, int]
    splits: Mapping[str, int]
    tasks: TaskCounts
    annotations: AnnotationCounts
    totals: AnswerTotals
    needs: Mapping[str, int]
    refused: Mapping[str, int]
    n_misnamed: int
    waits_for: str | None


@dataclass(frozen=True, slots=True)
class _Kept:
    """A summary, and what it rests on: the newest commit of each table, and a digest of the settings."""

    format: int
    settings: str
    marks: Mapping[str, str]
    summary: LabelingSummary


class _PoolMattersError(Exception):
    """What the open round waits for depends on the pool."""


def summary_of(state: LoopState, settings: Settings) -> LabelingSummary:
    """Return the summary of a state of labeling."""
    snapshot, admission = state.snapshot, state.outcomes.admission
    gold = snapshot.gold
    return LabelingSummary(
        round=snapshot.round,
        gold=gold.version,
        gold_labels=gold_counts(gold.records),
        splits=Counter(str(record.split) for record in gold.records),
        tasks=task_counts(snapshot),
        annotations=annotation_counts(snapshot.annotations),
        totals=answer_totals(snapshot),
        needs={str(step): n for step, n in sorted(n_by_step(state.outcomes.samples).items())},
        refused=n_by_refusal(admission.refused),
        n_misnamed=len(admission.misnamed),
        waits_for=_waits_for(state, settings),
    )


def read_summary(tables: Tables, settings: Settings, kept: DerivedText) -> LabelingSummary | None:
    """Return the summary of now, from what is kept; None where tables or settings have changed since."""
    text = kept.read()
    try:
        found = None if text is None else from_plain(_Kept, json.loads(text))
    except (ValueError, StoredValueError):
        return None
    if found is None or (found.format, found.settings) != (_FORMAT, _digest(settings)):
        return None
    return found.summary if found.marks == read_marks(tables, SNAPSHOT) else None


def keep_summary(
    tables: Tables, settings: Settings, kept: DerivedText, state: LoopState, marks: Mapping[str, str]
) -> LabelingSummary:
    """Return the summary of `state`, which was read after the `marks`, and keep it if they still hold."""
    summary = summary_of(state, settings)
    if read_marks(tables, SNAPSHOT) == marks:
        with suppress(StorageError):  # the next one who asks computes it again
            kept.save(to_text(_Kept(_FORMAT, _digest(settings), marks, summary)))
    return summary


def _waits_for(state: LoopState, settings: Settings) -> str | None:
    def pool_matters() -> bool:
        raise _PoolMattersError

    try:
        return waits_for(state, settings, is_more=pool_matters)
    except _PoolMattersError:
        return None


def _digest(settings: Settings) -> str:
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()
