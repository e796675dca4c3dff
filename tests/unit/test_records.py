"""Records: rows of typed fields, their identity, what models and annotators get of them, and bad rows."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.core.errors import SourceError, UnreadableSampleError
from goldloop.core.samples import Arrival, BatchId
from goldloop.core.tasks import NewTask, Purpose
from goldloop.modalities.record.fields import record_from, record_of
from goldloop.modalities.record.inference import inferred_form, sound_late
from goldloop.modalities.record.modality import RecordModality
from goldloop.modalities.rows.pseudonyms import Pseudonyms
from goldloop.settings import Settings
from goldloop.settings.records import RecordSettings
from goldloop.settings.toml import load_settings, settings_toml
from tests.payments import SECTION, form, payment, read_rows, records_in
from tests.texts import write_json

NAMES = Pseudonyms(lambda: b"key")


@pytest.fixture
def records(tmp_path: Path) -> RecordModality:
    """Return payments kept in an empty store."""
    return records_in(tmp_path)


def screen(records: RecordModality, arrival: Arrival) -> str:
    """Return what annotators see of a record."""
    return records.task_data(NewTask(arrival.sample_id, Purpose.AUDIT, BatchId("b"), ""), str)["records"]


def test_models_get_numbers_words_and_the_hour_and_no_name(records: RecordModality, tmp_path: Path) -> None:
    """A model cannot learn a customer or a merchant by heart; what is missing is left out."""
    (arrival,) = read_rows(records, tmp_path / "a.jsonl", payment(country=None))
    assert arrival.decoded is not None
    learnt = {"amount": 25.5, "is_new_device": 0.0, "n_last_hour": 0.0, "at/hour": 9.0, "at/weekday": 6.0}

    assert arrival.decoded.payload == learnt
    assert records.store.load(arrival.sample_id).payload == learnt
    assert arrival.decoded.metadata == {"id": "P1"}


def test_records_of_a_customer_share_an_entity_and_no_store_holds_the_name(
    records: RecordModality, tmp_path: Path
) -> None:
    """The pseudonym is the same in all files; nobody sees it, and it is no part of a record's identity."""
    first, second = read_rows(records, tmp_path / "a.jsonl", payment(1), payment(2, amount=7))
    (other,) = read_rows(records, tmp_path / "b.jsonl", payment(3, customer="C8"))
    entities = [one.decoded.entity for one in (first, second, other) if one.decoded]

    assert entities[0] == entities[1] != entities[2]
    assert b"C7" not in (tmp_path / "records.sqlite").read_bytes()
    assert str(entities[0]).split(":")[1] not in screen(records, first)
    elsewhere = RecordModality(tmp_path / "elsewhere.sqlite", form(), Pseudonyms(lambda: b"another key"))
    (there,) = read_rows(elsewhere, tmp_path / "c.jsonl", payment(1))
    assert there.decoded is not None
    assert there.decoded.entity != entities[0]
    assert there.sample_id == first.sample_id


