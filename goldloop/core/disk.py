"""The disk: writes that survive a power cut, and disk errors as one sentence with a next step.

What a command has reported is on the disk: goldloop writes a file beside its place, forces it to the disk,
moves it, and forces the folder, because a new name is lost with an unforced folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from goldloop.core.errors import StorageError

_CAUSES = {
    errno.ENOSPC: ("the disk is full", "Free space on it"),
    errno.EDQUOT: ("the disk quota is used up", "Free space, or raise the quota"),
    errno.EFBIG: ("the file is larger than this process may write", "Raise the limit (`ulimit -f`)"),
    errno.EACCES: ("permission denied", "Give the user that runs goldloop access to it"),
    errno.EPERM: ("the operation is not permitted", "Give the user that runs goldloop access to it"),
    errno.EROFS: ("the disk is read-only", "Mount it writable; a disk with errors becomes read-only too"),
    errno.EIO: ("the disk reports an input/output error", "Check the disk, and replace it if it fails"),
    errno.ENOTDIR: ("a file lies where a folder should be", "Move that file away"),
    errno.EEXIST: ("a file lies where a folder should be", "Move that file away"),
    errno.EISDIR: ("a folder lies where a file should be", "Move that folder away"),
    errno.ENAMETOOLONG: ("the path is too long", "Move the workspace to a shorter path"),
    errno.EMFILE: ("this process has too many open files", "Raise the limit (`ulimit -n`)"),
    errno.ENFILE: ("the machine has too many open files", "End programs that hold many files"),
    errno.ESTALE: ("the network disk has lost the file", "Mount the disk again"),
}
_RUST = re.compile(r"\(os error (\d+)\)|Os \{ code: (\d+),")
_SQLITE = {
    "disk is full": errno.ENOSPC,
    "disk I/O error": errno.EIO,
    "readonly database": errno.EROFS,
}
_BYTES_TOGETHER = 64 << 20
_FORCE_THREADS = 16  # each waits for the disk
_NO_FORCE = (errno.EINVAL, errno.ENOTSUP, errno.EROFS)  # of file systems that cannot force a folder

Write = Callable[[Path, bytes], None]
"""Writes a file with this content."""


def disk_error(error: BaseException, doing: str, path: Path | str | None = None) -> StorageError | None:
    """Return `error` as a sentence, or None when no disk has caused it; `path` is where it happened.

    It knows errors of Python, of SQLite, and of libraries in Rust by their text.
    """
    number = error.errno if isinstance(error, OSError) else None
    rust = _RUST.search(str(error))
    if rust is not None:
        number = int(rust[1] or rust[2])
    if isinstance(error, sqlite3.Error):
        number = _cause_of(error, Path(path or "."))
    if number not in _CAUSES:
        return None
    cause, step = _CAUSES[number]
    named = getattr(error, "filename", None)
    place = Path(os.fsdecode(named) if isinstance(named, (str, bytes)) else path or ".").absolute()
    free = f", {n_free(place):,} bytes are free" if number in (errno.ENOSPC, errno.EDQUOT) else ""
    return StorageError(
        f"cannot {doing}: {cause} ({errno.errorcode[number]}, {place}{free}). {step}, then run the same "
        "command again; what earlier commands reported is safe"
    )


def path_error(error: BaseException) -> StorageError | None:
    """Return any error about a path, which ended a command, as a sentence; None when it names no path."""
    if not isinstance(error, OSError) or error.errno is None or error.filename is None:
        return None
    name = errno.errorcode.get(error.errno, str(error.errno))
    return StorageError(
        f"cannot finish this command: {error.strerror} ({name}, {os.fsdecode(error.filename)}). Check that "
        "path, then run the same command again; what earlier commands reported is safe"
    )


@contextmanager
def disk_errors(doing: str, path: Path | None = None) -> Iterator[None]:
    """Raise a disk error of the block as StorageError; `doing` completes "cannot ..."."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        told = disk_error(error, doing, path)
        if told is None:
            raise
        raise told from error


def _cause_of(error: sqlite3.Error, path: Path) -> int | None:
    if "unable to open database file" not in str(error):
        return next((code for text, code in _SQLITE.items() if text in str(error)), None)
    state = os.statvfs(path.parent)
    if state.f_flag & os.ST_RDONLY:
        return errno.EROFS
    return errno.EACCES if state.f_bavail else errno.ENOSPC


