"""Records and posts from a database, the same on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from goldloop.adapters.memory import memory_tables
from goldloop.core.errors import GoldloopError, SourceError
from goldloop.core.samples import Arrival, file_of
from goldloop.modalities.record.inference import inferred_form
from goldloop.modalities.record.modality import RecordModality
from goldloop.modalities.rows import database as module
from goldloop.modalities.rows.database import PASSWORD, database_of
from goldloop.modalities.text.modality import TextModality
from goldloop.routing.policies import Band
from goldloop.scoring.score import batch_of, score_source
from goldloop.scoring.writer import Model, ScoreReport
from tests import databases
from tests.databases import TestDatabase, postgresql_server, sqlite_database
from tests.loop import FakeClock
from tests.payments import payment, records_in

COLUMNS = {
    "id": "text",
    "amount": "numeric(12, 2)",
    "at": "timestamp with time zone",
    "customer": "text",
    "merchant": "text",
    "country": "text",
    "is_new_device": "boolean",
    "n_last_hour": "integer",
    "chargeback_at": "timestamp",
}


@pytest.fixture(scope="module")
def postgresql() -> Iterator[TestDatabase]:
    """Yield a running PostgreSQL."""
    with postgresql_server() as database:
        yield database


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestDatabase:
    """Return a database without a table `payments`; its password stands in the environment."""
    if request.param == "sqlite":
        return sqlite_database(tmp_path)
    found: TestDatabase = request.getfixturevalue("postgresql")
    monkeypatch.setenv(PASSWORD, databases.PASSWORD)
    found.run("DROP TABLE IF EXISTS payments")
    return found


@pytest.fixture
def records(tmp_path: Path) -> RecordModality:
    """Return payments kept in an empty store."""
    return records_in(tmp_path)


def fill(database: TestDatabase, *rows: dict[str, Any], **columns: str) -> str:
    """Make a table of payments, with these columns or types of columns beside; return its source."""
    types = COLUMNS | columns
    names = ", ".join(f"{name} {kind}" for name, kind in types.items())
    database.run(f"CREATE TABLE payments ({names})")
    add(database, *rows)
    return database.table("payments")


def add(database: TestDatabase, *rows: dict[str, Any]) -> None:
    """Add payments to the table."""
    for row in rows:
        places = ", ".join(f":{name}" for name in row)
        database.run(f"INSERT INTO payments ({', '.join(row)}) VALUES ({places})", rows=[row])


def arrivals(records: RecordModality | TextModality, source: str) -> list[Arrival]:
    """Return what arrives from `source`, where nothing is known."""
    return list(records.reader.arrivals(source, is_known=lambda _: False))


def test_rows_are_the_samples_that_a_file_of_them_holds(
    database: TestDatabase, records: RecordModality, tmp_path: Path
) -> None:
    """Numbers of any type, flags and times; in the order of their ids; the uri names source and id alone."""
    rows = [payment("9/b", amount=7.25, country=None), payment("1", is_new_device=True), payment("9/a")]
    source = fill(database, *rows)
    with (tmp_path / "payments.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(payment()))
        writer.writeheader()
        writer.writerows(rows)

    found = arrivals(records, source)
    written = {one.sample_id for one in arrivals(records, str(tmp_path / "payments.csv"))}

    assert [one.reason for one in found] == [None, None, None]
    assert {one.sample_id for one in found} == written
    place = database_of(source).place
    assert [one.file.uri for one in found] == [f"{place}#id=P1", f"{place}#id=P9%2Fa", f"{place}#id=P9%2Fb"]
    assert {file_of(one.file.uri) for one in found} == {place}
    assert "analyst" not in place
    assert place.endswith("?table=payments")
    assert batch_of(source).startswith("payments-" if "sqlite" in source else "postgres-table-payments-")


def test_a_query_gives_the_rows_that_it_names(database: TestDatabase, records: RecordModality) -> None:
    """Its columns may be renamed; what it says stands in no uri, where another query has another place."""
    fill(database, payment(1), payment(2, amount=900), payment(3, amount=800))
    query = "SELECT p.*, 'a:b' || '%' AS merchant2 FROM payments p WHERE amount > 500 -- large ones\n;"
    with pytest.raises(SourceError, match="'merchant2' is none of"):
        arrivals(records, database_of(database.source, query).source)

    query = query.replace("p.*, 'a:b' || '%' AS merchant2", "id, amount, 'a:b' || '%' AS merchant")
    named = database_of(database.source, query)
    found = arrivals(records, named.source)

    assert [one.file.uri for one in found] == [f"{named.place}#id=P2", f"{named.place}#id=P3"]
    assert "large" not in named.place
    assert records.columns(found[0].sample_id)["merchant"] == "a:b%"
    assert database_of(database.source, query + " ").place == named.place
    assert database_of(database.source, query.replace("500", "600")).place != named.place


def test_an_unknown_column_is_refused_by_name_and_nothing_arrives(
    database: TestDatabase, records: RecordModality
) -> None:
    """By the first call, before a row is read; once the column is ignored, the same source is read."""
    source = fill(database, payment(1), colour="text")
    tables = memory_tables()
    with pytest.raises(SourceError, match=r"'colour' is none of \[records.fields\]"):
        score(records, source, tables)
    assert not len(tables.samples.read())

    database.run("ALTER TABLE payments DROP COLUMN colour")
    assert score(records, source, tables).n_files == 1


def test_a_bad_row_is_set_aside_and_the_rows_behind_it_are_read(
    database: TestDatabase, records: RecordModality
) -> None:
    """A missing id or stake, a wrong type and a doubled id have the reasons that they have in files."""
    source = fill(
        database,
        payment(None) | {"id": None},
        payment(1, country="x" * 1001),
        payment(2, amount=None),
        payment(3, n_last_hour="many"),
        payment(4, amount=6),
        payment(4, amount=5),
        payment(5),
        n_last_hour="text",
    )
    found = arrivals(records, source)

    reasons = sorted(str(one.reason) for one in found)
    assert reasons == sorted(
        [
            "missing id",
            "too long",
            "missing field",
            "wrong type",
            "doubled id with other content",
            "None",
            "None",
        ]
    )
    assert [one.reason for one in found if one.file.uri.endswith("#id=P5")] == [None]


def test_of_rows_with_one_id_the_same_is_first_whatever_the_order_on_the_disk(
    database: TestDatabase, records: RecordModality
) -> None:
    """A run that goes on after a kill would take the other one too; equal rows are one."""
    source = fill(database, payment(1, amount=8), payment(1, amount=7), payment(2), payment(2))
    before = arrivals(records, source)
    database.run("DELETE FROM payments WHERE amount = 8")
    add(database, payment(1, amount=8))
    after = arrivals(records, source)

    assert [(one.file, one.reason) for one in after] == [(one.file, one.reason) for one in before]
    assert [one.reason for one in after] == [None, "doubled id with other content", None]


def test_a_time_that_python_cannot_hold_is_one_bad_row(
    postgresql: TestDatabase, records: RecordModality, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Infinity is a time for PostgreSQL; the rows behind it are read."""
    monkeypatch.setenv(PASSWORD, databases.PASSWORD)
    postgresql.run("DROP TABLE IF EXISTS payments")
    source = fill(postgresql, payment(1, at="infinity"), payment(2), payment(3, at="20000-01-01"))
    found = arrivals(records, source)

    assert [one.reason for one in found] == ["wrong type", None, "wrong type"]
    assert "'infinity'" in found[0].detail


