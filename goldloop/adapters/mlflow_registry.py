"""MLflow's registry: the versions of one model, by alias, with the files to score with and to train on."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
from mlflow.exceptions import MlflowException

from goldloop.adapters.mlflow_connection import WORKSPACE_TAG, Login, mlflow_at
from goldloop.adapters.mlflow_flavor import GoldloopFlavor
from goldloop.core.errors import ModelError
from goldloop.training.model_files import ModelCopies
from goldloop.training.ports import ServedModel
from goldloop.training.verified_registry import DIGEST_TAG, Entry, VerifiedRegistry

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.entities.model_registry import RegisteredModel as RegisteredModelEntity

ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # the latter for a version that is no number
_ABOUT = (
    "A classifier that goldloop trains on gold labels. The alias `champion` is the version that scores; the "
    "page of each version says how accurate it is, on which gold, and what the gate decided.\n\n"
    "`mlflow models serve -m models:/{name}@champion` answers with label names and calibrated probabilities."
)


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
        served: ServedModel | None = None,
    ) -> str:
        """Store the files of `folder`, and what a server needs to load them; return the number.

        Nothing is pickled.

        Raises:
            ModelError: `folder` holds no files.
        """
        files = sorted(str(path) for path in folder.iterdir() if path.is_file())
        if not files:
            raise ModelError(f"{folder} holds no files. Save the model there first.")
        tags = {**tags, DIGEST_TAG: self.copies.keep(folder)}
        with self._at(doing="registering a model") as client:
            logged = mlflow.models.Model.log(
                artifact_path=None,
                name="model",
                run_id=mlflow_run_id,
                flavor=GoldloopFlavor,
                files=files,
                served=served,
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
            client.create_registered_model(self.name, tags=tags, description=_ABOUT.format(name=self.name))
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

    def describe(self, version: str, digest: str, text: str) -> None:
        """Show `text`, which is Markdown, on the page of a model.

        Raises:
            ModelError: the registry does not hold the model.
        """
        number = self._entry(version, digest).number
        with self._at(doing=f"describing version {number}") as client:
            client.update_model_version(self.name, number, description=text)

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
