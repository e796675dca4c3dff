"""The upgrade of a server's database: kept first, put back where it fails, and whole after a kill.

A note beside the database says that it is being upgraded, and from which copy it can be put back. While the
note is there the database may be half migrated, so whoever finds one puts the copy back first: migrations of
SQLite databases are not one transaction, and most cannot be repeated on what they left half done.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from goldloop.core.disk import force_folder, put_in_place, write_whole
from goldloop.core.errors import ServiceStartError
from goldloop.services.full_disk import full_disk
from goldloop.services.processes import ProcessMark, stop

_NOTE = "upgrade.json"
_VERSION_FILE = "schema_version"  # beside the database: the version of the server that used it last
_BESIDE_SQLITE = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Database:
    """The database of an embedded server: `title` and `version` of the server, and where backups go.

    `say` gets sentences for the user.
    """

    title: str
    version: str
    file: Path
    backups: Path
    say: Callable[[str], None]

    @property
    def last_version(self) -> str | None:
        """The version of the server that used it last; None if nobody recorded it."""
        try:
            return (self.file.parent / _VERSION_FILE).read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None

    @property
    def before(self) -> str:
        """The server that used it last, in words."""
        return f"{self.title} {self.last_version}" if self.last_version else f"an older {self.title}"

    @property
    def note(self) -> Path:
        """The file that says that the database is being upgraded."""
        return self.file.parent / _NOTE

    def record(self) -> None:
        """Note that the server of this version uses the database."""
        if self.last_version != self.version:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.file.parent / _VERSION_FILE, self.version)

    def back_up(self) -> Path:
        """Return a copy of the database as it is, which appears whole in the folder of backups.

        Raises:
            ServiceStartError: it could not be made.
        """
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        copy = self.backups / f"{self.file.stem}-{self.last_version or 'older'}-{moment}{self.file.suffix}"
        beside = copy.with_name(f".{copy.name}")
        try:
            self.backups.mkdir(exist_ok=True)
            with closing(sqlite3.connect(self.file)) as old, closing(sqlite3.connect(beside)) as new:
                old.backup(new)
            put_in_place(beside, copy)
        except (OSError, sqlite3.Error) as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            step = full_disk(self.backups.parent) or f"check {self.backups}, then run `goldloop up` again"
            raise ServiceStartError(
                f"{self.file} must be migrated to {self.title} {self.version}, and the backup of it failed "
                f"({error}): {step}"
            ) from error
        return copy


def upgrade(database: Database, migrate: Callable[[str], None] | None) -> None:
    """Keep a copy of `database`, then `migrate` it, if it has to be; put the copy back if that fails.

    `migrate` gets a mark for the environment of the processes that it starts.

    Raises:
        ServiceStartError: there is no room for the copy, or the migration failed.
    """
    copy, before = database.back_up(), database.before
    database.say(
        f"{database.title}: upgrading the database of {before} to {database.version}; as it was it is "
        f"kept as {copy}"
    )
    if migrate is None:
        return
    mark = token_hex(16)
    write_whole(database.note, json.dumps({"before": database.last_version, "copy": copy.name, "mark": mark}))
    try:
        migrate(mark)
    except BaseException as error:  # also on Ctrl-C
        _put_back(database, copy, mark)
        if not isinstance(error, ServiceStartError):
            raise
        raise ServiceStartError(
            f"{error}\n{database.file} could not be migrated from {before} to {database.title} "
            f"{database.version}, so it was put back as it was. Install {before} again to go on working"
        ) from error
    _forget(database)


def undo_killed_upgrade(database: Database) -> None:
    """Put the database back as it was if a killed command left it half migrated.

    Raises:
        ServiceStartError: the note of the upgrade is damaged, or its copy is gone.
    """
    try:
        note = json.loads(database.note.read_text(encoding="utf-8"))
        copy, mark, before = database.backups / note["copy"], str(note["mark"]), note["before"]
    except FileNotFoundError:
        return
    except (ValueError, TypeError, KeyError) as error:
        raise ServiceStartError(
            f"{database.note} is damaged, so {database.file} may be half migrated; put back the newest copy "
            f"of it from {database.backups}, remove {database.note} and run `goldloop up` again"
        ) from error
    if before != database.version == database.last_version:  # the server has run since: nothing is put back
        _forget(database)
        return
    if not copy.is_file():
        raise ServiceStartError(
            f"the upgrade of {database.file} was killed, and its copy {copy} is gone; put back another copy, "
            f"or the workspace's backup, remove {database.note} and run `goldloop up` again"
        )
    _put_back(database, copy, mark)
    database.say(f"{database.title}: the upgrade of its database was killed; it was put back as it was")


def _put_back(database: Database, copy: Path, mark: str) -> None:
    """Replace the database by its copy, once no process with the mark migrates it any more."""
    stop([ProcessMark(mark)])
    beside = database.file.with_name(f".{database.file.name}.back")
    shutil.copyfile(copy, beside)
    for suffix in _BESIDE_SQLITE:
        database.file.with_name(database.file.name + suffix).unlink(missing_ok=True)
    put_in_place(beside, database.file)
    _forget(database)


def _forget(database: Database) -> None:
    """Remove the note, for good: were it there after a power cut, answers given since would be put back."""
    database.note.unlink()
    force_folder(database.note.parent)
