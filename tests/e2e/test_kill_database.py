"""SIGKILL while the rows of a PostgreSQL table are scored, and the same command again."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from urllib.parse import unquote

import pytest

from goldloop.modalities.rows.database import PASSWORD
from goldloop.tables.counts import conservation
from tests import databases
from tests.databases import TestDatabase, postgresql_server
from tests.e2e.commands import Loop
from tests.e2e.interrupted import Interruption
from tests.e2e.prefect_api import PrefectApi

pytestmark = pytest.mark.servers

N_ROWS, N_BAD, AT_ONCE = 20_000, 20, 500
FIELDS = {"amount": "number", "shop": "category", "buyer": "name"}


@pytest.fixture
def postgresql(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestDatabase]:
    """Yield a running PostgreSQL with payments, some of them bad and some without an id."""
    with postgresql_server() as database:
        database.run(
            "CREATE TABLE payments (id text, amount text, shop text, buyer text)",
            "INSERT INTO payments SELECT 'P' || number, number, 'shop ' || number % 7, "
            f"'buyer ' || number % 99 FROM generate_series(1, {N_ROWS}) number",
            "UPDATE payments SET amount = 'a lot' WHERE id LIKE 'P%000'",
        )
        monkeypatch.setenv(PASSWORD, databases.PASSWORD)
        yield database


def test_a_killed_score_of_a_table_resumes(
    make_loop: Callable[..., Loop], postgresql: TestDatabase, prefect: PrefectApi
) -> None:
    """No row is missing or doubled, good or bad; the address that is kept has no password."""
    loop = make_loop(
        "bank", kind="records", labels=["genuine", "fraud"], model={}, records={"fields": FIELDS}
    )
    middle = Interruption(
        "goldloop.modalities.rows.store:RowStore.add",
        N_ROWS // AT_ONCE // 2,
        moment="after",
        constants={
            "goldloop.scoring.writer:COMMIT_AFTER_S": 0.0,  # a fast machine commits as a slow one
            "goldloop.scoring.writer:COMMIT_SHARE": 0.0,
            "goldloop.modalities.rows.reader:_KEPT_AT_ONCE": AT_ONCE,
        },
    )
    source = postgresql.table("payments")

    loop.run("score", source, plan=middle, code=-signal.SIGKILL)
    before = conservation(loop.parts.tables).n_files
    postgresql.run(
        "UPDATE payments SET shop = shop WHERE id < 'P5'"
    )  # PostgreSQL moves what is written again
    reports = loop.json("score", source)

    where = conservation(loop.parts.tables)
    assert where.is_conserved
    assert (where.n_files, where.quarantine, where.duplicate) == (N_ROWS, N_BAD, 0)
    assert N_ROWS // 4 < before < N_ROWS
    assert sum(report["n_known"] for report in reports) == before
    predictions = loop.parts.tables.predictions.read(["sample_id"])["sample_id"].to_pylist()
    assert max(Counter(predictions).values()) == 1
    samples = loop.parts.tables.samples.read(["uri"])["uri"].to_pylist()
    assert {unquote(uri.rpartition("#id=")[2]) for uri in samples} == {f"P{n}" for n in range(1, N_ROWS + 1)}
    assert len(samples) == N_ROWS
    assert loop.json("score", source)[0]["n_files"] == 0
    for path in (one for one in loop.root.rglob("*") if one.is_file()):
        assert databases.PASSWORD.encode() not in path.read_bytes(), path
    assert databases.PASSWORD not in str(prefect.runs())
    assert "payments" in str(prefect.runs())


def test_a_password_in_the_address_reaches_neither_prefect_nor_the_terminal(
    make_loop: Callable[..., Loop], prefect: PrefectApi
) -> None:
    """The command ends before a run begins, and says what to do; --query belongs to a database."""
    loop = make_loop(
        "bank2", kind="records", labels=["genuine", "fraud"], model={}, records={"fields": FIELDS}
    )
    address = "postgresql://analyst:hush@127.0.0.1:1/bank?table=payments"

    ended = loop.run("score", address, code=1)

    assert "GOLDLOOP_SOURCE_PASSWORD" in ended.err
    assert "hush" not in ended.out + ended.err + str(prefect.runs())
    assert "address of a database" in loop.run("score", "a.csv", "--query", "select 1", code=1).err