def test_equal_rows_are_one_sample_however_they_are_written(records: RecordModality, tmp_path: Path) -> None:
    """5 and 5.0, yes and true, CSV and Parquet; another id or value is another sample."""
    (plain,) = read_rows(records, tmp_path / "a.jsonl", payment(amount=5, is_new_device="yes"))
    other, third = read_rows(records, tmp_path / "b.jsonl", payment(2, amount=5), payment(amount=6))
    rows = [payment(amount="5.00", is_new_device=1, at="2026-03-01T10:30:00+01:00")]
    with (tmp_path / "c.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    table = pa.Table.from_pylist([payment(amount=5.0, is_new_device=True) | {"chargeback_at": None}])
    pq.write_table(table, tmp_path / "d.parquet")
    (written,) = records.reader.arrivals(str(tmp_path / "c.csv"), is_known=lambda _: False)
    (columnar,) = records.reader.arrivals(str(tmp_path / "d.parquet"), is_known=lambda _: False)

    assert plain.sample_id == written.sample_id == columnar.sample_id
    assert len({plain.sample_id, other.sample_id, third.sample_id}) == 3


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no id": (payment(id=""), "missing id", "has no id"),
    "an id that is a list": (payment(id=[1]), "wrong type", "id is [1]"),
    "nothing at stake": (payment(amount=None), "missing field", "amount"),
    "a word for a number": (payment(amount="a lot"), "wrong type", "amount is 'a lot'"),
    "no finite number": (payment(amount="inf"), "wrong type", "finite number"),
    "a flag for a number": (payment(n_last_hour=True), "wrong type", "n_last_hour is True"),
    "no flag": (payment(is_new_device="maybe"), "wrong type", "true or false"),
    "no time": (payment(at="yesterday"), "wrong type", "ISO 8601"),
    "a number for a word": (payment(country=1.5), "wrong type", "country is 1.5"),
    "a long word": (payment(country="x" * 1001), "too long", "1,001 characters"),
    "lone surrogates": (payment(country="\ud800"), "not UTF-8", "country"),
    "a column that nobody named": (payment(color="red"), "unknown column", "'color' is none of"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_row_has_a_reason_that_names_field_and_value(
    records: RecordModality, tmp_path: Path, case: str
) -> None:
    """The rows behind it are read."""
    row, reason, words = BAD[case]
    bad, good = read_rows(records, tmp_path / "a.jsonl", row, payment(99))

    assert (bad.reason, good.reason) == (reason, None)
    assert words in bad.detail


def test_a_file_with_an_unknown_column_is_refused_whole(records: RecordModality, tmp_path: Path) -> None:
    """A column by another name would make every record miss a field."""
    (tmp_path / "a.csv").write_text("id,amount,at,colour\n1,5,2026-01-01,red\n2,6,2026-01-01,red\n")
    (arrival,) = records.reader.arrivals(str(tmp_path / "a.csv"), is_known=lambda _: False)

    assert arrival.reason == "unknown column"
    assert "'colour'" in arrival.detail


@given(
    st.fixed_dictionaries(
        {"id": st.one_of(st.text(max_size=8), st.integers(), st.none())},
        optional={
            name: st.one_of(st.none(), st.text(max_size=8), st.floats(), st.integers(), st.booleans())
            for name in form().fields
        },
    )
)
def test_any_row_is_a_record_or_has_a_reason(row: dict[str, Any]) -> None:
    """Nothing else can come of it, and a record says the same when it was kept."""
    try:
        record = record_of(row, form(), NAMES)
    except UnreadableSampleError as error:
        record, reason = None, error.reason

    assert record_from(record.canonical) == replace(record, entity=None) if record else reason


def test_the_screen_escapes_fields_and_shows_the_stake_in_large(
    records: RecordModality, tmp_path: Path
) -> None:
    """Words of the settings, units, yes and no; a dash for what is missing."""
    row = payment(amount=1234.5, merchant="<script>alert(1)</script>", country=None, is_new_device=True)
    (arrival,) = read_rows(records, tmp_path / "a.jsonl", row)
    html = screen(records, arrival)

    assert "<b>1,234.50 EUR</b>" in html
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<th>payments in the last hour</th><td>0</td>" in html
    assert "<th>country</th><td>–</td>" in html
    assert "<th>is new device</th><td>yes</td>" in html
    preview = records.preview(arrival.sample_id)
    assert preview is not None
    assert str(preview.text).startswith("P1: Amount 1,234.50 EUR, at 2026-03-01 09:30:00")
    assert records.columns(arrival.sample_id)["amount"] == "1234.5"


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"fields": {"id": "name"}}, "names `id`"),
        ({"fields": {"a": "number"}, "stake": "b"}, "records.stake names 'b', which is no field"),
        ({"fields": {"a": "category"}, "stake": "a"}, "which is of kind category"),
        ({"fields": {"a": "number"}, "ignore": ["a"]}, "both name 'a'"),
        ({"fields": {"a": "colour"}}, "number"),
    ],
)
def test_wrong_fields_are_refused_by_name(section: dict[str, Any], words: str) -> None:
    """Before a workspace is made of them."""
    with pytest.raises(ValueError, match=words):
        RecordSettings.model_validate(section)


