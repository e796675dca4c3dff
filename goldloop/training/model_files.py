"""The files of a model: their digest, which is the model's identity, and the copies that goldloop keeps."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path

from goldloop.core.disk import force_folder, force_tree, make_folder


def digest_of(folder: Path) -> str:
    """Return the SHA-256 over the names and bytes of all files in `folder`."""
    files = sorted(path for path in folder.rglob("*") if not path.is_dir())
    listed = [(path.relative_to(folder).as_posix(), _sha256(path)) for path in files]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ModelCopies:
    """Copies of models in `folder`, each in a subfolder named by the model's digest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str) -> Path:
        """Return where the copy lies, or would lie."""
        return self.folder / digest

    def find(self, digest: str) -> Path | None:
        """Return the copy; None if there is none, or if its files no longer match `digest`."""
        path = self.path(digest)
        return path if path.is_dir() and digest_of(path) == digest else None

    def keep(self, files: Path) -> str:
        """Copy the folder `files`, unless a whole copy is there already; return its digest."""
        digest = digest_of(files)
        if self.find(digest) is not None:
            return digest
        make_folder(self.folder)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".") as beside:
            copied = Path(shutil.copytree(files, Path(beside, digest)))
            force_tree(copied)
            shutil.rmtree(self.path(digest), ignore_errors=True)
            try:
                copied.rename(self.path(digest))
            except OSError:
                if self.find(digest) is None:  # else another process copied the same files
                    raise
        force_folder(self.folder)
        return digest

    def prune(self, wanted: Collection[str]) -> None:
        """Remove every copy whose digest is not in `wanted`."""
        for path in self.folder.glob("*"):
            if path.is_dir() and path.name not in wanted and not path.name.startswith("."):
                shutil.rmtree(path, ignore_errors=True)
