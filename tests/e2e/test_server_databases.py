"""Databases of the installed servers that another version has written."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from goldloop.core.errors import ServiceStartError
from goldloop.services import down, up
from goldloop.services.credentials import new_credentials
from goldloop.services.databases import MLFLOW, PREFECT, _revisions
from goldloop.services.servers import prepare, server_environment
from goldloop.settings.workspace import Workspace

pytestmark = pytest.mark.servers

LATE = "scheduler_leases"
"""A table that a late migration of MLflow makes."""


def change(file: Path, statement: str) -> None:
    """Change a database of a server that does not run."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(statement)


@pytest.mark.usefixtures("services")
def test_label_studio_of_another_version(tmp_path: Path) -> None:
    """A newer database is refused and stays; an older one is kept, and then has the present schema."""
    workspace = Workspace.create(tmp_path / "w", labels=["cat", "dog"])
    workspace.logs.mkdir(parents=True)

    def ready() -> None:
        prepare("label_studio", workspace, 20_001, credentials=new_credentials(), say=print)

    ready()
    file = workspace.services / "label_studio" / "data" / "label_studio.sqlite3"
    change(
        file,
        "INSERT INTO django_migrations (app, name, applied) VALUES ('tasks', '9999_new', CURRENT_TIMESTAMP)",
    )

    with pytest.raises(
        ServiceStartError, match=r"written by a newer Label Studio \(its schema is tasks\.9999_n"
    ):
        ready()

    newest = "SELECT max(id) FROM django_migrations"
    change(file, "DELETE FROM django_migrations WHERE name = '9999_new'")
    ready()
    assert not (workspace.services / "backups").exists()
    change(
        file, f"DELETE FROM django_migrations WHERE id = ({newest})"
    )  # the schema is there, the note is not
    with suppress(ServiceStartError):  # some migrations cannot be repeated
        ready()
    assert len(list((workspace.services / "backups").iterdir())) == 1


def test_mlflow_of_a_newer_version(mlflow_only: Workspace) -> None:
    """The error names it, and with its own schema the server runs again."""
    up(mlflow_only, say=print)
    down(mlflow_only, say=print)
    file = mlflow_only.services / "mlflow" / "mlflow.db"
    present = schema(file)
    change(file, "UPDATE alembic_version SET version_num = '0123456789ab'")

    with pytest.raises(ServiceStartError, match=r"mlflow\.db was written by a newer MLflow"):
        up(mlflow_only, say=print)

    change(file, f"UPDATE alembic_version SET version_num = '{present}'")
    up(mlflow_only, say=print)


@pytest.mark.filterwarnings("ignore")  # of MLflow's own tables
def test_mlflow_of_an_older_version(mlflow_only: Workspace) -> None:
    """Its database is kept as it was and upgraded; MLflow alone would refuse to start."""
    file = mlflow_only.services / "mlflow" / "mlflow.db"
    file.parent.mkdir(parents=True)
    (newest,) = _revisions(*MLFLOW)[1]
    older = make_older(file)

    up(mlflow_only, say=print)

    assert schema(file) == newest
    (backup,) = (mlflow_only.services / "backups").iterdir()
    assert schema(backup) == older != newest


@pytest.mark.filterwarnings("ignore")  # of MLflow's own tables
def test_mlflow_whose_migration_fails(mlflow_only: Workspace) -> None:
    """Its database is put back as it was, so that the older MLflow can go on with it."""
    file = mlflow_only.services / "mlflow" / "mlflow.db"
    file.parent.mkdir(parents=True)
    older = make_older(file, n_back=6)
    (file.parent / "schema_version").write_text("3.0.1")
    before = tables(file)
    assert LATE not in before
    change(file, f"CREATE TABLE {LATE} (of_somebody_else)")

    with pytest.raises(
        ServiceStartError, match=r"so it was put back as it was\. Install MLflow 3\.0\.1 again"
    ):
        up(mlflow_only, say=print)

    assert schema(file) == older
    assert tables(file) == before | {LATE}
    change(file, f"DROP TABLE {LATE}")
    up(mlflow_only, say=print)
    assert schema(file) == next(iter(_revisions(*MLFLOW)[1]))


@pytest.mark.filterwarnings("ignore")  # of MLflow's own tables
def test_a_kill_while_mlflow_is_upgraded(mlflow_only: Workspace) -> None:
    """The next `goldloop up` begins from the copy, and the server runs on the present schema."""
    file = mlflow_only.services / "mlflow" / "mlflow.db"
    file.parent.mkdir(parents=True)
    older = make_older(file, n_back=6)
    command = [sys.executable, "-m", "goldloop.cli.main", "up", "-w", str(mlflow_only.root)]
    going = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (file.parent / "upgrade.json").exists():
        assert going.poll() is None
        time.sleep(0.01)
    going.kill()
    going.wait()
    (copy,) = (mlflow_only.services / "backups").iterdir()
    assert schema(copy) == older

    up(mlflow_only, say=print)

    assert schema(file) == next(iter(_revisions(*MLFLOW)[1]))
    assert not (file.parent / "upgrade.json").exists()


def test_prefect_of_an_older_version(prefect_only: Workspace) -> None:
    """Its database is kept as it was and upgraded before the server starts."""
    file = prefect_only.services / "prefect" / "prefect.db"
    file.parent.mkdir(parents=True)
    known, heads = _revisions(*PREFECT)
    environment = server_environment() | {"PREFECT_HOME": str(file.parent)}
    upgrade = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    subprocess.run([*upgrade, "--revision", "head"], env=environment, check=True, capture_output=True)
    downgrade = [sys.executable, "-m", "prefect", "server", "database", "downgrade", "--yes"]
    subprocess.run([*downgrade, "--revision", "-1"], env=environment, check=True, capture_output=True)
    older = schema(file)
    assert older in known - heads

    up(prefect_only, say=print)

    assert {schema(file)} == heads
    (copy,) = (prefect_only.services / "backups").iterdir()
    assert schema(copy) == older


def make_older(file: Path, n_back: int = 1) -> str:
    """Make a database as an MLflow some schemas before the installed one made it; return its schema."""
    import sqlalchemy
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base

    engine = sqlalchemy.create_engine(f"sqlite:///{file}")
    Base.metadata.create_all(engine)
    config = _get_alembic_config(f"sqlite:///{file}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, f"{min(_revisions(*MLFLOW)[1])}-{n_back}")
    engine.dispose()
    return schema(file)


def tables(file: Path) -> set[str]:
    """Return the names of the tables of a database."""
    with closing(sqlite3.connect(file)) as database:
        return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def schema(file: Path) -> str:
    """Return the schema of MLflow's or Prefect's database."""
    with closing(sqlite3.connect(file)) as database:
        return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])
