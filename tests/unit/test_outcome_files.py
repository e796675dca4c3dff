"""Files of outcomes: which rows are refused and why, which files are, and that their formats are alike."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldloop.core.errors import SourceError
from goldloop.core.samples import SampleId
from goldloop.loop.outcomes import add_outcomes
from goldloop.settings.sections import SelectionSettings
from goldloop.tables.outcomes import read_reported
from tests.loop import Loop, texts
from tests.outcomes import known, told
from tests.texts import write_json


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """A loop of texts that people were asked about."""
    loop = Loop(tmp_path, texts(20), SelectionSettings(budget_per_round=20, audit_rate=0))
    loop.score()
    loop.push()
    return loop


def asked(loop: Loop) -> SampleId:
    """Return a sample that people were asked about."""
    return next(iter(loop.queue.tasks.values())).pushed.sample_id


def test_rows_that_cannot_be_used_are_refused_by_row_and_the_rest_goes_on(loop: Loop) -> None:
    """Each is told with its number and what to do; the sum of the rows is that of the file."""
    report = told(
        loop,
        ("", "chargeback"),
        (asked(loop), "complaint"),
        ("9", "manual"),
        ("9", "manual", "eggs"),
        ("9", "refund", "ham", "yes"),
        ("9", "chargeback", "spam", "yes"),
        ("9", "chargeback", "", "maybe"),
        ("9", "chargeback", "", "", "yesterday"),
        ("9", "chargeback", "", "", "2026-01-03", "2026-01-02"),
        ("9", "chargeback", "", "", "2027-01-01"),
        (asked(loop), "chargeback"),
    )

    details = [
        "no id", "kind is 'complaint'", "needs a label here", "no label", "only a chargeback",
        "leave it empty", "not true or false", "write ISO 8601", "before observed_at", "in the future",
    ]  # fmt: skip
    assert [one.row for one in report.refused] == list(range(1, 11))
    for one, detail in zip(report.refused, details, strict=True):
        assert detail in one.detail
    assert (report.n_rows, report.n_added, report.n_known) == (11, 1, 0)
    assert known(loop, asked(loop))
    assert sum(record.source == "outcome" for record in loop.gold.read().records) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [("kind\nchargeback\n", "column 'id' is there 0 times"), ("id,kind,knownat\n", "'knownat' is no column")],
)
def test_a_file_with_other_columns_is_refused_whole(loop: Loop, text: str, message: str) -> None:
    """A misspelt column would otherwise be missing in every row; nothing is kept."""
    (loop.folder / "bad.csv").write_text(text)
    with pytest.raises(SourceError, match=message):
        add_outcomes(loop.ports(), str(loop.folder / "bad.csv"))
    assert read_reported(loop.tables.outcomes) == []


def test_jsonl_and_parquet_say_the_same_as_csv(loop: Loop) -> None:
    """The three files are one: the second and the third add nothing."""
    row = {"id": "0001", "kind": "manual", "label": "spam", "observed_at": "2026-01-03T00:00:00+00:00"}
    assert told(loop, row).n_added == 1
    assert add_outcomes(loop.ports(), str(write_json(loop.folder / "o.jsonl", row))).n_known == 1
    pq.write_table(pa.Table.from_pylist([row]), loop.folder / "o.parquet")
    assert add_outcomes(loop.ports(), str(loop.folder / "o.parquet")).n_known == 1
