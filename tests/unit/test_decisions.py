"""The decision log: each answer that counts with its reasons, in a file that a spreadsheet opens safely."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldloop.core.annotations import Grounds
from goldloop.core.errors import SettingsError, SourceError
from goldloop.reports.decisions import (
    SKIPPED,
    LoggedDecision,
    decision_log,
    decision_rows,
    moment,
    write_decisions,
    write_new_decisions,
    write_round_decisions,
)
from goldloop.settings.sections import SelectionSettings
from tests.loop import Loop, texts


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """A loop of texts with a few answers."""
    loop = Loop(tmp_path, texts(60), SelectionSettings(budget_per_round=20, audit_rate=0.3))
    loop.score()
    loop.push()
    return loop


def logged(loop: Loop, since: datetime | None = None) -> list[LoggedDecision]:
    """Return the log of now."""
    return decision_log(loop.tables, loop.state(), loop.settings.label_set, since=since)


def test_each_answer_is_logged_with_what_stood_beside_it(loop: Loop) -> None:
    """Machine and decision, who and how long, how many agreed, and what became gold."""
    first, second, *_ = loop.queue.tasks
    loop.queue.answer(first, "7", "spam")
    loop.queue.answer(first, "8", "spam")
    loop.queue.skip(second, "7", reason="cannot tell")
    loop.pull()

    log = logged(loop)

    by_task = {loop.queue.tasks[task].pushed.sample_id: task for task in (first, second)}
    agreed = [one for one in log if by_task[one.sample_id] == first]
    assert [(one.decision, one.n_agree, one.n_answers, one.annotator) for one in agreed] == [
        ("spam", 2, 2, "7"),
        ("spam", 2, 2, "8"),
    ]
    (skip,) = [one for one in log if by_task[one.sample_id] == second]
    assert (skip.decision, skip.reason, skip.n_answers) == (SKIPPED, "cannot tell", 0)
    assert all(
        one.sample and one.machine_label and one.model_version == "1" and 0 < (one.confidence or 0) <= 1
        for one in log
    )


def test_a_blind_task_shows_no_suggestion(loop: Loop) -> None:
    """The log tells what the annotator saw; what the model said is beside it either way."""
    loop.answer_all()
    loop.pull()

    log = logged(loop)

    assert {one.suggestion for one in log if one.purpose == "audit"} == {None}
    shown = [one for one in log if one.suggestion is not None]
    assert shown
    assert all(one.purpose == "review" and one.suggestion == one.machine_label for one in shown)


def test_the_grounds_of_an_answer_are_logged(loop: Loop) -> None:
    """Severity, rule, reason, marked parts and note stand beside the label, through every table."""
    first, *_ = loop.queue.tasks
    grounds = Grounds("strong", "S1 sells", ("buy", "now"), "=1+1")
    loop.queue.answer(first, "7", "spam", reason="irony", grounds=grounds)
    loop.pull()

    (one,) = logged(loop)

    assert (one.severity, one.rule, one.spans, one.note, one.reason) == (
        "strong",
        "S1 sells",
        "buy\nnow",
        "=1+1",
        "irony",
    )
    (row,) = decision_rows([one])
    assert (row["rule"], row["severity"], row["reason"]) == ("S1 sells", "strong", "irony; =1+1")


def test_since_leaves_out_older_answers(loop: Loop) -> None:
    """The time counts at which an answer was last changed."""
    loop.answer_all()
    loop.pull()
    log = logged(loop)
    middle = log[len(log) // 2].at

    newer = logged(loop, since=middle)

    assert newer == [one for one in log if one.at >= middle]
    assert logged(loop, since=log[-1].at + timedelta(seconds=1)) == []


@pytest.mark.parametrize("text", ["2026-03-01", "2026-03-01T00:00Z", "2026-03-01T01:00+01:00"])
def test_a_moment_is_a_date_or_a_time(text: str) -> None:
    """Without an offset it is UTC."""
    assert moment(text) == datetime(2026, 3, 1, tzinfo=UTC)


def test_what_is_no_date_is_refused() -> None:
    """With how to write one."""
    with pytest.raises(SettingsError, match=r"'last week' is no date; write it like 2026-03-01"):
        moment("last week")


def test_no_cell_of_the_file_computes(loop: Loop, tmp_path: Path) -> None:
    """A reason that begins like a formula gets an apostrophe; the file says that it is UTF-8."""
    first, *_ = loop.queue.tasks
    grounds = Grounds(note="=1+1", spans=("+2", "-3"))
    loop.queue.answer(first, "7", "spam", reason='=HYPERLINK("http://x.example","grüße")', grounds=grounds)
    loop.pull()

    path = write_decisions(logged(loop), tmp_path / "decisions.csv")

    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
    assert (row["note"], row["spans"]) == ("'=1+1", "'+2\n-3")
    assert row["reason"] == '\'=HYPERLINK("http://x.example","grüße")'
    assert list(row) == list(LoggedDecision.__slots__)


def test_a_file_is_never_overwritten_by_the_user(loop: Loop, tmp_path: Path) -> None:
    """The command names a new file; the log of a round is written again with its round."""
    loop.answer_all()
    loop.pull()
    path = tmp_path / "decisions.csv"
    write_new_decisions(logged(loop), path)

    with pytest.raises(SourceError, match="exists already"):
        write_new_decisions(logged(loop), path)
    again = [write_round_decisions(loop.ports(), tmp_path / "reports") for _ in range(2)]
    assert {one.name for one in again} == {"decisions-000.csv"}
    rows = list(csv.DictReader(again[0].read_text(encoding="utf-8-sig").splitlines()))
    assert len(rows) == len(logged(loop)) > 0


def test_the_terminal_shows_the_same_in_short(loop: Loop) -> None:
    """One row each; a skip agrees with nobody."""
    loop.answer_all()
    loop.pull()

    rows = decision_rows(logged(loop))

    assert len(rows) == len(logged(loop))
    assert " ".join(rows[0]) == (
        "at sample machine decision rule severity reason annotator seconds agreed gold"
    )
