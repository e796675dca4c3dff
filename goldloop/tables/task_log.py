"""The task_log: what happened to every task, read from the events in the tasks table."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.arms import Arm
from goldloop.core.candidates import Choice
from goldloop.core.modality import MAX_FINGERPRINT_DISTANCE
from goldloop.core.ports import Row, Table
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.splits import Split, split_beside, wanted_split
from goldloop.core.tasks import Event, Purpose, TaskStatus, split_key, task_key
from goldloop.gold.near_duplicates import Groups

_EVENTS = {str(event): event for event in Event}


class TaskLog:
    """Reads and adds task events; every addition is one commit that no other writer can also make."""

    def __init__(self, tasks: Table, *, max_distance: int = MAX_FINGERPRINT_DISTANCE) -> None:
        """Read and write the tasks table `tasks`; `max_distance` is that of near-duplicates."""
        self._tasks, self._max_distance = tasks, max_distance

    def statuses(self) -> dict[str, TaskStatus]:
        """Return the newest status of every task ever planned, by key, in the order of their first plans."""
        rows = self._tasks.read(["key", "event", "at", "seq", "round", "position", "task_id", "owner"])
        rows = rows.sort_by([("seq", "ascending"), ("position", "ascending")])
        keys = rows["key"].to_pylist()
        newest = {key: row for row, key in enumerate(keys)}  # keeps the place of a key's first row
        rounds = rows["round"].to_pylist()
        round_of = {key: round_ for key, round_ in zip(keys, rounds, strict=True) if round_ is not None}
        last = rows.take(pa.array(newest.values(), pa.int64()))
        columns = (last[name].to_pylist() for name in ("key", "event", "at", "seq", "task_id", "owner"))
        return {
            key: TaskStatus(key, _EVENTS[event], at, seq, round_of.get(key, 0), task_id, owner)
            for key, event, at, seq, task_id, owner in zip(*columns, strict=True)
        }

    def plans(self, keys: Collection[str]) -> dict[str, dict[str, Any]]:
        """Return the newest planned row of each of `keys`, with all its columns, in planned order."""
        rows = self._tasks.read()
        wanted = pa.array(sorted(keys), pa.string())
        is_plan = (pc.field("event") == str(Event.PLANNED)) & pc.field("key").isin(wanted)
        rows = rows.filter(is_plan).sort_by([("seq", "ascending"), ("position", "ascending")])
        return {row["key"]: row for row in rows.to_pylist()}

    def plan(self, make_rows: Callable[[int], Sequence[Row]]) -> int | None:
        """Add the planned rows that `make_rows` returns on fresh state; None when it returns none."""
        return self._tasks.append_next(make_rows)

    def claim(
        self, choose: Callable[[Mapping[str, TaskStatus]], Sequence[str]], *, owner: str, at: datetime
    ) -> list[str]:
        """Claim and return the keys that `choose` picks from fresh statuses; no other claim wins them."""
        chosen: list[str] = []

        def make_rows(seq: int) -> list[Row]:
            chosen[:] = choose(self.statuses())
            return [_event(key, seq, Event.CLAIMED, at, owner=owner) for key in chosen]

        self._tasks.append_next(make_rows)
        return chosen

    def record(
        self, event: Event, task_ids: Mapping[str, int | None], *, at: datetime, owner: str, detail: str = ""
    ) -> None:
        """Add `event` for every key of `task_ids`."""
        self._tasks.append_next(
            lambda seq: [
                {**_event(key, seq, event, at, owner=owner), "task_id": task_id, "detail": detail or None}
                for key, task_id in task_ids.items()
            ]
        )

    def groups(self) -> tuple[Groups, dict[str, Split]]:
        """Return the near-duplicate groups of everything ever planned, and the split of each group."""
        rows = self._tasks.read(["key", "event", "seq", "position", "group", "fingerprint", "split"])
        rows = rows.filter(pc.field("event") == str(Event.PLANNED))
        rows = rows.sort_by([("seq", "ascending"), ("position", "ascending")])
        leaders: dict[str, str | None] = {}
        splits: dict[str, Split] = {}
        for group, fingerprint, split in zip(
            rows["group"].to_pylist(), rows["fingerprint"].to_pylist(), rows["split"].to_pylist(), strict=True
        ):
            leaders.setdefault(group, fingerprint)
            if splits.get(group) in (None, Split.WITHHELD):
                splits[group] = Split(split)
        return Groups(leaders.items(), max_distance=self._max_distance), splits


def _event(key: str, seq: int, event: Event, at: datetime, *, owner: str) -> dict[str, Any]:
    return {"key": key, "seq": seq, "event": str(event), "at": at, "owner": owner}


def planned_rows(
    choices: Sequence[Choice],
    *,
    seq: int,
    round_: int,
    at: datetime,
    seed: int,
    task_log: TaskLog,
    predictions: Mapping[SampleId, Mapping[str, Any]],
    fingerprints: Mapping[SampleId, str | None],
    hints: Callable[[Sequence[float]], str],
    arms: Callable[[SampleId, str], tuple[Arm, bool]] = lambda *_: (Arm.UNTESTED, True),
) -> list[Row]:
    """Return the planned rows of `choices`: with split, group and what the annotator will be shown.

    `arms` gives, for a sample of review and its suggested label, its arm in the measurement of anchoring and
    whether the suggestion is shown. What is suggested is kept either way.
    """
    groups, splits = task_log.groups()
    rows: list[Row] = []
    for position, choice in enumerate(choices):
        sample_id = choice.candidate.sample_id
        prediction = predictions.get(sample_id, {})
        group = groups.join(sample_id, fingerprints.get(sample_id))
        split = split_beside(wanted_split(sample_id, choice.purpose, seed=seed), splits.get(group))
        if splits.get(group) in (None, Split.WITHHELD):
            splits[group] = split
        is_blind = choice.purpose.is_blind or prediction.get("label") is None
        arm, is_shown = (None, False) if is_blind else arms(sample_id, prediction["label"])
        rows.append(
            {
                **_event(task_key(sample_id, choice.purpose), seq, Event.PLANNED, at, owner=""),
                "round": round_,
                "position": position,
                "batch": choice.candidate.batch,
                "lane": str(choice.candidate.lane),
                "stratum": choice.stratum,
                "inclusion_probability": choice.inclusion_probability,
                "policy": prediction.get("policy"),
                "model_version": prediction.get("model_version"),
                "split": str(split),
                "suggested_label": None if is_blind else prediction["label"],
                "suggested_score": None if is_blind else prediction["confidence"],
                "hint": None if is_blind else hints(prediction["probs"]),
                "group": group,
                "fingerprint": fingerprints.get(sample_id),
                "is_shown": is_shown,
                "arm": None if arm is None else str(arm),
            }
        )
    return rows


def follow_up_row(
    plan: Mapping[str, Any],
    purpose: Purpose,
    *,
    seq: int,
    round_: int,
    position: int,
    at: datetime,
    answers: Mapping[str, int],
    barred: Collection[str],
) -> Row:
    """Return a planned row for a further, blind task about a sample whose first task was planned as `plan`.

    `answers` is what people have said so far, for an adjudicator; `barred` are those who said it.
    """
    sample_id, _ = split_key(plan["key"])
    kept = ("batch", "lane", "policy", "model_version", "split", "group", "fingerprint")
    return {
        **_event(task_key(sample_id, purpose), seq, Event.PLANNED, at, owner=""),
        **{name: plan[name] for name in kept},
        "round": round_,
        "position": position,
        "stratum": plan["stratum"],
        "is_shown": False,
        "answers": json.dumps(dict(answers), ensure_ascii=False) if answers else None,
        "barred": sorted(barred),
    }


def adopted_row(
    key: str, *, seq: int, round_: int, at: datetime, batch: BatchId, seed: int, audit_rate: float
) -> Row:
    """Return a planned row for a task that the server holds and our task_log has lost."""
    sample_id, purpose = split_key(key)
    return {
        **_event(key, seq, Event.PLANNED, at, owner=""),
        "round": round_,
        "position": 0,
        "batch": batch,
        "lane": "",
        "stratum": "",
        "detail": "adopted from the server",
        "inclusion_probability": audit_rate if purpose is Purpose.AUDIT else None,
        "split": str(wanted_split(sample_id, purpose, seed=seed)),
        "group": sample_id[:16],
    }
