"""The decision log: one row for each answer that counts, as a table that opens in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from goldloop.core.annotations import Answer
from goldloop.core.disk import write_whole
from goldloop.core.errors import SettingsError, SourceError
from goldloop.core.labels import LabelSet
from goldloop.core.planned_tasks import PlannedTask, TaskStatus
from goldloop.core.probs import stored_probs
from goldloop.core.samples import FileRef, SampleId
from goldloop.core.table_ports import Tables
from goldloop.core.tasks import task_key
from goldloop.core.verbatim import inert
from goldloop.costs.time import working_seconds
from goldloop.gold.records import GoldRecord
from goldloop.labeling.context import LoopState, read_state
from goldloop.loop.appeals import appeal_outcomes
from goldloop.loop.ports import LoopPorts
from goldloop.reports.section import Row
from goldloop.tables.appeals import read_appeals
from goldloop.tables.batches import read_places
from goldloop.tables.rounds import read_rounds

SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """An answer and what stood beside it.

    `sample` is where the sample arrived first, `at` when the answer was last changed, by the server's clock.
    `machine_label` and its `confidence` are those of the model that had scored the sample when it was chosen,
    None before the first. `suggestion` is what the annotator saw, None for a blind task. `decision` is the
    label, or SKIPPED. `severity`, `rule`, `reason`, `spans` (the marked parts, one on each line) and `note`
    are what the annotator gave beside it. `annotator` is the pseudonymous id on the server. `seconds` are
    None where unknown. Of `n_answers` with a label, `n_agree` gave this one. `gold` is the present label of
    the sample and `source` how it came about. `appeal` is what became of an appeal, None without one.
    """

    sample: str
    sample_id: SampleId
    at: datetime
    round: int
    purpose: str
    lane: str
    model_version: str | None
    machine_label: str | None
    confidence: float | None
    suggestion: str | None
    decision: str
    severity: str | None
    rule: str | None
    reason: str | None
    spans: str | None
    note: str | None
    annotator: str
    seconds: float | None
    n_agree: int
    n_answers: int
    gold: str | None
    source: str | None
    appeal: str | None


def moment(text: str) -> datetime:
    """Return a date or time in ISO 8601; without an offset it is taken for UTC.

    Raises:
        SettingsError: it is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"{text!r} is no date; write it like 2026-03-01 or 2026-03-01T09:30") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def decision_log(
    tables: Tables, state: LoopState, labels: LabelSet, *, since: datetime | None = None
) -> list[LoggedDecision]:
    """Return the answers that count, the oldest first; those last changed at or after `since`."""
    answers, seconds = state.outcomes.answers, working_seconds(state.outcomes.answers)
    timed = zip(answers, seconds.tolist(), strict=True)
    chosen = [one for one in timed if since is None or one[0].updated_at >= since]
    said: defaultdict[SampleId, Counter[str | None]] = defaultdict(Counter)
    for answer in answers:
        said[answer.sample_id][answer.label] += 1
    beside = _Beside(
        labels=labels,
        tasks=state.snapshot.tasks,
        said=said,
        places=read_places(tables, {answer.sample_id for answer, _ in chosen}),
        gold={record.sample_id: record for record in state.snapshot.gold.records},
        appeals={
            one.appeal.sample_id: str(one.state)
            for one in appeal_outcomes(read_appeals(tables.appeals), state)
        },
    )
    return sorted((beside.logged(answer, took) for answer, took in chosen), key=_order)


