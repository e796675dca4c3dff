"""MLflow's registry: the versions of one model, by alias, with the files to score with and to train on."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import numpy.typing as npt
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec

from goldloop.adapters.mlflow_connection import WORKSPACE_TAG, Login, mlflow_at
from goldloop.core.errors import ModelError
from goldloop.training.model_files import ModelCopies
from goldloop.training.verified_registry import DIGEST_TAG, Entry, VerifiedRegistry

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.entities.model_registry import RegisteredModel as RegisteredModelEntity

_SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec("string", "sample")]), outputs=Schema([TensorSpec(np.dtype(np.float64), (-1, -1))])
)
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # the latter for a version that is no number


class _Files:
    """A flavor in MLflow's sense: a model that is the files goldloop saved, and takes texts or rows."""

    @staticmethod
    def save_model(path: str, mlflow_model: mlflow.models.Model, *, extra_files: list[str]) -> None:
        """Write the model's description to `path` and the files to `extra_files` below it, as MLflow does."""
        beside = Path(path) / "extra_files"
        beside.mkdir(parents=True)
        for file in extra_files:
            shutil.copy(file, beside)
        mlflow_model.add_flavor("goldloop", files="extra_files")
        mlflow_model.signature = _SIGNATURE
        mlflow_model.save(str(Path(path) / "MLmodel"))


def _program(graph: Any, example: npt.NDArray[np.uint8] | None) -> dict[str, Any]:
    """Return what MLflow needs to store `graph` as a torch.export program."""
    import mlflow.pytorch

    return {
        "flavor": mlflow.pytorch,
        "pytorch_model": graph,
        "serialization_format": "pt2",
        "input_example": example,
        "pip_requirements": ["torch"],  # else MLflow spends 12 s on finding out
    }


class MlflowRegistry(VerifiedRegistry):
    """Versions of the registered model `name` on the server at `uri`.

    `cache` is the folder of the workspace's copies. Every method raises ServiceError as `mlflow_at`.
    The model carries `workspace_id`, if one is given; a model that has another one is a stranger's, and
    asking for its aliases is a ModelError.
    """

    def __init__(
        self,
        uri: str,
        name: str,
        *,
        cache: Path,
        login: Login | None = None,
        workspace_id: str | None = None,
    ) -> None:
        super().__init__(name, uri, ModelCopies(cache))
        self._at = partial(mlflow_at, uri, login=login)
        self._workspace_id = workspace_id

    def register(
        self,
        folder: Path,
        *,
        mlflow_run_id: str,
        tags: dict[str, str],
        graph: Any = None,
        example: npt.NDArray[np.uint8] | None = None,
    ) -> str:
        """Store the files of `folder`, and `graph` as a torch.export program; return the number.

        `graph` is a torch module from a uint8 batch like `example` to probs, for other systems to serve: the
        batch size is free, height and width are those of `example`. Nothing is pickled.

        Raises:
            ModelError: `folder` holds no files, or `example` fewer than two samples.
        """
        files = sorted(str(path) for path in folder.iterdir() if path.is_file())
        if not files:
            raise ModelError(f"{folder} holds no files. Save the model there first.")
        if graph is not None and (n := 0 if example is None else len(example)) < 2:
            raise ModelError(f"The example holds {n} samples. Give at least two: one fixes the batch size.")
        tags = {**tags, DIGEST_TAG: self.copies.keep(folder)}
        with self._at(doing="registering a model") as client:
            logged = mlflow.models.Model.log(
                artifact_path=None,
                name="model",
                run_id=mlflow_run_id,
                extra_files=files,
                **({"flavor": _Files} if graph is None else _program(graph, example)),
            )
            self._ensure_model(client)
            version = client.create_model_version(
                self.name,
                logged.model_uri,
                run_id=mlflow_run_id,
                tags=tags,
                model_id=logged.model_id,
                await_creation_for=0,  # the version is ready at once; waiting only prints a message
            )
        return str(version.version)

    def _ensure_model(self, client: MlflowClient) -> None:
        tags = {WORKSPACE_TAG: self._workspace_id} if self._workspace_id else {}
        try:
            client.create_registered_model(self.name, tags=tags)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            self._refuse_strangers(client.get_registered_model(self.name))
            for key, value in tags.items():
                client.set_registered_model_tag(self.name, key, value)

    def _refuse_strangers(self, model: RegisteredModelEntity) -> None:
        owner = model.tags.get(WORKSPACE_TAG)
        if self._workspace_id and owner not in (None, self._workspace_id):
            raise ModelError(
                f"The registered model {self.name} at {self.place} belongs to the workspace {owner}, "
                f"this one is {self._workspace_id}. Give this workspace another `handle` in workspace.json."
            )

    def version_at(self, alias: str) -> str | None:
        """Return the number under `alias`, or None."""
        with self._at(doing=f"looking up alias {alias}") as client:
            try:
                model = client.get_registered_model(self.name)
            except MlflowException as error:
                if error.error_code not in ABSENT:
                    raise
                return None
        self._refuse_strangers(model)
        version = model.aliases.get(alias)
        return None if version is None else str(version)

    def set_alias(self, alias: str, version: str, digest: str | None = None) -> None:
        """Point `alias` at a model.

        Raises:
            ModelError: the registry does not hold the model.
        """
        number = self._entry(version, digest).number
        with self._at(doing=f"pointing alias {alias} at version {number}") as client:
            client.set_registered_model_alias(self.name, alias, number)

    def _entries(self) -> list[Entry]:
        with self._at(doing="listing versions") as client:
            return [_entry(version) for version in client.search_model_versions(f"name = '{self.name}'")]

    def _entry_of(self, number: str) -> Entry | None:
        with self._at(doing=f"looking up version {number}") as client:
            try:
                return _entry(client.get_model_version(self.name, number))
            except MlflowException as error:
                if error.error_code not in ABSENT:
                    raise
        return None

    def _fetch(self, entry: Entry, folder: Path) -> Path:
        with self._at(doing=f"downloading version {entry.number}"):
            return Path(
                mlflow.artifacts.download_artifacts(
                    f"models:/{self.name}/{entry.number}/extra_files", dst_path=str(folder)
                )
            )


def _entry(version: ModelVersion) -> Entry:
    return Entry(str(version.version), str(version.run_id or ""), dict(version.tags))