def test_fields_are_inferred_from_rows_of_a_file(tmp_path: Path) -> None:
    """Kinds by their values, roles by their names; what holds the answer, or nothing, is ignored."""
    rows = [
        payment(number, customer=None, amount=None)
        | {
            "amount_eur": number + 0.5,
            "account_id": f"A{number}",
            "truth": "fraud",
            "note": None,
            "cents": number,
        }
        for number in range(100)
    ]
    found = inferred_form(str(write_json(tmp_path / "a.jsonl", *rows)), ["genuine", "fraud"])

    assert found["fields"] == {
        "at": "time",
        "merchant": "category",
        "country": "category",
        "is_new_device": "flag",
        "n_last_hour": "flag",
        "amount_eur": "number",
        "account_id": "name",
        "cents": "number",
    }
    assert (found["stake"], found["entity"], found["time"]) == ("amount_eur", "account_id", "at")
    assert sorted(found["ignore"]) == ["note", "truth"]


def test_a_time_after_that_of_the_record_is_no_field(tmp_path: Path) -> None:
    """A chargeback comes weeks later: a model that learned from it would look into the future.

    A time before, or at the same moment, stays; so do all where no name tells which is the record's own.
    """
    rows = [
        payment(number)
        | {"account_since": "2020-05-01", "sent_at": f"2026-03-01T12:00:{number:02}+00:00"}
        | ({"chargeback_at": "2026-04-02"} if number % 9 == 0 else {})
        | {"at": f"2026-03-01T12:00:{number:02}", "refund_cents": number, "n_chargebacks_before": 0}
        for number in range(60)
    ]
    found = inferred_form(str(write_json(tmp_path / "a.jsonl", *rows)), ["genuine", "fraud"])
    unnamed = [{"id": row["id"], "opened": row["account_since"], "paid": row["at"]} for row in rows]
    other = inferred_form(str(write_json(tmp_path / "b.jsonl", *unnamed)), ["genuine", "fraud"])

    assert (found["time"], found["ignore"]) == ("at", ["chargeback_at"])
    assert {"account_since", "sent_at"} < found["fields"].keys()
    assert sound_late(found["fields"]) == ["refund_cents", "n_chargebacks_before"]
    assert (other["fields"], other["ignore"]) == ({"opened": "time", "paid": "time"}, [])


def test_fields_stand_in_goldloop_toml_as_a_user_would_write_them(tmp_path: Path) -> None:
    """A line each, the kind alone where nothing else is told; the file reads back equal."""
    settings = Settings(name="pay", kind="records", labels=("genuine", "fraud"), records=SECTION)
    text = settings_toml(settings)
    path = tmp_path / "goldloop.toml"
    path.write_text(text)

    assert '[records.fields]\namount = {kind = "number", words = "Amount", unit = "EUR"}\nat = "time"' in text
    assert load_settings(path) == settings


@pytest.mark.parametrize("name", ["a.csv", "b.txt", "c.jsonl"])
def test_a_file_without_rows_infers_nothing(tmp_path: Path, name: str) -> None:
    """The error names the file."""
    (tmp_path / name).write_text("")
    with pytest.raises(SourceError, match=name):
        inferred_form(str(tmp_path / name), ["a"])


def test_real_payments_arrive_without_a_bad_row(real_data: Path, tmp_path: Path) -> None:
    """63,878 simulated payments from Parquet: the first 5,000 as the inferred form reads them."""
    source = real_data / "payments_simulated" / "payments.parquet"
    if not source.is_file():
        pytest.skip(f"no payments in {source}; name their folder in GOLDLOOP_TEST_DATA")
    pq.write_table(pq.read_table(source).slice(0, 5000), tmp_path / "payments.parquet")
    section = inferred_form(str(tmp_path / "payments.parquet"), ["genuine", "fraud"])
    found = RecordSettings.model_validate(section)
    modality = RecordModality(tmp_path / "records.sqlite", found.form, NAMES)
    arrivals = list(modality.reader.arrivals(str(tmp_path / "payments.parquet"), is_known=lambda _: False))

    assert (found.stake, found.entity, found.time) == ("amount", "customer", "at")
    assert "label" in found.ignore
    assert Counter(arrival.reason for arrival in arrivals) == {None: 5000}
    assert len({arrival.sample_id for arrival in arrivals}) == 5000
    assert json.loads(modality.store.rows.content(arrivals[0].sample_id))["id"] == "P000000"
