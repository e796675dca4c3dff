"""Schemas of the servers' databases: a newer one is refused, an older one is kept before it is migrated."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Collection
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path

from goldloop.core.errors import ServiceStartError
from goldloop.services.full_disk import full_disk

_REVISION = re.compile(r"^(down_)?revision\b[^=\n]*=(.*)$", re.M)
_NAME = re.compile(r"[\"']([^\"']+)[\"']")
_VERSION_FILE = "schema_version"  # beside the database: the version of the server that used it last
PREFECT = ("prefect", "server/database/_migrations/versions/sqlite")
MLFLOW = ("mlflow", "store/db_migrations/versions")


@dataclass(frozen=True, slots=True)
class Database:
    """The database of an embedded server: `title` and `version` of the server, and where backups go."""

    title: str
    version: str
    file: Path
    backups: Path

    @property
    def _version_file(self) -> Path:
        return self.file.parent / _VERSION_FILE

    @property
    def last_version(self) -> str | None:
        """The version of the server that used it last; None if nobody recorded it."""
        try:
            return self._version_file.read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None

    def record(self) -> None:
        """Note that the server of this version uses the database."""
        if self.last_version != self.version:
            self._version_file.write_text(self.version, encoding="utf-8")

    def check(self, *, unknown: Collection[str], is_older: bool) -> bool:
        """Return whether the database has to be migrated, after a backup of it.

        `unknown` are its schema's names that this version of the server does not know.

        Raises:
            ServiceStartError: a newer version of the server has written it, or there is no room for a backup.
        """
        last = self.last_version
        if unknown or (last and _numbers(last) > _numbers(self.version)):
            by = f"{self.title} {last}" if last and last != self.version else f"a newer {self.title}"
            what = f" (its schema is {', '.join(sorted(unknown))})" if unknown else ""
            raise ServiceStartError(
                f"{self.file} was written by {by}{what}, and {self.title} {self.version} is installed. "
                f"Nothing was changed. Install that version again, or put back an older database from "
                f"{self.backups}"
            )
        if is_older:
            self.back_up()
        return is_older

    def back_up(self) -> Path:
        """Return a copy of the database as it is, made in the folder of backups.

        Raises:
            ServiceStartError: it could not be made.
        """
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        copy = self.backups / f"{self.file.stem}-{self.last_version or 'older'}-{moment}{self.file.suffix}"
        try:
            self.backups.mkdir(exist_ok=True)
            with closing(sqlite3.connect(self.file)) as old, closing(sqlite3.connect(copy)) as new:
                old.backup(new)
        except (OSError, sqlite3.Error) as error:
            with suppress(OSError):
                copy.unlink(missing_ok=True)
            step = full_disk(self.backups.parent) or f"check {self.backups}, then run `goldloop up` again"
            raise ServiceStartError(
                f"{self.file} must be migrated to {self.title} {self.version}, and the backup of it failed "
                f"({error}): {step}"
            ) from error
        return copy


def ready_alembic(
    package: str, folder: str, title: str, file: Path, *, backups: Path, migrate: Callable[[], None]
) -> None:
    """Check and `migrate` the database `file` of the installed `package` with migrations in its `folder`.

    Raises:
        ServiceStartError: as `Database.check`.
    """
    database = Database(title, installed_version(package), file, backups)
    current = _column(file, "SELECT version_num FROM alembic_version")
    known, heads = _revisions(package, folder)
    is_readable = bool(current and known)  # else the server says what is wrong with it
    if database.check(unknown=current - known if known else (), is_older=is_readable and current != heads):
        migrate()
    file.parent.mkdir(parents=True, exist_ok=True)
    database.record()


def ready_django(
    title: str, version: str, file: Path, template: Path, *, backups: Path, migrate: Callable[[], None]
) -> None:
    """Check and `migrate` a database of Django; `template` is a database that this version has migrated.

    Raises:
        ServiceStartError: as `Database.check`.
    """
    database = Database(title, version, file, backups)
    names = "SELECT app || '.' || name FROM django_migrations"
    current, known = _column(file, names), _column(template, names)
    is_readable = bool(current and known)
    if database.check(unknown=current - known if known else (), is_older=is_readable and current != known):
        migrate()
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