def test_bytes_that_are_not_utf8_are_one_bad_row(tmp_path: Path, records: RecordModality) -> None:
    """SQLite keeps any bytes as text."""
    database = sqlite_database(tmp_path)
    source = fill(database, payment(1), payment(2))
    database.run("UPDATE payments SET country = CAST(x'ff41' AS text) WHERE id = 'P1'")

    assert [one.reason for one in arrivals(records, source)] == ["not UTF-8", None]


def score(records: RecordModality | TextModality, source: str, tables: Any) -> ScoreReport:
    """Score a source without a model."""
    return score_source(
        source, reader=records.reader, model=Model(), policy=Band(0, 0.85), tables=tables, clock=FakeClock()
    )


def test_only_new_and_changed_rows_arrive_the_next_time(
    database: TestDatabase, records: RecordModality
) -> None:
    """Whatever their ids, and without an id; in whatever time zone the server shows times."""
    source, tables = fill(database, payment(5), payment(7), payment(None) | {"id": None}), memory_tables()
    assert (score(records, source, tables).n_files, score(records, source, tables).n_files) == (3, 0)

    add(database, payment(1), payment(6, customer=None))
    database.run("UPDATE payments SET amount = 99 WHERE id = 'P7'")
    if "postgresql" in source:
        database.run("ALTER ROLE analyst SET timezone TO 'Asia/Tokyo'")
    again = score(records, source, tables)

    assert (again.n_files, again.n_known, sum(again.lanes.values())) == (3, 2, 3)


