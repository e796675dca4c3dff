"""The files of a Delta table: forced to the disk, and checked for what a power cut leaves.

deltalake never forces a file to the disk (object_store has the switch, deltalake does not offer it), and it
reads an empty commit file as a commit without changes. goldloop therefore forces a commit before it reports
it, and before it reads it or builds on it. So a power cut can tear only the newest commit of a table, and
nothing in that commit was ever reported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from goldloop.adapters.delta_history import ShortenedLog, read_shortened
from goldloop.adapters.delta_stderr import stderr_aside
from goldloop.core.disk import disk_error, force_file, force_folder, n_free
from goldloop.core.errors import StorageError

LAST = {"last_action": "txn"}
"""Metadata of every commit: its file ends with a transaction, so a file without one is torn."""

_ROOM = 65_536  # bytes a commit takes beside its rows


@dataclass(slots=True)
class TableFiles:
    """The files of the table `name` in `folder`; the state of commit `checked` is whole and on the disk.

    Commits up to `whole` were read one by one.
    """

    name: str
    folder: Path
    checked: int = -1
    whole: int = -1

    @property
    def log(self) -> Path:
        """The folder of the log."""
        return self.folder / "_delta_log"

    def trust(self, version: int) -> None:
        """Check the commits since the last call up to `version`, and force the newest to the disk.

        Raises:
            StorageError: a file of one is empty, torn or missing; names it and the next step.
        """
        if version <= self.checked:
            return
        known = max(self.checked, self.summed_up(version), self.shortened().begins - 1)
        for number in range(known + 1, version):
            self.actions(number, version)
        self.force(version)
        self.checked = version

    def check_history(self, version: int, first: int = 0) -> None:
        """Check every kept commit from `first` up to `version`, also those that a checkpoint sums up."""
        for number in range(max(self.whole + 1, first, self.shortened().begins), version + 1):
            self.actions(number, max(self.checked, version))
        if first <= self.whole + 1:
            self.whole = max(self.whole, version)

    def check_version(self, version: int) -> None:
        """Check the commits from which deltalake makes an old version, back to the checkpoint before it."""
        summed_up = [number for number in self.checkpoints() if number <= version]
        self.check_history(version, max(summed_up, default=-1) + 1)

    def checkpoints(self) -> list[int]:
        """Return the commits that a checkpoint sums up, in ascending order."""
        return sorted(int(path.name[:20]) for path in self.log.glob("[0-9]*.checkpoint.parquet"))

    def shortened(self) -> ShortenedLog:
        """Return from which commit on the log is kept.

        Raises:
            StorageError: the file that says so is damaged.
        """
        try:
            return read_shortened(self.log)
        except ValueError as error:
            raise StorageError(f"{error}, as after a disk error. {self._backup()}") from error

    def force(self, version: int) -> None:
        """Force the commit `version`, its data files and their folders to the disk."""
        actions = self.actions(version, version)
        with self.errors(f"force to the disk commit {version} of"):
            folders = {self.folder}
            for action in actions:
                data = action.get("add") or action.get("cdc")
                if data:
                    self._force_data(data, version)
                    folders.add((self.folder / data["path"]).parent)
            force_file(self._commit(version))
            summary = self.log / f"{version:020}.checkpoint.parquet"
            for path in (summary, summary.with_name("_last_checkpoint")):
                if summary.exists() and path.exists():
                    force_file(path)
            above = [self.folder.parent, self.folder.parent.parent] if version == 0 else []
            for folder in (*folders, self.log, *above):
                force_folder(folder)

    def remove_torn_checkpoint(self, version: int) -> None:
        """Remove a torn checkpoint of a commit from which on the log is kept; it can be written again."""
        summary = self.log / f"{version:020}.checkpoint.parquet"
        with self.errors("read a checkpoint of"):
            if summary.exists() and _is_torn(summary):
                summary.unlink()

    def force_checkpoint(self, version: int) -> None:
        """Force the checkpoint that sums up the commits up to `version` to the disk."""
        with self.errors(f"force to the disk checkpoint {version} of"):
            force_file(self.log / f"{version:020}.checkpoint.parquet")
            force_file(self.log / "_last_checkpoint")
            force_folder(self.log)

    def room_for(self, n_bytes: int) -> None:
        """Raise StorageError when the disk has no room for a commit of `n_bytes`.

        deltalake prints a Rust stack when a disk becomes full under it.
        """
        free = n_free(self.folder)
        if not self.has_room(n_bytes):
            raise StorageError(
                f"cannot write table {self.name!r}: the disk is full (ENOSPC, {self.folder}, {free:,} bytes "
                f"are free, {n_bytes + _ROOM:,} are needed). Free space on it, then run the same command "
                "again; what earlier commands reported is safe"
            )

    def has_room(self, n_bytes: int) -> bool:
        """Return whether the disk has room for a commit of `n_bytes`."""
        return n_free(self.folder) >= n_bytes + _ROOM

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Raise an error of the disk or of a damaged file as StorageError; `doing` completes "cannot ..."."""
        with stderr_aside() as drop:
            try:
                yield
            except (DeltaError, OSError, pa.ArrowException) as error:
                told = disk_error(error, f"{doing} table {self.name!r}", self.folder)
                if told is None and isinstance(error, (CommitFailedError, TableNotFoundError)):
                    raise
                if told is not None:
                    drop()  # the stack of deltalake's thread says the same, in Rust
                raise (told or self._damage(doing, error)) from error

    def _damage(self, doing: str, error: Exception) -> StorageError:
        """Return which file is damaged; without a find, the first line of `error`."""
        try:
            self._find_damage()
        except StorageError as found:
            return found
        first = str(error).strip().partition("\n")[0][:300]
        return StorageError(f"cannot {doing} table {self.name!r} ({self.folder}): {first}. {self._backup()}")

    def _find_damage(self) -> None:
        begins = self.shortened().begins
        for summary in sorted(self.log.glob("*.checkpoint*.parquet")):
            if _is_torn(summary):
                raise self._summary_damaged(summary, begins)
        hint = self.log / "_last_checkpoint"
        if hint.exists() and not (self.log / f"{self.summed_up(None):020}.checkpoint.parquet").exists():
            raise self._summary_damaged(hint, -1)
        newest = max(
            (int(path.stem) for path in self.log.glob("[0-9]*.json") if path.stem.isdigit()), default=-1
        )
        live = {data["path"]: (data, begins) for data in self._summed_up_files(begins)}
        for number in range(begins, newest + 1):
            for action in self.actions(number, newest):
                if "add" in action:
                    live[action["add"]["path"]] = action["add"], number
                elif "remove" in action:
                    live.pop(action["remove"]["path"], None)
        for data, number in live.values():
            self._force_data(data, newest, number)

    def _summed_up_files(self, begins: int) -> list[dict[str, Any]]:
        """Return the files of the version at which the log begins; earlier commits may be gone."""
        summary = self.log / f"{begins:020}.checkpoint.parquet"
        if not begins:
            return []
        if not summary.exists():
            raise self._torn(summary, "missing", begins, begins + 1)
        return [data for data in pq.read_table(summary, columns=["add"])["add"].to_pylist() if data]

    def _summary_damaged(self, path: Path, begins: int) -> StorageError:
        number = int(path.name[:20]) if path.name[0].isdigit() else begins + 1
        if number <= begins:
            step = f"the commits before it are gone. {self._backup()}"
        else:
            step = "it only sums up the commits, which are kept. Remove it, then run the same command again"
        return StorageError(
            f"the file {path} of table {self.name!r} is damaged, as after a power cut; {step}"
        )

    def summed_up(self, version: int | None) -> int:
        """Return the newest commit up to `version` (None: of all) that a checkpoint sums up, else -1."""
        try:
            hint = json.loads((self.log / "_last_checkpoint").read_bytes())["version"]
        except (OSError, ValueError, TypeError, KeyError):
            return -1
        return int(hint) if version is None or int(hint) <= version else -1

    def actions(self, number: int, newest: int) -> list[dict[str, Any]]:
        """Return what commit `number` did.

        Raises:
            StorageError: its file is missing, empty or torn.
        """
        path = self._commit(number)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise self._torn(path, "missing", number, newest) from None
        except OSError as error:
            told = disk_error(error, f"read table {self.name!r}", path)
            raise (told or error) from error
        if not content.strip(b"\0\n "):
            raise self._torn(path, "empty", number, newest)
        try:
            actions = [json.loads(line) for line in content.splitlines()]
            is_whole = _is_whole(actions)
        except (ValueError, AttributeError, TypeError, KeyError):
            is_whole = False
        if not is_whole:
            raise self._torn(path, f"torn after {len(content):,} bytes", number, newest)
        return actions

    def entry(self, number: int, newest: int) -> dict[str, Any]:
        """Return what commit `number` says of itself; deltalake's `history` says the same and lists the log.

        Raises:
            StorageError: its file is missing, empty or torn.
        """
        told = (action["commitInfo"] for action in self.actions(number, newest) if "commitInfo" in action)
        return {**next(told, {}), "version": number}

    def _force_data(self, data: dict[str, Any], newest: int, number: int | None = None) -> None:
        path, number = self.folder / data["path"], newest if number is None else number
        try:
            size = force_file(path)
        except FileNotFoundError:
            raise self._torn(path, "missing", number, newest) from None
        if size != data["size"]:
            what = f"torn: {size:,} of {data['size']:,} bytes" if size else "empty"
            raise self._torn(path, what, number, newest)

    def _torn(self, path: Path, what: str, number: int, newest: int) -> StorageError:
        if number == newest == 0:
            step = f"The table has no rows yet: remove {self.folder}, then run the same command again"
        elif number == newest:
            step = (
                f"Restore the folder {self.folder} from a backup. Without one, remove {self._commit(number)} "
                "and run the same command again: goldloop reports a commit only when it is on the disk, so a "
                "power cut leaves nothing reported in this one"
            )
        else:
            step = self._backup()
        return StorageError(
            f"the file {path} of commit {number} of table {self.name!r} is {what}, as after a power cut or a "
            f"disk error. {step}"
        )

    def _backup(self) -> str:
        return f"Restore the folder {self.folder} from a backup, then run the same command again"

    def _commit(self, version: int) -> Path:
        return self.log / f"{version:020}.json"


def _is_torn(summary: Path) -> bool:
    """Return whether a checkpoint is not complete, as Parquet marks both its ends."""
    content = summary.read_bytes()
    return content[:4] != b"PAR1" or content[-4:] != b"PAR1"


def _is_whole(actions: list[dict[str, Any]]) -> bool:
    """Return whether no line is missing at the end of a commit."""
    kinds = {kind for action in actions for kind in action}
    info: dict[str, Any] = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    if info.get("operation") == "CREATE TABLE":
        return {"protocol", "metaData"} <= kinds
    if info.get("operation") == "OPTIMIZE":  # deltalake gives it no transaction, but says how many files
        counts = {kind: sum(kind in action for action in actions) for kind in ("add", "remove")}
        told = info["operationMetrics"]
        return counts == {"add": told["numFilesAdded"], "remove": told["numFilesRemoved"]}
    is_older = bool(info) and info.get("last_action") != LAST["last_action"]
    return is_older or "txn" in kinds