def n_free(path: Path) -> int:
    """Return how many bytes are free on the disk of `path`, which may not exist yet."""
    for folder in (path, *path.parents):
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return 0


def force_file(path: Path | str) -> int:
    """Force the content of a file to the disk; return its size."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return size


def force_folder(path: Path | str) -> None:
    """Force the names in a folder to the disk; file systems that cannot do this are left alone."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FORCE:
            raise
    finally:
        os.close(descriptor)


def force_tree(folder: Path) -> None:
    """Force every file and folder in `folder`, and the folder itself, to the disk."""
    for parent, _, names in os.walk(folder):
        for name in names:
            force_file(f"{parent}/{name}")
        force_folder(parent)


def put_in_place(beside: Path, target: Path) -> None:
    """Move a finished file or folder to its place, its content and its new name forced to the disk."""
    if beside.is_dir():
        force_tree(beside)
    else:
        force_file(beside)
    beside.replace(target)
    force_folder(target.parent)


def make_folder(path: Path, force: Callable[[Path], object] = force_folder) -> None:
    """Make a folder and the missing ones above it; `force` gets each folder that has a new name."""
    if path.is_dir():
        return
    make_folder(path.parent, force)
    path.mkdir(exist_ok=True)
    force(path.parent)


def write_first(path: Path, content: str, *, mode: int = 0o644) -> None:
    """Write a file as `write_whole` does; of several processes that make it, the first wins.

    Raises:
        StorageError: the disk refused it; nothing has changed.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    with disk_errors(f"write {path.name}", path):
        try:
            write_whole(beside, content, mode=mode)
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(beside)
        finally:
            beside.unlink(missing_ok=True)
        force_folder(path.parent)


def write_whole(path: Path, content: bytes | str, *, mode: int = 0o644) -> None:
    """Write a file so that a reader, and a power cut, leaves all of it or what was there before.

    Raises:
        StorageError: the disk refused it; nothing has changed.
    """
    data = content.encode() if isinstance(content, str) else content
    with disk_errors(f"write {path.name}", path):
        make_folder(path.parent)
        beside = _written_beside(path, data, mode)
        with _removed_after_an_error([beside]):
            put_in_place(beside, path)


@contextmanager
def written_together() -> Iterator[Write]:
    """Yield a `write_whole` for many new files, which have their names when the block ends.

    The files are forced to the disk at the same time, and each folder once: the disk does many of these in
    one write of its own. Each 64 MB are finished before the next, so that memory stays bounded.

    Raises:
        StorageError: the disk refused it; each file is there whole or not at all.
    """
    pending: dict[Path, Path] = {}
    named: set[Path] = set()
    n_bytes = 0

    def write(path: Path, content: bytes) -> None:
        nonlocal n_bytes
        with disk_errors(f"write {path.name}", path):
            make_folder(path.parent, named.add)
            pending[_written_beside(path, content)] = path
        n_bytes += len(content)
        if n_bytes > _BYTES_TOGETHER:
            finish()

    def finish() -> None:
        nonlocal n_bytes
        with disk_errors(f"write {len(pending)} files", next(iter(pending.values()), None)):
            _force_all(force_file, pending)
            for beside, path in pending.items():
                beside.replace(path)
                named.add(path.parent)
            _force_all(force_folder, named)
        pending.clear()
        named.clear()
        n_bytes = 0

    with _removed_after_an_error(pending):
        yield write
        finish()


def _written_beside(path: Path, content: bytes, mode: int = 0o644) -> Path:
    """Write `content` beside `path`, not forced to the disk; return where."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    with _removed_after_an_error([beside]):
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(descriptor, mode)
    return beside


@contextmanager
def _removed_after_an_error(files: Iterable[Path]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for file in files:
            file.unlink(missing_ok=True)
        raise


def _force_all(force: Callable[[Path], object], paths: Collection[Path]) -> None:
    """Force `paths` at the same time, in a few threads that take a part of them each."""
    n_threads, all_paths = min(_FORCE_THREADS, len(paths)), list(paths)
    if n_threads == 0:
        return

    def force_part(first: int) -> None:
        for path in all_paths[first::n_threads]:
            force(path)

    with ThreadPoolExecutor(n_threads, thread_name_prefix="force") as pool:
        list(pool.map(force_part, range(n_threads)))
