"""A set of pictures in a public Git repository at one commit, and its folder on this machine."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from goldloop.core.disk import disk_errors
from scripts.demo_loop.git_tree import blob_id, tree_id

_PICTURE = re.compile(r"(?P<part>[a-z]+)/[A-Za-z0-9-]+/[A-Za-z0-9-]+\.jpg")


@dataclass(frozen=True, slots=True)
class PictureSet:
    """JPEG files `part/label/name.jpg` of a repository. `parts` maps each part to Git's id of its folder."""

    name: str
    repository: str
    commit: str
    tree: str
    parts: Mapping[str, str]
    n_pictures: int
    n_bytes: int
    licence: str

    @property
    def page(self) -> str:
        """The page of the repository, which states source and licence."""
        return f"https://github.com/{self.repository}"

    def is_picture(self, path: str) -> bool:
        """Return whether `path`, below the top of the repository, has the name of one of its pictures."""
        found = _PICTURE.fullmatch(path)
        return found is not None and found["part"] in self.parts

    def is_tree(self, files: Mapping[str, str]) -> bool:
        """Return whether `files`, which maps paths to Git's ids, are exactly the pictures of the set."""
        found: dict[str, dict[str, str]] = {part: {} for part in self.parts}
        for path, file_id in files.items():
            part, _, rest = path.partition("/")
            found[part][rest] = file_id
        return all(tree_id(found[part]) == wanted for part, wanted in self.parts.items())


@dataclass(frozen=True, slots=True)
class PictureFolder:
    """The folder in which a set is kept. A picture is there whole or not at all.

    Nothing is forced to the disk: every start compares all content with the set, as that takes a second.
    """

    pictures: PictureSet
    path: Path

    def names(self) -> Iterator[str]:
        """Yield the path of each picture that is there, below the folder; other files do not count."""
        for file in self.path.glob("*/*/*.jpg"):
            name = file.relative_to(self.path).as_posix()
            if self.pictures.is_picture(name) and file.is_file() and not file.is_symlink():
                yield name

    def paths(self) -> list[Path]:
        """Return the pictures that are there, sorted."""
        return [self.path / name for name in sorted(self.names())]

    def ids(self) -> dict[str, str]:
        """Return Git's id of the content of each picture that is there."""
        with disk_errors(f"read the pictures of {self.pictures.repository}", self.path):
            return {name: blob_id((self.path / name).read_bytes()) for name in self.names()}

    def is_whole(self) -> bool:
        """Return whether exactly the pictures of the set are there, with their content."""
        return sum(1 for _ in self.names()) == self.pictures.n_pictures and self.pictures.is_tree(self.ids())

    def save(self, name: str, content: bytes) -> None:
        """Write a picture beside its place and move it there.

        Raises:
            StorageError: the disk refused it; nothing has changed.
        """
        path = self.path / name
        beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        with disk_errors(f"keep the pictures of {self.pictures.repository}", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                beside.write_bytes(content)
                beside.replace(path)
            finally:
                beside.unlink(missing_ok=True)
