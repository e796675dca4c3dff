"""The upgrade of a server's database: kept first, put back where it fails, whole after a kill."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from goldloop.core.errors import ServiceStartError
from goldloop.services.databases import MLFLOW, _revisions, ready_alembic
from goldloop.services.upgrades import Database

NEWEST = next(iter(_revisions(*MLFLOW)[1]))
OLD = min(_revisions(*MLFLOW)[0] - {NEWEST})
HALF = """
import os, sqlite3, subprocess, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA journal_mode = WAL")  # what is half done stands in a file beside
connection.executescript("CREATE TABLE half (done); DROP TABLE runs;")
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("half", flush=True)
import time; time.sleep(600)
"""
KILLED = """
import os, subprocess, sys
from pathlib import Path
from goldloop.services.databases import MLFLOW, ready_alembic
from goldloop.services.processes import MARK_VARIABLE
from goldloop.services.upgrades import Database
file = Path(sys.argv[1])
def migrate(mark):
    command = [sys.executable, "-c", sys.argv[3], str(file)]
    with (file.parent / "out").open("wb") as out:
        subprocess.call(command, env=os.environ | {MARK_VARIABLE: mark}, stdout=out)
ready_alembic(*MLFLOW, Database("MLflow", "3.17.2", file, Path(sys.argv[2]), print), migrate=migrate)
"""
"""As `goldloop up`, which is killed while its migration runs."""


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Return the database of an older MLflow, which has one run."""
    file = tmp_path / "mlflow" / "mlflow.db"
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            f"CREATE TABLE alembic_version (version_num); INSERT INTO alembic_version VALUES ('{OLD}');"
            "CREATE TABLE runs (name); INSERT INTO runs VALUES ('first');"
        )
    (file.parent / "schema_version").write_text("3.1.0")
    return Database("MLflow", "3.17.2", file, tmp_path / "backups", print)


def readied(database: Database, migrate: Callable[[str], None]) -> None:
    """Make the database ready for the start of MLflow."""
    ready_alembic(*MLFLOW, database, migrate=migrate)


def migrated(database: Database) -> Callable[[str], None]:
    """Return a migration that succeeds."""

    def migrate(_: str) -> None:
        with closing(sqlite3.connect(database.file)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (NEWEST,))

    return migrate


def content(file: Path) -> tuple[str, list[str]]:
    """Return the schema of a database and its runs."""
    with closing(sqlite3.connect(file)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert "half" not in tables
        runs = [name for (name,) in connection.execute("SELECT name FROM runs")]
        return connection.execute("SELECT version_num FROM alembic_version").fetchone()[0], runs


def test_an_upgrade_is_told_and_kept(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """The copy holds the old schema, the version that ran before is named, and no note is left."""
    readied(database, migrated(database))

    (copy,) = database.backups.iterdir()
    assert copy.name.startswith("mlflow-3.1.0-")
    assert (content(copy), content(database.file)) == ((OLD, ["first"]), (NEWEST, ["first"]))
    told = f"upgrading the database of MLflow 3.1.0 to 3.17.2; as it was it is kept as {copy}"
    assert told in capsys.readouterr().out
    assert database.last_version == "3.17.2"
    assert not database.note.exists()


def test_another_version_of_the_same_schema_is_kept_too(database: Database) -> None:
    """What the new version writes may mean something else to the old one, though nothing is migrated."""
    migrated(database)("")

    readied(database, pytest.fail)

    assert len(list(database.backups.iterdir())) == 1
    readied(database, pytest.fail)
    assert len(list(database.backups.iterdir())) == 1


@pytest.mark.parametrize("error", [ServiceStartError("mlflow db upgrade failed with 1"), KeyboardInterrupt()])
def test_a_migration_that_fails_is_put_back(database: Database, error: BaseException) -> None:
    """The database is as it was, with the version that ran last, and the error says so."""

    def fail(_: str) -> None:
        with closing(sqlite3.connect(database.file)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript("CREATE TABLE half (done); DROP TABLE runs;")
        raise error

    with pytest.raises(type(error)) as raised:
        readied(database, fail)

    if isinstance(error, ServiceStartError):
        assert "failed with 1" in str(raised.value)
        assert "could not be migrated from MLflow 3.1.0 to MLflow 3.17.2, so it was put back" in str(
            raised.value
        )
        assert "Install MLflow 3.1.0 again" in str(raised.value)
    assert content(database.file) == (OLD, ["first"])
    assert database.last_version == "3.1.0"
    readied(database, migrated(database))
    assert content(database.file) == (NEWEST, ["first"])


def test_a_kill_in_the_middle_of_a_migration(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """The next start ends what still migrates, puts the database back, and migrates it from there."""
    goldloop = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(database.file), str(database.backups), HALF]
    )
    while not (database.file.parent / "out").exists() or not (database.file.parent / "out").read_bytes():
        time.sleep(0.05)
    orphans = psutil.Process(goldloop.pid).children(recursive=True)
    goldloop.kill()
    goldloop.wait()
    assert len(orphans) == 2
    assert all(orphan.is_running() for orphan in orphans)
    assert database.note.exists()

    readied(database, migrated(database))

    _, alive = psutil.wait_procs(orphans, timeout=10)
    assert alive == []
    assert content(database.file) == (NEWEST, ["first"])
    assert "was killed; it was put back as it was" in capsys.readouterr().out
    assert not database.note.exists()


def test_a_note_that_outlived_its_upgrade_puts_nothing_back(database: Database) -> None:
    """Once the server of this version has run, what was written since stays, whatever a power cut brings."""
    left: list[str] = []

    def migrate(mark: str) -> None:
        left.append(database.note.read_text())
        migrated(database)(mark)

    readied(database, migrate)
    with closing(sqlite3.connect(database.file)) as connection, connection:
        connection.execute("INSERT INTO runs VALUES ('since')")
    database.note.write_text(left[0])

    readied(database, pytest.fail)

    assert content(database.file) == (NEWEST, ["first", "since"])
    assert not database.note.exists()


def test_a_killed_upgrade_whose_copy_is_gone(database: Database) -> None:
    """Nothing starts on a database that may be half migrated."""
    database.note.write_text('{"before": "3.1.0", "copy": "mlflow-3.1.0-x.db", "mark": "m"}')

    with pytest.raises(ServiceStartError, match=r"was killed, and its copy .*mlflow-3\.1\.0-x\.db is gone"):
        readied(database, pytest.fail)
    database.note.write_text("{")
    with pytest.raises(ServiceStartError, match=r"upgrade\.json is damaged, so .* may be half migrated"):
        readied(database, pytest.fail)