def test_nothing_is_written_to_the_database(database: TestDatabase, records: RecordModality) -> None:
    """A query that changes rows is refused by the database, and an SQLite file is not made."""
    source = fill(database, payment(1))
    query = "DELETE FROM payments RETURNING *"
    if "postgresql" in source:
        database.run(
            "CREATE OR REPLACE FUNCTION removed() RETURNS SETOF payments LANGUAGE sql AS "
            "'DELETE FROM payments RETURNING *'"
        )
        query = "SELECT * FROM removed()"
    with pytest.raises(SourceError, match="cannot be read"):
        arrivals(records, database_of(database.source, query).source)

    assert database.run("SELECT count(*) FROM payments") == [(1,)]
    if "sqlite" in source:
        missing = source.replace("payments.db", "other.db")
        with pytest.raises(SourceError, match=r"other\.db is not there"):
            arrivals(records, missing)
        assert not Path(missing.removeprefix("sqlite:///").partition("?")[0]).exists()
    else:
        database.run("DROP FUNCTION removed()")


def test_rows_are_fetched_as_they_are_read(
    postgresql: TestDatabase, records: RecordModality, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server keeps what is not read yet, so memory is flat; a connection that ends is one sentence."""
    monkeypatch.setenv(PASSWORD, databases.PASSWORD)
    monkeypatch.setattr(module, "_ROWS", 100)
    postgresql.run("DROP TABLE IF EXISTS payments")
    source = fill(postgresql)
    postgresql.run(
        "INSERT INTO payments (id, amount) SELECT 'P' || number, number FROM generate_series(1, 5000) number"
    )
    rows = module.rows_of_database(database_of(source), lambda _: None)
    first = [next(rows) for _ in range(150)]
    sessions = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"

    ((query, state),) = postgresql.run(f"SELECT query, state {sessions}")
    assert query.startswith("FETCH FORWARD 100 FROM")
    assert state == "idle in transaction"
    postgresql.run(f"SELECT pg_terminate_backend(pid) {sessions}")
    with pytest.raises(
        SourceError, match="run the same command again: rows that arrived are not scored twice"
    ):
        list(rows)
    assert len(first) == 150


def test_a_password_in_the_address_is_refused_without_being_said(records: RecordModality) -> None:
    """In the address, in its options, and in an address that is no URL."""
    addresses = [
        "postgresql://analyst:hush@127.0.0.1/db?table=payments",
        "postgresql://analyst@127.0.0.1/db?table=payments&password=hush",
        "postgresql://analyst@127.0.0.1/db?table=payments&sslpassword=hush",
        "mssql+pyodbc:///?odbc_connect=UID%3Danalyst%3BPWD%3Dhush&table=payments",
        "postgresql://analyst:hu@sh:hush@127.0.0.1:port/db?table=payments&x=hush",
    ]
    for address in addresses:
        with pytest.raises(SourceError, match=r"set GOLDLOOP_SOURCE_PASSWORD|is no URL") as caught:
            arrivals(records, address)
        with pytest.raises(SourceError):
            batch_of(address)
        assert "hush" not in str(caught.value)
        assert caught.value.__cause__ is None
    assert (
        database_of("postgresql://h/db?table=t&passfile=/home/ana/.pgpass").place
        == "postgresql://h/db?table=t"
    )


def test_the_password_of_the_environment_opens_the_database_and_is_kept_nowhere(
    postgresql: TestDatabase, records: RecordModality, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A wrong one is refused in a sentence that does not name it."""
    monkeypatch.setenv(PASSWORD, databases.PASSWORD)
    postgresql.run("DROP TABLE IF EXISTS payments")
    source, tables = fill(postgresql, payment(1)), memory_tables()
    score(records, source, tables)
    kept = str(tables.samples.read().to_pylist()) + repr(database_of(source))
    assert "127.0.0.1" in kept
    assert databases.PASSWORD not in kept
    assert databases.PASSWORD.encode() not in (tmp_path / "records.sqlite").read_bytes()

    monkeypatch.setenv(PASSWORD, "another word")
    with pytest.raises(SourceError, match="password authentication failed") as caught:
        arrivals(records, source)
    assert "another word" not in str(caught.value)
    monkeypatch.delenv(PASSWORD)
    monkeypatch.setenv("PGPASSWORD", databases.PASSWORD)  # what the driver itself reads
    assert len(arrivals(records, source)) == 1


def test_posts_come_from_a_database_too(database: TestDatabase, tmp_path: Path) -> None:
    """With the columns that a file of posts has."""
    database.run("DROP TABLE IF EXISTS posts")
    database.run("CREATE TABLE posts (id integer, text text, author text, reports integer)")
    database.run("INSERT INTO posts VALUES (2, 'second', 'ann', 3), (1, 'first', NULL, 0)")
    texts = TextModality(tmp_path / "texts.sqlite")

    first, second = arrivals(texts, database.table("posts"))

    assert first.decoded is not None
    assert (first.decoded.payload, first.file.uri[-5:]) == ("first", "#id=1")
    assert second.decoded is not None
    assert second.decoded.metadata["reports"] == 3


def test_fields_are_inferred_from_a_table(database: TestDatabase) -> None:
    """As from a file."""
    rows = [payment(number, amount=number + 0.5, customer=f"C{number}") for number in range(70)]
    found = inferred_form(fill(database, *rows), ["genuine", "fraud"])

    assert (found["stake"], found["entity"], found["time"]) == ("amount", "customer", "at")
    assert found["fields"]["is_new_device"] == "flag"
    assert found["ignore"] == ["chargeback_at"]


def test_what_cannot_be_read_says_what_to_do(
    tmp_path: Path, records: RecordModality, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No table, two of them, a driver that is not installed, a server that is not there."""
    database = sqlite_database(tmp_path)
    cases = {
        database.source: r"add either \?table=NAME or --query",
        f"{database.source}?table=a&query=select+1": "names a table and a query",
        f"{database.source}?table=gone": "no such table: gone",
        "mysql+nodriver://h/db?table=t": "mysql",
        "postgresql://analyst@127.0.0.1:1/db?table=t": "127.0.0.1",
    }
    for source, words in cases.items():
        with pytest.raises(SourceError, match=words):
            arrivals(records, source)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SourceError, match=r"goldloop\[postgresql\]"):
        arrivals(records, "postgresql://analyst@127.0.0.1:1/db?table=t")


def test_a_workspace_of_images_reads_no_database(tmp_path: Path) -> None:
    """The error says which kinds do."""
    from goldloop.modalities.files import files_of

    with pytest.raises(GoldloopError, match="in a workspace of texts or records"):
        files_of(f"sqlite:///{tmp_path}/a.db?table=t")