@dataclass(frozen=True, slots=True)
class _Beside:
    """What stands beside the answers of a log, by key of the task or by sample_id."""

    labels: LabelSet
    tasks: Mapping[str, TaskStatus]
    said: Mapping[SampleId, Counter[str | None]]
    places: Mapping[SampleId, Sequence[FileRef]]
    gold: Mapping[SampleId, GoldRecord]
    appeals: Mapping[SampleId, str]

    def logged(self, answer: Answer, took: float) -> LoggedDecision:
        """Return one line of the log; `took` is in seconds, nan where unknown."""
        sample_id, grounds = answer.sample_id, answer.grounds
        counts, files, record = self.said[sample_id], self.places.get(sample_id), self.gold.get(sample_id)
        plan = self.tasks[task_key(sample_id, answer.purpose)].plan
        label, confidence = _machine(plan, self.labels)
        return LoggedDecision(
            sample=files[-1].uri if files else "",
            sample_id=sample_id,
            at=answer.updated_at,
            round=answer.round,
            purpose=str(answer.purpose),
            lane=plan.lane,
            model_version=plan.model_version if label else None,
            machine_label=label,
            confidence=confidence,
            suggestion=answer.suggested_label if answer.is_shown else None,
            decision=answer.label or SKIPPED,
            severity=grounds.severity,
            rule=grounds.rule,
            reason=answer.reason,
            spans="\n".join(grounds.spans) or None,
            note=grounds.note,
            annotator=answer.annotator,
            seconds=None if np.isnan(took) else took,
            n_agree=counts[answer.label] if answer.label else 0,
            n_answers=counts.total() - counts[None],
            gold=record.label if record else None,
            source=record.method.partition("/")[0] if record else None,
            appeal=self.appeals.get(sample_id),
        )


def _order(one: LoggedDecision) -> tuple[datetime, str, str]:
    return one.at, one.sample_id, one.annotator


def _machine(plan: PlannedTask, labels: LabelSet) -> tuple[str | None, float | None]:
    """Return the likeliest label at the time of the plan and its probability."""
    if plan.probs is None:
        return None, None
    probs = stored_probs([plan.probs], [plan.label_names], labels)[0]
    column = int(probs.argmax())
    return labels[column], float(probs[column])


def write_decisions(log: Sequence[LoggedDecision], path: Path) -> Path:
    """Write the log as CSV that a spreadsheet opens as it is: UTF-8 with its mark, and no cell computes.

    Raises:
        StorageError: the disk refused it; what was there stays.
    """
    text = io.StringIO()
    names = list(LoggedDecision.__slots__)
    rows = csv.DictWriter(text, names)
    rows.writeheader()
    for one in log:
        cells = asdict(one) | {"at": one.at.astimezone(UTC).isoformat(timespec="seconds")}
        rows.writerow(
            {name: inert(value) if isinstance(value, str) else value for name, value in cells.items()}
        )
    write_whole(path, text.getvalue().encode("utf-8-sig"))
    return path


def write_round_decisions(ports: LoopPorts, folder: Path) -> Path:
    """Write the log of the newest closed round into `folder`, beside its page; return where it lies."""
    state, rounds = read_state(ports.tables, ports.settings), read_rounds(ports.tables.rounds)
    newest = rounds[-1].round if rounds else 0
    log = decision_log(ports.tables, state, ports.settings.label_set)
    return write_decisions(
        [one for one in log if one.round == newest], folder / f"decisions-{newest:03d}.csv"
    )


def write_new_decisions(log: Sequence[LoggedDecision], path: Path) -> Path:
    """Write the log to a new file.

    Raises:
        SourceError: the file exists already.
    """
    if path.exists():
        raise SourceError(f"{path} exists already; name a new file with --to")
    return write_decisions(log, path)


def decision_rows(log: Sequence[LoggedDecision]) -> list[Row]:
    """Return a row for each decision, for a terminal."""
    return [
        {
            "at": f"{one.at:%Y-%m-%d %H:%M}",
            "sample": one.sample.rsplit("/", 1)[-1],
            "machine": f"{one.machine_label} {one.confidence:.0%}" if one.machine_label else "",
            "decision": one.decision,
            "rule": one.rule or "",
            "severity": one.severity or "",
            "reason": "; ".join(filter(None, (one.reason, one.note))),
            "annotator": one.annotator,
            "seconds": "" if one.seconds is None else f"{one.seconds:.0f}",
            "agreed": f"{one.n_agree} of {one.n_answers}" if one.decision != SKIPPED else "",
            "gold": one.gold or "",
        }
        for one in log
    ]
