"""MLflow in memory: a registry that copies model folders, and runs that record their data."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from goldloop.core.errors import ModelError
from goldloop.training.ports import RegisteredModel, TrainingRecord, TrainingStart


class MemoryRegistry:
    """Versions "1", "2", ... below `folder`; models for serving are not kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.aliases: dict[str, str] = {}
        self._models: dict[str, RegisteredModel] = {}

    def register(
        self,
        folder: Path,
        *,
        mlflow_run_id: str,
        tags: dict[str, str],
        graph: Any = None,
        example: Any = None,
    ) -> str:
        """Copy the files of `folder` as the next version."""
        if not any(path.is_file() for path in folder.iterdir()):
            raise ModelError(f"{folder} holds no files. Save the model there first.")
        if graph is not None and len(example) < 2:
            raise ModelError(f"The example holds {len(example)} samples. Give at least two.")
        version = str(len(self._models) + 1)
        kept = Path(shutil.copytree(folder, self.folder / version))
        self._models[version] = RegisteredModel(version, kept, mlflow_run_id, dict(tags))
        return version

    def version_at(self, alias: str) -> str | None:
        """Return the version under `alias`."""
        return self.aliases.get(alias)

    def set_alias(self, alias: str, version: str) -> None:
        """Set `alias` to an existing version."""
        self.aliases[alias] = self.load(version).version

    def load(self, version: str) -> RegisteredModel:
        """Return the version's copy."""
        if version not in self._models:
            raise ModelError(f"There is no version {version} of model fake.")
        return self._models[version]


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
