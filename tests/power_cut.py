"""A disk that forgets what was not forced to it: what a folder holds after a power cut.

Every fsync of this process is recorded. After the cut a file has the content of its last fsync, empty without
one, and a folder has the names of its last fsync. That is the least that a file system guarantees.
`names_kept` is the other end, as ext4 shows it: every name is there, and what was not forced is empty.
"""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_ISDIR

import pytest


class PowerCut(BaseException):
    """The power is cut before an fsync took effect."""


class ForgetfulDisk:
    """The disk below `root`; it starts with what is there, and `cut_at` cuts the power at that fsync."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.n_forced = 0
        self.cut_at: int | None = None
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._held: list[int] = []  # an open file keeps its inode, which no new file may get
        for parent, _, names in os.walk(root):
            for path in (parent, *(f"{parent}/{name}" for name in names)):
                descriptor = os.open(path, os.O_RDONLY)
                self._record(descriptor)
                os.close(descriptor)
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self._forced)

    def _forced(self, descriptor: int) -> None:
        if self.cut_at is not None and self.n_forced == self.cut_at:
            raise PowerCut
        self.n_forced += 1
        self._fsync(descriptor)
        self._record(descriptor)

    def _record(self, descriptor: int) -> None:
        self._held.append(os.dup(descriptor))
        state, path = os.fstat(descriptor), Path(f"/proc/self/fd/{descriptor}")
        if S_ISDIR(state.st_mode):
            self._names[state.st_ino] = _inodes(path)
        else:
            self._contents[state.st_ino] = path.read_bytes()

    def after_the_cut(self, target: Path, *, names_kept: bool) -> Path:
        """Write to `target` what `root` holds after a power cut now, and return it."""
        self._copy(self.root, self.root.stat().st_ino, target, names_kept=names_kept)
        return target

    def _copy(self, source: Path, inode: int, target: Path, *, names_kept: bool) -> None:
        target.mkdir(parents=True)
        names = dict(self._names.get(inode, {}))
        if names_kept:
            names = _inodes(source)
        for name, child in names.items():
            if child in self._contents:
                (target / name).write_bytes(self._contents[child])
            elif child in self._names or (source / name).is_dir():
                self._copy(source / name, child, target / name, names_kept=names_kept)
            else:
                (target / name).write_bytes(b"")

    def close(self) -> None:
        """Let go of the files held open."""
        for descriptor in self._held:
            os.close(descriptor)


def _inodes(folder: Path) -> dict[str, int]:
    return {path.name: path.lstat().st_ino for path in folder.iterdir()}
