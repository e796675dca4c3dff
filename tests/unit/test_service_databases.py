"""A database of a newer server is refused by name; one of an older server is kept before it is migrated."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from goldloop.core.errors import ServiceStartError
from goldloop.services import servers
from goldloop.services.credentials import new_credentials
from goldloop.services.databases import MLFLOW, PREFECT, _revisions, ready_django
from goldloop.services.servers import prepare
from goldloop.services.upgrades import Database
from goldloop.settings.workspace import Workspace

UNKNOWN = "0123456789ab"


def written(file: Path, table: str, *values: str) -> None:
    """Write a database with one table of one column."""
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = "app, name" if table == "django_migrations" else "version_num"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"CREATE TABLE {table} ({columns})")
        for value in values:
            marks = ", ".join("?" for _ in columns.split(","))
            connection.execute(f"INSERT INTO {table} VALUES ({marks})", value.split("."))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a workspace in which nothing was started."""
    made = Workspace.create(tmp_path / "w", labels=["cat", "dog"])
    made.logs.mkdir(parents=True)
    return made


def prepared(workspace: Workspace, name: str) -> None:
    """Prepare the start of a server."""
    prepare(name, workspace, 20_001, credentials=new_credentials(), say=print)


@pytest.mark.parametrize(
    ("name", "where", "title"), [("prefect", PREFECT, "Prefect"), ("mlflow", MLFLOW, "MLflow")]
)
def test_a_schema_that_the_installed_server_does_not_know(
    workspace: Workspace, name: str, where: tuple[str, str], title: str
) -> None:
    """The error names file, schema and both versions, and the database stays as it was."""
    file = workspace.services / name / f"{name}.db"
    written(file, "alembic_version", UNKNOWN)
    before = file.read_bytes()

    with pytest.raises(
        ServiceStartError,
        match=rf"{re.escape(str(file))} was written by a newer {title} \(its schema is {UNKNOWN}\), and "
        rf"{title} \d+\.\d+.* is installed\. Nothing was changed\. Install",
    ):
        prepared(workspace, name)

    assert file.read_bytes() == before


@pytest.mark.parametrize(("name", "where"), [("prefect", PREFECT), ("mlflow", MLFLOW)])
def test_a_version_that_was_newer(workspace: Workspace, name: str, where: tuple[str, str]) -> None:
    """Also if the schema is the same: what the newer version wrote may mean something else."""
    file = workspace.services / name / f"{name}.db"
    known, heads = _revisions(*where)
    assert len(known) > 10
    assert len(heads) == 1
    written(file, "alembic_version", *heads)
    prepared(workspace, name)
    record = file.parent / "schema_version"
    assert re.fullmatch(r"\d+\.\d+.*", record.read_text())

    record.write_text("99.1.0")

    with pytest.raises(ServiceStartError, match=r"was written by \w+ 99\.1\.0, and"):
        prepared(workspace, name)
    assert record.read_text() == "99.1.0"


@pytest.mark.parametrize(("name", "where"), [("prefect", PREFECT), ("mlflow", MLFLOW)])
def test_an_older_schema_is_kept_before_it_is_migrated(
    workspace: Workspace, name: str, where: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backup holds the database as it was; one of the present schema needs none."""
    ran: list[list[str]] = []
    monkeypatch.setattr(servers, "_run", lambda command, *_: ran.append(command))
    known, heads = _revisions(*where)
    old = min(known - heads)
    written(workspace.services / name / f"{name}.db", "alembic_version", old)

    prepared(workspace, name)

    (backup,) = (workspace.services / "backups").iterdir()
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(old,)]
    ours = {"mlflow": ["mlflow", "db", "upgrade"], "prefect": ["prefect", "server", "database", "upgrade"]}
    assert [command[2 : 2 + len(ours[name])] for command in ran] == [ours[name]]


def test_a_backup_that_cannot_be_made_stops_the_migration(workspace: Workspace) -> None:
    """Nothing is migrated without one."""
    _, heads = _revisions(*PREFECT)
    file = workspace.services / "prefect" / "prefect.db"
    written(file, "alembic_version", min(_revisions(*PREFECT)[0] - heads))
    (workspace.services / "backups").write_text("a file is in the way")

    with pytest.raises(
        ServiceStartError, match=r"must be migrated to Prefect .*, and the backup of it failed"
    ):
        prepared(workspace, "prefect")


@pytest.mark.parametrize(
    ("migrations", "recorded", "outcome"),
    [
        (("tasks.0001", "tasks.0002"), None, "as it is"),
        (("tasks.0001",), "1.22.0", "migrated"),
        (("tasks.0001", "tasks.0002", "tasks.0003"), None, "refused"),
        (("tasks.0001", "tasks.0002"), "1.24.0", "refused"),
    ],
)
def test_label_studio_is_compared_with_its_own_template(
    tmp_path: Path, migrations: tuple[str, ...], recorded: str | None, outcome: str
) -> None:
    """The migrations in the database count, and the version that used it last."""
    template, file = tmp_path / "template.sqlite3", tmp_path / "data" / "label_studio.sqlite3"
    written(template, "django_migrations", "tasks.0001", "tasks.0002")
    written(file, "django_migrations", *migrations)
    record = file.parent / "schema_version"
    if recorded:
        record.write_text(recorded)
    migrated: list[str] = []

    def ready() -> None:
        database = Database("Label Studio", "1.23.2", file, tmp_path / "backups", print)
        ready_django(database, template, migrate=migrated.append)

    if outcome == "refused":
        with pytest.raises(ServiceStartError, match=r"was written by .*Label Studio 1\.23\.2 is installed"):
            ready()
        assert (record.read_text() if recorded else None) == recorded
    else:
        ready()
        assert record.read_text() == "1.23.2"
    assert bool(migrated) == (outcome == "migrated")
    assert (tmp_path / "backups").exists() == (outcome == "migrated")
