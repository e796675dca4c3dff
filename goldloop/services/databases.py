"""Schemas of the servers' databases: a newer one is refused, an older one is upgraded, after a copy of it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Collection
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from goldloop.core.errors import ServiceStartError
from goldloop.services.upgrades import Database, undo_killed_upgrade, upgrade

_REVISION = re.compile(r"^(down_)?revision\b[^=\n]*=(.*)$", re.M)
_NAME = re.compile(r"[\"']([^\"']+)[\"']")
PREFECT = ("prefect", "server/database/_migrations/versions/sqlite")
MLFLOW = ("mlflow", "store/db_migrations/versions")


def ready_alembic(package: str, folder: str, database: Database, *, migrate: Callable[[str], None]) -> None:
    """Check and upgrade the `database` of the installed `package` with migrations in its `folder`.

    `migrate` is called as by `upgrade`, where the schema is older.

    Raises:
        ServiceStartError: a newer server has written it, it cannot be kept, or its migration failed.
    """
    undo_killed_upgrade(database)
    file = database.file
    current = _column(file, "SELECT version_num FROM alembic_version")
    known, heads = _revisions(package, folder)
    is_readable = bool(current and known)  # else the server says what is wrong with it
    _refuse_newer(database, current - known if known else ())
    _upgrade_older(database, migrate, is_readable=is_readable, is_older=current != heads)


def ready_django(database: Database, template: Path, *, migrate: Callable[[str], None]) -> None:
    """Check and upgrade a `database` of Django; `template` is a database that this version has migrated.

    `migrate` is called as by `upgrade`, where the schema is older.

    Raises:
        ServiceStartError: a newer server has written it, it cannot be kept, or its migration failed.
    """
    undo_killed_upgrade(database)
    names = "SELECT app || '.' || name FROM django_migrations"
    current, known = _column(database.file, names), _column(template, names)
    is_readable = bool(current and known)
    _refuse_newer(database, current - known if known else ())
    _upgrade_older(database, migrate, is_readable=is_readable, is_older=current != known)


def _refuse_newer(database: Database, unknown: Collection[str]) -> None:
    """Refuse a database that a newer version of the server has written.

    `unknown` are its schema's names that this version of the server does not know.
    """
    last, version = database.last_version, database.version
    if not unknown and not (last and _numbers(last) > _numbers(version)):
        return
    by = f"{database.title} {last}" if last and last != version else f"a newer {database.title}"
    what = f" (its schema is {', '.join(sorted(unknown))})" if unknown else ""
    raise ServiceStartError(
        f"{database.file} was written by {by}{what}, and {database.title} {version} is installed. "
        f"Nothing was changed. Install that version again, or put back an older database from "
        f"{database.backups}"
    )


def _upgrade_older(
    database: Database, migrate: Callable[[str], None], *, is_readable: bool, is_older: bool
) -> None:
    """Upgrade a database that another version used last, also where the schema is the same."""
    is_other = database.last_version not in (None, database.version)
    if is_readable and (is_older or is_other):
        upgrade(database, migrate if is_older else None)
    database.record()


def _column(file: Path, query: str) -> set[str]:
    """Return the values of one column; none if there is no such database or table: the server will say so."""
    if not file.is_file():
        return set()
    try:
        with closing(sqlite3.connect(file)) as connection:
            return {str(row[0]) for row in connection.execute(query)}
    except sqlite3.Error:
        return set()


def _revisions(package: str, folder: str) -> tuple[set[str], set[str]]:
    """Return the revisions that an installed package knows, and the newest of them."""
    spec = find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec else []
    known: set[str] = set()
    earlier: set[str] = set()
    for place in places:
        for file in Path(place, folder).glob("*.py"):
            for match in _REVISION.finditer(file.read_text(encoding="utf-8")):
                (earlier if match[1] else known).update(_NAME.findall(match[2]))
    return known, known - earlier


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
