"""Which reviews come first, how many a day, and until when: by what they save, and by people's minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldloop.core.candidates import Candidates
from goldloop.core.lanes import Lane
from goldloop.core.predictions import Candidate
from goldloop.core.samples import BatchId, sample_id_of
from goldloop.core.tasks import Purpose
from goldloop.labeling.capacity import reviews_left, with_overdue
from goldloop.selection.next_samples import Known, next_samples
from goldloop.selection.select import Spending, select
from goldloop.settings import Settings
from goldloop.settings.capacity import CapacitySettings
from goldloop.tables.snapshot import read_snapshot
from tests.loop import Loop, texts

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOTHING_KNOWN = Known(lambda _: {}, lambda _: pytest.fail("no probs are needed"))


def candidate(
    number: int,
    saving: float | None = None,
    *,
    lane: Lane = Lane.REVIEW,
    hours: float = 0.0,
    margin: float = 0.5,
) -> Candidate:
    """Return a candidate that arrived some hours before NOW."""
    arrived = NOW - timedelta(hours=hours)
    sample = sample_id_of(f"{number}".encode())
    return Candidate(sample, BatchId("b"), lane, margin, "a", saving=saving, arrived_at=arrived)


def test_what_saves_most_in_a_minute_comes_first_and_of_equals_the_oldest() -> None:
    """What has no saving comes last, and what no model has scored only where nothing is scored."""
    pool = [
        candidate(1, 2.0, hours=1),
        candidate(2, 9.0),
        candidate(3, 2.0, hours=5),
        candidate(4),
        Candidate(sample_id_of(b"new"), BatchId("b"), Lane.HOLD),
    ]

    found = next_samples(pool, 9, strategy="saving", known=NOTHING_KNOWN, seed=0)

    assert found == [pool[1], pool[2], pool[0], pool[3]]
    assert next_samples(pool[-1:], 9, strategy="saving", known=NOTHING_KNOWN, seed=0) == pool[-1:]


def test_a_purpose_gets_no_more_tasks_than_people_have_time_for() -> None:
    """The budget that is left goes to what is not limited."""
    pool = [candidate(number, 10.0 - number) for number in range(6)]
    pool += [candidate(10 + number, 20.0 - number, lane=Lane.FULL) for number in range(3)]
    spending = Spending(
        20,
        audit_rate=0.0,
        audit_share=0.4,
        seed=0,
        audit_answers=2,
        n_most={Purpose.REVIEW: 2, Purpose.FULL: 0},
    )

    def rank(candidates: list[Candidate], n: int) -> list[Candidate]:
        return next_samples(candidates, n, strategy="saving", known=NOTHING_KNOWN, seed=0)

    chosen = select(pool, spending, rank=rank)  # type: ignore[arg-type]

    assert [choice.candidate for choice in chosen] == pool[:2]
    assert {choice.purpose for choice in chosen} == {Purpose.REVIEW}


def test_nobody_is_asked_for_a_review_whose_time_is_over() -> None:
    """It stays in its lane, as an audit it may still be drawn, and what was decided without people holds."""
    settings = Settings(name="shop", labels=("a", "b"), capacity=CapacitySettings(due_hours=24))
    pool = [candidate(1, 5.0, hours=25), candidate(2, 1.0, hours=23), candidate(3, lane=Lane.AUTO, hours=99)]

    marked = with_overdue(Candidates.of(pool), settings, NOW)

    assert [one.is_overdue for one in marked] == [True, False, False]
    plain = Spending(5, audit_rate=0.0, audit_share=0.4, seed=0)
    chosen = select(marked, plain, rank=lambda candidates, n: candidates[:n])
    assert [choice.candidate.sample_id for choice in chosen] == [pool[1].sample_id]
    audits = select(marked, Spending(5, audit_rate=0.99, audit_share=1.0, seed=0), rank=lambda c, n: c[:n])
    assert pool[0].sample_id in {choice.candidate.sample_id for choice in audits}
    assert list(with_overdue(Candidates.of(pool), Settings(name="shop", labels=("a", "b")), NOW)) == pool


def test_the_minutes_of_a_day_pay_for_so_many_reviews(tmp_path: Path) -> None:
    """Tasks of the last day count against them; without a limit there is none."""
    loop = Loop(tmp_path, texts(60))
    loop.score()
    loop.push()
    snapshot, now = read_snapshot(loop.tables), loop.clock()
    n_given = sum(task.purpose is Purpose.REVIEW for task in snapshot.live.values())
    assert n_given
    settings = loop.settings.model_copy(update={"capacity": CapacitySettings(quick_minutes=n_given / 2 + 5)})

    assert reviews_left(loop.tables, loop.settings, snapshot, now) == {}
    assert reviews_left(loop.tables, settings, snapshot, now) == {Purpose.REVIEW: 10}  # of half a minute each
    later = now + timedelta(days=2)
    assert reviews_left(loop.tables, settings, snapshot, later) == {Purpose.REVIEW: n_given + 10}
