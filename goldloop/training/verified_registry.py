"""Verified registry: models are found by their digest, and files that do not match it are never used."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from goldloop.core.errors import ModelError, ServiceAuthError, ServiceError, ServiceUnreachableError
from goldloop.training.model_files import ModelCopies, digest_of
from goldloop.training.ports import RegisteredModel

DIGEST_TAG = "goldloop.digest"
VERSION_TAG = "goldloop.version"
"""Tag of a version that was registered again: the version that goldloop calls it by."""

GIVE_UP = (
    "run `goldloop rollback --to VERSION` with another version, or with `none` to go on without a champion."
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A version in a registry, by the number that the registry gave it."""

    number: str
    mlflow_run_id: str
    tags: Mapping[str, str]

    def rank(self, version: str) -> tuple[bool, bool, int]:
        """Return the order among entries of one digest: the newest that was registered again comes last."""
        is_again = self.tags.get(VERSION_TAG) == version
        return is_again, not is_again and self.number == version, int(self.number)


class VerifiedRegistry(ABC):
    """What registries have in common; `copies` holds the files of models in the workspace.

    A registry numbers its versions, can lose them and count again, and others may change its files. So the
    caller asks for a model by version and digest; without a digest, by the number alone.
    """

    def __init__(self, name: str, place: str, copies: ModelCopies) -> None:
        self.name = name
        self.place = place
        self.copies = copies

    @abstractmethod
    def _entries(self) -> list[Entry]:
        """Return every version of the model."""

    @abstractmethod
    def _entry_of(self, number: str) -> Entry | None:
        """Return the version with this number, None if there is none."""

    @abstractmethod
    def _fetch(self, entry: Entry, folder: Path) -> Path:
        """Put the files of a version somewhere below `folder`; return where they are."""

    def load(self, version: str, digest: str | None = None) -> RegisteredModel:
        """Return the files and tags of a model, from its copy or else downloaded.

        Raises:
            ModelError: the registry does not hold the model, or files do not match `digest`.
        """
        entry = self._entry(version, digest)
        if digest is None or not self.copies.path(digest).is_dir():
            digest = self._download(entry, version, digest)
        folder = self.copies.find(digest)
        if folder is None:
            raise ModelError(
                f"The files of model {version} in {self.copies.path(digest)} were changed: their digest is "
                f"{digest_of(self.copies.path(digest))[:12]}, goldloop recorded {digest[:12]}. They were not "
                f"loaded. Run `goldloop rollback --to {version}` to bring back the recorded files."
            )
        return RegisteredModel(entry.number, folder, entry.mlflow_run_id, dict(entry.tags), digest)

    def is_whole(self, version: str, digest: str) -> bool:
        """Return whether the registry itself still gives out these files; if so, they are copied anew."""
        try:
            self._download(self._entry(version, digest), version, digest)
        except ModelError:
            return False
        return True

    def copy_of(self, digest: str) -> Path | None:
        """Return the workspace's copy of a model, None if it is missing or was changed."""
        return self.copies.find(digest)

    def prune_copies(self, wanted: Collection[str]) -> None:
        """Remove the workspace's copies of all models but those with the digests `wanted`."""
        self.copies.prune(wanted)

    def _entry(self, version: str, digest: str | None) -> Entry:
        """Return the entry of a model; one that was registered again before the first."""
        entries = [] if digest is None else self._entries()
        same = [entry for entry in entries if entry.tags.get(DIGEST_TAG) == digest]
        if same:
            return max(same, key=lambda entry: entry.rank(version))
        entry = self._entry_of(version)
        if entry is not None and (digest is None or DIGEST_TAG not in entry.tags):
            return entry
        if digest is None:
            raise ModelError(
                f"There is no version {version} of model {self.name} at {self.place}. "
                f"Restore MLflow's data from a backup, or {GIVE_UP}"
            )
        raise ModelError(self._missing(version, digest))

    def _missing(self, version: str, digest: str) -> str:
        way = (
            f"goldloop holds its files: run `goldloop rollback --to {version}` to register them again."
            if self.copies.find(digest)
            else f"goldloop holds no copy of its files: restore MLflow's data from a backup, or {GIVE_UP}"
        )
        return (
            f"Model {version} (digest {digest[:12]}) is missing from {self.name} at {self.place}: it was "
            f"deleted, or the registry was lost or replaced. {way}"
        )

    def _download(self, entry: Entry, version: str, digest: str | None) -> str:
        """Copy the files of `entry` into the workspace if they match `digest`; return their digest."""
        self.copies.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.copies.folder, prefix=".") as beside:
            try:
                files = self._fetch(entry, Path(beside))
            except (ServiceAuthError, ServiceUnreachableError):
                raise
            except ServiceError as error:
                raise ModelError(
                    f"The files of model {version} cannot be downloaded: {error} "
                    f"`goldloop rollback --to {version}` registers them again if goldloop holds a copy."
                ) from error
            found = digest_of(files)
            if digest not in (None, found):
                raise ModelError(
                    f"The files of model {version} at {self.place} were changed: their digest is "
                    f"{found[:12]}, goldloop recorded {str(digest)[:12]}. They were not loaded. Run "
                    f"`goldloop rollback --to {version}`, which registers goldloop's copy again if there is "
                    "one, or name another version."
                )
            return self.copies.keep(files)
