"""Backups: a whole workspace in one file, consistent while other commands write, and checked by digest.

goldloop copies what depends on something before what it depends on: the tables in the reverse order of the
routine, then the contents, then the databases of the embedded servers. A commit that happens meanwhile is
then either complete in the backup, or the backup holds only its basis, as after a kill, and the next command
completes it. Label Studio's database is copied after the tables: it may know more than they do, never less.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO

from goldloop.core.disk import disk_errors, force_folder, make_folder, put_in_place
from goldloop.core.errors import WorkspaceError
from goldloop.settings.workspace import Workspace
from goldloop.settings.workspace_format import checked_format
from goldloop.tables import schema

FORMAT = 1
MANIFEST = "manifest.json"
_OF_THE_MACHINE = ("locks", "index", "services/logs", "services/lock", "services/state.json")
_SQLITE = b"SQLite format 3\0"
_BESIDE_SQLITE = ("-wal", "-shm", "-journal")
_CHUNK = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds, and the links that it leaves out."""

    path: Path
    n_files: int
    n_bytes: int
    links: tuple[str, ...]


def back_up(workspace: Workspace, file: Path) -> Backup:
    """Write the workspace to `file`, a tar archive that only its owner may read, and return what it holds.

    `file` appears when it is complete. It holds the secrets of the embedded servers. Logs, locks, ports,
    indexes and symbolic links are left out; external servers have backups of their own.

    Raises:
        WorkspaceError: `file` exists or lies in the workspace, or a file vanished meanwhile.
    """
    file = file.resolve()
    if file.exists():
        raise WorkspaceError(f"{file} exists already. Name a new file.")
    if file.is_relative_to(workspace.root):
        raise WorkspaceError(f"{file} lies in the workspace {workspace.root}. Name a file outside of it.")
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    paths = list(_regular_files(workspace))
    links = tuple(sorted(str(path.relative_to(workspace.root)) for path in paths if path.is_symlink()))
    entries: dict[str, dict[str, str | int]] = {}
    with disk_errors(f"write {file.name}", file):
        make_folder(file.parent)
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
                for path in paths:
                    if not path.is_symlink():
                        name = path.relative_to(workspace.root).as_posix()
                        entries[name] = _add(archive, name, path)
                manifest = {"format": FORMAT, "made_at": datetime.now(UTC).isoformat(), "files": entries}
                content = json.dumps(manifest, indent=1).encode()
                _add_stream(archive, MANIFEST, io.BytesIO(content), len(content))
            target.flush()
            os.fsync(target.fileno())
        beside.replace(file)
        force_folder(file.parent)
    finally:
        beside.unlink(missing_ok=True)
    return Backup(file, len(entries), sum(int(entry["size"]) for entry in entries.values()), links)


