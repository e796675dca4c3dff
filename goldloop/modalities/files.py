"""The files of a batch, streamed in a stable order from a folder, glob, list, file or fsspec URI."""

from __future__ import annotations

import glob
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec

from goldloop.core.errors import SourceError
from goldloop.core.samples import FileRef
from goldloop.modalities.content import LEAVES_FOLDER, is_database, is_remote, path_of, uri_of

_HELP = "name a folder, a glob, a .txt list, a file or a URI such as s3://bucket/prefix"


def files_of(source: str) -> Iterator[FileRef]:
    """Return an iterator over the files of `source`; hidden names are left out.

    A folder is walked recursively, entries in byte order of their names. Of symbolic links, those to files
    inside the folder are followed; others come with the stamp LEAVES_FOLDER, so that they are accounted for.

    Raises:
        SourceError: there is nothing at `source`; raised by this call, not by the first `next`.
    """
    if is_database(source):
        raise SourceError(
            "a database holds no files; only `goldloop score` reads one, in a workspace of texts or records; "
            f"{_HELP}"
        )
    try:
        files = _remote_files(source) if is_remote(source) else _local_files(source)
        first = next(files, None)
    except SourceError:
        raise
    except ImportError as error:
        raise SourceError(
            f"{source} needs a package that is not installed: {error}; for S3 install 'goldloop[s3]'"
        ) from error
    except Exception as error:  # object-store clients raise their own families of errors
        raise SourceError(
            f"{source!r} cannot be listed: {type(error).__name__}: {error}; check address and credentials, "
            f"or {_HELP}"
        ) from error
    if first is None:
        raise SourceError(f"{source!r} holds no files; {_HELP}")
    return itertools.chain([first], files)


def _local_files(source: str) -> Iterator[FileRef]:
    path = os.path.abspath(os.path.expanduser(path_of(source)))  # noqa: PTH100, PTH111  keeps symbolic links
    if not source:
        raise SourceError(f"no source given; {_HELP}")
    if os.path.isdir(path):  # noqa: PTH112
        os.scandir(path).close()  # this folder has to be listable; one inside would be an unreadable file
        return _folder(path, os.path.realpath(path) + os.sep)
    if os.path.lexists(path):
        return _list_file(Path(path)) if path.lower().endswith(".txt") else iter([_ref(path)])
    if glob.has_magic(path):
        return _glob(path)
    raise SourceError(f"{source!r} does not exist; {_HELP}")


def _folder(folder: str, inside: str) -> Iterator[FileRef]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                (os.fsencode(entry.name), entry.is_dir(follow_symlinks=False))
                for entry in entries
                if not entry.name.startswith(".")
            )
    except OSError:
        yield _ref(folder)
        return
    for name, is_folder in names:
        path = os.path.join(folder, os.fsdecode(name))  # noqa: PTH118  called once per image
        yield from _folder(path, inside) if is_folder else _file(path, inside)


def _file(path: str, inside: str) -> Iterator[FileRef]:
    """Yield the file at `path`; a link to a folder inside is left out: its files are listed anyway."""
    if os.path.islink(path):  # noqa: PTH114
        target = os.path.realpath(path)
        if not target.startswith(inside):
            yield FileRef(uri_of(path), 0, LEAVES_FOLDER)
            return
        if os.path.isdir(target):  # noqa: PTH112
            return
    yield _ref(path)


def _glob(pattern: str) -> Iterator[FileRef]:
    fixed = pattern[: glob.magic_check.search(pattern).start()]  # type: ignore[attr-defined]
    inside = os.path.realpath(os.path.dirname(fixed)) + os.sep  # noqa: PTH120
    for path in sorted(glob.iglob(pattern, recursive=True), key=os.fsencode):  # noqa: PTH207
        if os.path.islink(path) or not os.path.isdir(path):  # noqa: PTH112, PTH114
            yield from _file(path, inside)


def _list_file(path: Path) -> Iterator[FileRef]:
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for line in lines:
                entry = line.strip()
                if not entry or entry.startswith("#"):
                    continue
                yield (
                    _remote_ref(entry)
                    if is_remote(entry)
                    else _ref(os.path.normpath(path.parent / path_of(entry)))
                )
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{path} is no list of files: it is not UTF-8 text ({error.reason}); save it as UTF-8"
        ) from error


def _ref(path: str) -> FileRef:
    """Return the file at `path`; one that cannot be looked at has size 0 and is explained when it is read."""
    try:
        state = os.stat(path)  # noqa: PTH116
    except OSError:
        return FileRef(uri_of(path), 0, "")
    size = state.st_size if stat.S_ISREG(state.st_mode) else 0
    return FileRef(uri_of(path), size, f"{state.st_size}-{state.st_mtime_ns}")


def _remote_ref(uri: str) -> FileRef:
    try:
        filesystem, path = _fresh(uri)
        return _ref_of_info(uri, filesystem.info(path))
    except Exception:  # one bad line is one unreadable file, explained when it is read
        return FileRef(uri, 0, "")


def _fresh(uri: str) -> tuple[Any, str]:
    """Return the file system of `uri` without what it remembers of earlier listings, and the path there.

    A process that runs for months lists the same place again, for what has arrived since.
    """
    filesystem, path = fsspec.core.url_to_fs(uri)
    filesystem.invalidate_cache()
    return filesystem, path


def _ref_of_info(uri: str, info: dict[str, Any]) -> FileRef:
    size = int(info.get("size") or 0)
    for key in ("ETag", "etag", "LastModified", "mtime", "created", "updated"):
        if info.get(key):
            return FileRef(uri, size, f"{size}-{str(info[key]).strip(chr(34))}")
    return FileRef(uri, size, str(size))


def _remote_files(source: str) -> Iterator[FileRef]:
    filesystem, path = _fresh(source)
    if glob.has_magic(path):
        for name, info in sorted(filesystem.glob(path, detail=True).items()):
            if info.get("type") != "directory":
                yield _ref_of_info(filesystem.unstrip_protocol(name), info)
        return
    if not filesystem.exists(path):
        raise SourceError(f"{source} does not exist; {_HELP}")
    if not filesystem.isdir(path):
        yield _ref_of_info(filesystem.unstrip_protocol(path), filesystem.info(path))
        return
    yield from _remote_folder(filesystem, path)


def _remote_folder(filesystem: Any, folder: str) -> Iterator[FileRef]:
    for info in sorted(filesystem.ls(folder, detail=True), key=lambda entry: str(entry["name"])):
        name = str(info["name"]).rstrip("/")
        if name == folder.rstrip("/") or name.rsplit("/", 1)[-1].startswith("."):
            continue
        if info.get("type") == "directory":
            yield from _remote_folder(filesystem, name)
        else:
            yield _ref_of_info(filesystem.unstrip_protocol(name), info)
