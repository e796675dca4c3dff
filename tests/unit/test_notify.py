"""Each event is told once to each receiver, and one that fails holds up nobody."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldloop.core.errors import WorkspaceError
from goldloop.core.loop_events import EventName, LoopEvent, ReceiverError, Standing
from goldloop.loop.notify import Delivery, failing_receivers, read_record, tell

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


@dataclass
class Receiver:
    """Remembers what it took; while it `fails`, it takes nothing."""

    name: str = "e-mail"
    fails: bool = False
    took: list[str] = field(default_factory=list)

    def send(self, event: LoopEvent) -> None:
        """Take the event."""
        if self.fails:
            raise ReceiverError(f"{self.name}: it does not answer")
        self.took.append(event.key)


def event(key: str, at: datetime = NOW, name: EventName = EventName.MODEL_REFUSED) -> LoopEvent:
    """Return an event."""
    return LoopEvent(name, key, at, f"{key} happened", ("because",))


def told(
    folder: Path,
    *found: LoopEvent,
    to: list[Receiver],
    now: datetime = NOW,
    standing: list[Standing] | None = None,
) -> list[Delivery]:
    """Tell the receivers what was found."""
    return tell(
        folder / "notifications.json", found, standing or [], to, wanted=tuple(EventName), now=now
    )  # fmt: skip


def falling(*annotators: str) -> list[Standing]:
    """Return that these annotators fall now."""
    words = ("is worse than before", ())
    return [Standing(EventName.ANNOTATOR_FALLING, dict.fromkeys(annotators, words))]


def test_an_event_is_told_once(tmp_path: Path) -> None:
    """Every run finds it again in the tables, and nobody hears of it twice."""
    mail, chat = Receiver(), Receiver("webhook")

    for hours in range(5):
        told(tmp_path, event("a"), to=[mail, chat], now=NOW + timedelta(hours=hours))
    told(tmp_path, event("a"), event("b"), to=[mail, chat])

    assert mail.took == chat.took == ["a", "b"]


def test_a_receiver_that_fails_gets_it_later(tmp_path: Path) -> None:
    """The others are told at once; the failure is a value with its reason, and the next run tries again."""
    mail, chat = Receiver(fails=True), Receiver("webhook")

    first = told(tmp_path, event("a"), event("b"), to=[mail, chat])

    assert [(one.event.key, one.receiver, one.problem) for one in first] == [
        ("a", "e-mail", "e-mail: it does not answer"),  # and is not asked for the second one
        ("a", "webhook", None),
        ("b", "webhook", None),
    ]
    assert read_record(tmp_path / "notifications.json").told[0].failed == {
        "e-mail": "e-mail: it does not answer"
    }
    mail.fails = False
    later = told(tmp_path, event("a"), event("b"), to=[mail, chat], now=NOW + timedelta(minutes=15))
    assert [(one.event.key, one.receiver) for one in later] == [("a", "e-mail"), ("b", "e-mail")]
    assert not read_record(tmp_path / "notifications.json").told[0].failed


def test_a_receiver_that_fails_is_named_until_it_takes_an_event(tmp_path: Path) -> None:
    """What `goldloop status` says; an event that it never took is then in the past."""
    mail, chat, file = Receiver(fails=True), Receiver("webhook"), tmp_path / "notifications.json"
    assert failing_receivers(file) == []
    told(tmp_path, event("a"), event("b"), to=[mail, chat])

    (sentence,) = failing_receivers(file)
    assert sentence.startswith("the newest notification was not taken: e-mail: it does not answer. Run")

    mail.fails, tomorrow = False, NOW + timedelta(days=2)
    told(tmp_path, event("c", tomorrow), to=[mail, chat], now=tomorrow)
    assert mail.took == ["c"]
    assert failing_receivers(file) == []
    file.write_text("[")
    assert "is damaged" in failing_receivers(file)[0]


def test_a_day_later_it_is_no_news(tmp_path: Path) -> None:
    """Neither a receiver that failed for a day nor a workspace that begins to notify tells the past."""
    mail = Receiver(fails=True)
    told(tmp_path, event("a"), event("old", NOW - timedelta(days=2)), to=[mail])
    mail.fails = False

    told(tmp_path, event("a"), to=[mail], now=NOW + timedelta(days=1, seconds=1))

    assert mail.took == []
    assert [one.event.key for one in read_record(tmp_path / "notifications.json").told] == ["a"]
    told(tmp_path, event("a"), to=[mail], now=NOW + timedelta(days=1))
    assert mail.took == ["a"]


def test_what_stands_is_told_when_it_begins(tmp_path: Path) -> None:
    """An annotator who falls for weeks is told once; one who falls again is told again."""
    mail = Receiver()
    weeks = [("3",), ("3", "7"), ("7",), ("3", "7")]

    counts = []
    for week, annotators in enumerate(weeks):
        told(tmp_path, to=[mail], now=NOW + timedelta(weeks=week), standing=falling(*annotators))
        told(tmp_path, to=[mail], now=NOW + timedelta(weeks=week))  # a pull, which looks at no annotator
        counts.append(len(mail.took))

    assert counts == [1, 2, 2, 3]


def test_a_failed_receiver_hears_what_stood(tmp_path: Path) -> None:
    """An event that no table holds is kept until it was told."""
    mail = Receiver(fails=True)
    told(tmp_path, to=[mail], standing=falling("3"))
    mail.fails = False

    told(tmp_path, to=[mail], now=NOW + timedelta(minutes=15))

    assert len(mail.took) == 1


def test_only_wanted_events_are_told(tmp_path: Path) -> None:
    """`notifications.events` chooses."""
    mail = Receiver()

    tell(
        tmp_path / "notifications.json",
        [event("a"), event("b", name=EventName.DRIFT_FOUND)],
        falling("3"),
        [mail],
        wanted=(EventName.DRIFT_FOUND,),
        now=NOW,
    )

    assert mail.took == ["b"]


def test_a_kill_after_sending_tells_one_event_again(tmp_path: Path) -> None:
    """What was sent before the kill is recorded; only the event that was on its way comes twice."""

    class Killed(Receiver):
        def send(self, event: LoopEvent) -> None:
            super().send(event)
            if event.key == "b":
                raise KeyboardInterrupt

    mail = Killed()
    with pytest.raises(KeyboardInterrupt):
        told(tmp_path, event("a"), event("b"), event("c"), to=[mail])
    again = Receiver()
    told(tmp_path, event("a"), event("b"), event("c"), to=[again])

    assert (mail.took, again.took) == (["a", "b"], ["b", "c"])


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    """The error says which file, and what removing it means."""
    (tmp_path / "notifications.json").write_text("[")

    with pytest.raises(
        WorkspaceError, match=r"notifications\.json is damaged \(JSONDecodeError\); remove it"
    ):
        told(tmp_path, event("a"), to=[Receiver()])
