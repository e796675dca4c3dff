"""The content of one file, wherever it lies, without ever waiting for a pipe."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

import fsspec

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.samples import TOO_LARGE, UNREADABLE, FileRef

MAX_BYTES = 256 * 2**20
"""Limit of one file or object that is read whole."""

LEAVES_FOLDER = "link leaves the folder"
"""Stamp of a symbolic link that points outside the folder being read; such a link is never followed."""

_DATABASES = ("sqlite", "postgresql", "postgres", "mysql", "mariadb", "oracle", "mssql")

_KINDS = {
    stat.S_IFDIR: "a folder, not a file, or one that may not be listed",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def is_remote(uri: str) -> bool:
    """Return whether `uri` is an fsspec URI other than file://."""
    return "://" in uri and not uri.startswith("file://")


def is_database(source: str) -> bool:
    """Return whether `source` is the URL of a database, whose rows are samples."""
    scheme, mark, _ = source.partition("://")
    return bool(mark) and scheme.partition("+")[0].lower() in _DATABASES


def uri_of(path: str) -> str:
    """Return the absolute `path`, as a percent-encoded file:// URI where it is not valid Unicode."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return "file://" + quote_from_bytes(os.fsencode(path))
    return path


def path_of(uri: str) -> str:
    """Return the local path that `uri` (a path or a file:// URI) names."""
    if not uri.startswith("file://"):
        return uri
    path = uri.removeprefix("file://").removeprefix("localhost")
    return path if os.path.lexists(path) else os.fsdecode(unquote_to_bytes(path))


def refuse_link(file: FileRef) -> None:
    """Refuse a symbolic link out of the folder that was read.

    Raises:
        UnreadableSampleError: `file` is one; the detail says where it leads and how to read it all the same.
    """
    if file.stamp != LEAVES_FOLDER:
        return
    target = os.path.realpath(path_of(file.uri))
    if os.path.isdir(target):  # noqa: PTH112
        step = f"run `goldloop score {uri_of(target)}`"
    else:
        step = "list the links (`find FOLDER -type l > links.txt`) and run `goldloop score links.txt`"
    raise UnreadableSampleError(
        UNREADABLE,
        f"it is a symbolic link to {uri_of(target)}, outside the folder, and goldloop follows no link out of "
        f"a folder; {step}",
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever reading a file or object raises inside the block into a quarantine reason.

    Raises:
        UnreadableSampleError: the content is gone, forbidden, or cannot be read.
    """
    try:
        yield
    except UnreadableSampleError:
        raise
    except FileNotFoundError as error:
        raise UnreadableSampleError(UNREADABLE, "the file is not there (any more)") from error
    except PermissionError as error:
        raise UnreadableSampleError(UNREADABLE, "no permission to read the file") from error
    except Exception as error:  # object-store clients raise their own families of errors
        text = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise UnreadableSampleError(UNREADABLE, f"reading failed: {text}") from error


def open_content(uri: str) -> IO[bytes]:
    """Return the regular file or object at `uri`, open for reading; use it inside `translated`.

    Raises:
        UnreadableSampleError: it is no regular file.
    """
    if is_remote(uri):
        filesystem, path, _ = _remote(uri)
        stream: IO[bytes] = filesystem.open(path, "rb")
        return stream
    path = path_of(uri)
    # a pipe without a writer would block open() for ever; O_NONBLOCK changes nothing for regular files
    kind = stat.S_IFMT(os.stat(path).st_mode)  # noqa: PTH116
    if kind in _KINDS:
        raise UnreadableSampleError(UNREADABLE, f"it is {_KINDS[kind]}")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise UnreadableSampleError(UNREADABLE, "it is no regular file")
    return file


def read_content(uri: str) -> bytes:
    """Return all bytes of the regular file or object at `uri`.

    Raises:
        UnreadableSampleError: it is gone, forbidden, no regular file, or larger than MAX_BYTES.
    """
    with translated():
        if is_remote(uri):
            filesystem, path, size = _remote(uri)
            _refuse_larger(size)
            content = bytes(filesystem.cat_file(path))
            _refuse_larger(len(content))
            return content
        with open_content(uri) as file:
            size = os.fstat(file.fileno()).st_size
            _refuse_larger(size)
            content = file.read(size + 1)  # one more: it may be growing
        if len(content) > size:
            raise UnreadableSampleError(
                UNREADABLE, "the file grew while it was read; score it once it is complete"
            )
        return content


def _remote(uri: str) -> tuple[Any, str, int]:
    """Return the file system of an object, its path there, and its size as far as it is known."""
    filesystem, path = fsspec.core.url_to_fs(uri)
    info: dict[str, Any] = filesystem.info(path)
    if info.get("type") == "directory":
        raise UnreadableSampleError(UNREADABLE, "it is a folder, not a file")
    return filesystem, path, int(info.get("size") or 0)


def _refuse_larger(size: int) -> None:
    if size > MAX_BYTES:
        raise UnreadableSampleError(
            TOO_LARGE, f"{size:,} bytes, the limit for one file is {MAX_BYTES:,}; shrink the picture"
        )