def restore(file: Path, folder: Path) -> Workspace:
    """Make `folder` the workspace that `file` holds, on any path and machine, and return it.

    Every file is compared with its digest first; `folder` appears when all are right. The servers get ports
    of their own at the next `goldloop up`.

    Raises:
        WorkspaceError: `folder` is not empty, or `file` is no backup, is damaged or incomplete, or holds the
            workspace of a newer goldloop.
    """
    if not file.is_file():
        raise WorkspaceError(f"{file} is no file. Name one that `goldloop backup` wrote.")
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WorkspaceError(f"{folder} is not empty. Name a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        with tarfile.open(file, mode="r:") as archive:
            digests = {member.name: _extract(archive, member, beside) for member in archive}
        _compare(file, beside, digests)
        checked_format(beside)
        beside.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        put_in_place(beside, folder)
    except (tarfile.TarError, EOFError) as error:
        raise WorkspaceError(f"{file} is no complete backup ({error}). Take another one.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Workspace.open(folder)


def _regular_files(workspace: Workspace) -> Iterator[Path]:
    """Yield the files and links of the workspace in the order in which they are copied."""
    for name in reversed(schema.ALL):
        log = workspace.tables / name / "_delta_log"
        yield from sorted(log.glob("_last_checkpoint"))  # before the checkpoint that it names
        yield from sorted(
            path for path in log.rglob("*") if path.name != "_last_checkpoint" and _is_kept(path)
        )
        yield from _below(workspace.tables / name, left_out={log})
    of_the_machine = {workspace.root / name for name in _OF_THE_MACHINE}
    yield from _below(workspace.root, left_out={workspace.tables, workspace.services, *of_the_machine})
    yield from _below(workspace.services, left_out=of_the_machine)


def _below(folder: Path, left_out: Collection[Path]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path in left_out:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _below(path, left_out)
        elif path.is_symlink() or _is_kept(path):
            yield path


def _is_kept(path: Path) -> bool:
    """Return whether `path` is a file of its own, not one that SQLite keeps beside a database."""
    return path.is_file() and not path.name.endswith(_BESIDE_SQLITE)


def _add(archive: tarfile.TarFile, name: str, path: Path) -> dict[str, str | int]:
    try:
        with path.open("rb") as source:
            if source.read(len(_SQLITE)) == _SQLITE:
                return _add_database(archive, name, path)
            source.seek(0)
            state = os.fstat(source.fileno())
            mode = 0o644 if state.st_mode & 0o077 else 0o600
            return _add_stream(archive, name, source, state.st_size, mode=mode)
    except FileNotFoundError as error:
        raise WorkspaceError(
            f"{path} vanished while it was backed up. Run `goldloop backup` again."
        ) from error


def _add_database(archive: tarfile.TarFile, name: str, path: Path) -> dict[str, str | int]:
    """Add a consistent copy of a SQLite database that servers may be writing."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        source, target = sqlite3.connect(f"file:{path}?mode=ro", uri=True), sqlite3.connect(copy)
        try:
            source.backup(target)
        finally:
            source.close()
            target.close()
        with copy.open("rb") as stream:
            return _add_stream(archive, name, stream, copy.stat().st_size)


def _add_stream(
    archive: tarfile.TarFile, name: str, source: IO[bytes], size: int, *, mode: int = 0o600
) -> dict[str, str | int]:
    """Add `size` bytes; a file that grows meanwhile is cut there."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, mode
    reader = _Hashing(source)
    archive.addfile(entry, reader)  # type: ignore[arg-type]
    return {"sha256": reader.digest.hexdigest(), "size": size}


class _Hashing:
    """Reads from a stream and computes the digest of what was read."""

    def __init__(self, source: IO[bytes]) -> None:
        self.source, self.digest = source, hashlib.sha256()

    def read(self, size: int) -> bytes:
        content = self.source.read(size)
        self.digest.update(content)
        return content


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> str:
    """Write one file of the archive below `folder`; return its digest."""
    place = PurePosixPath(member.name)
    source = archive.extractfile(member) if member.isreg() else None
    if source is None or place.is_absolute() or ".." in place.parts:
        raise WorkspaceError(
            f"the backup holds {member.name!r}, which is no file of a workspace. It is refused."
        )
    target = folder / place
    target.parent.mkdir(parents=True, exist_ok=True)
    reader = _Hashing(source)
    with target.open("wb") as written:
        while content := reader.read(_CHUNK):
            written.write(content)
    target.chmod(0o644 if member.mode & 0o077 else 0o600)
    return reader.digest.hexdigest()


def _compare(file: Path, folder: Path, digests: dict[str, str]) -> None:
    """Raise unless the extracted files are those of the manifest, which is removed."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        expected = {name: entry["sha256"] for name, entry in manifest["files"].items()}
        version = manifest["format"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WorkspaceError(
            f"{file} has no readable list of its files: it is incomplete or no backup."
        ) from error
    if version != FORMAT:
        raise WorkspaceError(f"{file} has backup format {version}, this goldloop reads {FORMAT}.")
    (folder / MANIFEST).unlink()
    found = {name: digest for name, digest in digests.items() if name != MANIFEST}
    wrong = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
    if wrong:
        raise WorkspaceError(
            f"{file} is damaged: {len(wrong)} files are missing or altered, first {wrong[0]}. "
            "Nothing was restored. Take another backup."
        )
