"""Databases of the installed servers that another version has written."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from goldloop.core.errors import ServiceStartError
from goldloop.services import down, up
from goldloop.services.credentials import new_credentials
from goldloop.services.databases import MLFLOW, _revisions
from goldloop.services.servers import prepare
from goldloop.settings.workspace import Workspace

pytestmark = pytest.mark.servers


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


def make_older(file: Path) -> str:
    """Make a database as the MLflow before the installed one made it; return its schema."""
    import sqlalchemy
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base

    engine = sqlalchemy.create_engine(f"sqlite:///{file}")
    Base.metadata.create_all(engine)
    config = _get_alembic_config(f"sqlite:///{file}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, f"{min(_revisions(*MLFLOW)[1])}-1")
    engine.dispose()
    return schema(file)


def schema(file: Path) -> str:
    """Return the schema of MLflow's database."""
    with closing(sqlite3.connect(file)) as database:
        return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])
