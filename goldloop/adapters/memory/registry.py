"""MLflow in memory: a registry that copies model folders, and runs that record their data."""

from __future__ import annotations

import shutil
from pathlib import Path

from goldloop.core.errors import ModelError
from goldloop.training.model_files import ModelCopies
from goldloop.training.ports import InputColumn, ServedModel, TrainingRecord, TrainingStart
from goldloop.training.verified_registry import DIGEST_TAG, Entry, VerifiedRegistry


class MemoryRegistry(VerifiedRegistry):
    """Versions "1", "2", ... below `folder`; of models for serving only the input columns are kept.

    `copies` are the workspace's copies; they outlive a registry that loses its data.
    """

    def __init__(self, folder: Path, copies: Path | None = None) -> None:
        super().__init__("fake", str(folder), ModelCopies(copies or folder / "copies"))
        self.folder = folder
        self.aliases: dict[str, str] = {}
        self.entries: dict[str, Entry] = {}
        self.inputs: dict[str, tuple[InputColumn, ...]] = {}
        self.descriptions: dict[str, str] = {}

    def register(
        self,
        folder: Path,
        *,
        mlflow_run_id: str,
        tags: dict[str, str],
        served: ServedModel | None = None,
    ) -> str:
        """Copy the files of `folder` as the next version."""
        if not any(path.is_file() for path in folder.iterdir()):
            raise ModelError(f"{folder} holds no files. Save the model there first.")
        number = str(max(map(int, self.entries), default=0) + 1)  # as in MLflow, a deleted one comes again
        shutil.rmtree(self.folder / number, ignore_errors=True)
        shutil.copytree(folder, self.folder / number)
        self.entries[number] = Entry(number, mlflow_run_id, {**tags, DIGEST_TAG: self.copies.keep(folder)})
        if served is not None:
            self.inputs[number] = served.inputs
        return number

    def describe(self, version: str, digest: str, text: str) -> None:
        """Keep `text` by the number of the version."""
        self.descriptions[self._entry(version, digest).number] = text

    def version_at(self, alias: str) -> str | None:
        """Return the number under `alias`."""
        return self.aliases.get(alias)

    def set_alias(self, alias: str, version: str, digest: str | None = None) -> None:
        """Set `alias` to an existing model."""
        self.aliases[alias] = self._entry(version, digest).number

    def _entries(self) -> list[Entry]:
        return list(self.entries.values())

    def _entry_of(self, number: str) -> Entry | None:
        return self.entries.get(number)

    def _fetch(self, entry: Entry, folder: Path) -> Path:
        return Path(shutil.copytree(self.folder / entry.number, folder / entry.number))


class MemoryRuns:
    """Runs "run-1", "run-2", ...: starts, records and failure reasons by mlflow_run_id."""

    def __init__(self) -> None:
        self.begun: dict[str, TrainingStart] = {}
        self.recorded: dict[str, TrainingRecord] = {}
        self.failed: dict[str, str] = {}

    def begin(self, start: TrainingStart) -> str:
        """Store `start`; return the run id."""
        run_id = f"run-{len(self.begun) + 1}"
        self.begun[run_id] = start
        return run_id

    def record(self, mlflow_run_id: str, record: TrainingRecord) -> None:
        """Store `record`."""
        self.recorded[mlflow_run_id] = record

    def fail(self, mlflow_run_id: str, reason: str) -> None:
        """Store the reason."""
        self.failed[mlflow_run_id] = reason
