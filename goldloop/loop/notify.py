"""Notifications: each event is told once to each receiver; what a receiver does not take is tried for a day.

`notifications.json` in the workspace records what was told. An event is recorded after it was sent, so a kill
between the two tells it twice, and none is lost.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from filelock import FileLock

from goldloop.core.codec import from_plain, to_plain
from goldloop.core.disk import make_folder, write_whole
from goldloop.core.errors import WorkspaceError
from goldloop.core.loop_events import EventName, LoopEvent, Receiver, ReceiverError, Standing

TRIED_FOR = timedelta(days=1)
"""An older event is news to nobody; so a workspace that begins to notify does not tell its whole past."""
_KEPT_FOR = timedelta(days=90)


@dataclass(slots=True)
class Told:
    """An event, when each receiver took it, and why the last try of another failed."""

    event: LoopEvent
    sent: dict[str, datetime] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class TellingRecord:
    """What was told, oldest first, and what stands: the key of its event by `name/whom`."""

    told: list[Told] = field(default_factory=list)
    standing: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try to tell an event to a receiver; `problem` is None if it was taken."""

    event: LoopEvent
    receiver: str
    problem: str | None = None


def read_record(file: Path) -> TellingRecord:
    """Return what was told in the workspace; nothing before the first event.

    Raises:
        WorkspaceError: the file is damaged.
    """
    try:
        return from_plain(TellingRecord, json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return TellingRecord()
    except Exception as error:
        raise WorkspaceError(
            f"{file} is damaged ({type(error).__name__}); remove it: events of the last day are told again"
        ) from error


def tell(
    file: Path,
    found: Iterable[LoopEvent],
    standing: Sequence[Standing],
    receivers: Sequence[Receiver],
    *,
    wanted: Collection[EventName],
    now: datetime,
) -> list[Delivery]:
    """Tell the `receivers` what they have not taken yet of the events of the last day; return every try.

    `found` are events of the tables, `standing` what was looked at now. Only `wanted` events are told. A
    receiver that fails is not asked again in this call.
    """
    make_folder(file.parent / "locks")
    with FileLock(file.parent / "locks" / "notifications.lock"):
        record = read_record(file)
        before = to_plain(record)
        _add(record, found, standing, wanted=wanted, now=now)
        deliveries: list[Delivery] = []
        for receiver in receivers:
            for told in record.told:
                if told.event.at < now - TRIED_FOR or receiver.name in told.sent:
                    continue
                deliveries.append(_try(told, receiver, now))
                _save(file, record)  # after each, so that a kill repeats one at most
                if deliveries[-1].problem is not None:
                    break
        if to_plain(record) != before:
            _save(file, record)
    return deliveries


def failing_receivers(file: Path) -> list[str]:
    """Return a sentence for each receiver that did not take the newest event; none without a record."""
    try:
        told = read_record(file).told
    except WorkspaceError as error:
        return [str(error)]
    newest: dict[str, str | None] = {}
    for one in told:
        newest |= dict.fromkeys(one.sent) | one.failed
    return [
        f"the newest notification was not taken: {why}. Run `goldloop notifications --test` when it is mended"
        for why in newest.values()
        if why is not None
    ]


def try_receivers(receivers: Sequence[Receiver], *, now: datetime) -> dict[str, str | None]:
    """Send a test to every receiver; return by name why it was not taken, None if it was."""
    event = LoopEvent(EventName.DRIFT_FOUND, f"test {now.isoformat()}", now, "a test: nothing has happened")
    answers = (_try(Told(event), receiver, now) for receiver in receivers)
    return {answer.receiver: answer.problem for answer in answers}


def _try(told: Told, receiver: Receiver, now: datetime) -> Delivery:
    try:
        receiver.send(told.event)
    except ReceiverError as error:
        told.failed[receiver.name] = str(error)
        return Delivery(told.event, receiver.name, str(error))
    told.sent[receiver.name] = now
    told.failed.pop(receiver.name, None)
    return Delivery(told.event, receiver.name)


def _add(
    record: TellingRecord,
    found: Iterable[LoopEvent],
    standing: Sequence[Standing],
    *,
    wanted: Collection[EventName],
    now: datetime,
) -> None:
    """Add new events to the record, and forget those that are long over."""
    known = {told.event.key for told in record.told}
    new = [event for event in found if event.key not in known and event.at >= now - TRIED_FOR]
    for look in standing:
        prefix = f"{look.name}/"
        over = [name for name in record.standing if name.startswith(prefix)]
        for name in over:
            if name.removeprefix(prefix) not in look.present:
                del record.standing[name]
        for whom, (title, lines) in look.present.items():
            name = f"{prefix}{whom}"
            if name not in record.standing:
                record.standing[name] = f"{name} {now.isoformat()}"
                new.append(LoopEvent(look.name, record.standing[name], now, title, lines))
    record.told += [Told(event) for event in new if event.name in wanted]
    record.told = [told for told in record.told if told.event.at >= now - _KEPT_FOR]


def _save(file: Path, record: TellingRecord) -> None:
    write_whole(file, json.dumps(to_plain(record), indent=1, ensure_ascii=False) + "\n")
