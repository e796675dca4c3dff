"""The model registry: the same behaviour in memory and on a real MLflow server."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from goldloop.adapters.memory.registry import MemoryRegistry
from goldloop.core.errors import (
    ModelError,
)
from goldloop.training.model_files import digest_of
from goldloop.training.ports import InputColumn, ModelRegistry, ServedModel
from tests.contracts.trained_models import served_words


@pytest.fixture(params=["fake", pytest.param("mlflow", marks=pytest.mark.servers)])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> ModelRegistry:
    """Return an empty registry, fake or real."""
    if request.param == "fake":
        return MemoryRegistry(tmp_path / "fake")
    from goldloop.adapters.mlflow_registry import MlflowRegistry

    return MlflowRegistry(
        request.getfixturevalue("mlflow_url"), f"pets-{time.time_ns()}", cache=tmp_path / "cache"
    )


@dataclass
class Vandal:
    """Somebody else who works on the registry."""

    registry: ModelRegistry

    def delete(self, number: str) -> None:
        """Delete a version."""
        if isinstance(self.registry, MemoryRegistry):
            del self.registry.entries[number]
        else:
            self._client().delete_model_version(self.registry.name, number)

    def put(self, number: str, name: str, content: bytes) -> None:
        """Replace a file of a version; in MLflow through its artifact proxy."""
        if isinstance(self.registry, MemoryRegistry):
            (self.registry.folder / number / name).write_bytes(content)
            return
        client, url = self._client(), self.registry.place
        source = client.get_model_version(self.registry.name, number).source
        model = client.get_logged_model(source.removeprefix("models:/"))
        path = f"{model.artifact_location.removeprefix('mlflow-artifacts:/')}/extra_files/{name}"
        login = (os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"])
        address = f"{url}/api/2.0/mlflow-artifacts/artifacts/{path}"
        requests.put(address, data=content, auth=login, timeout=30).raise_for_status()

    def _client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(self.registry.place, self.registry.place)


@pytest.fixture
def vandal(registry: ModelRegistry) -> Vandal:
    """Return somebody else who works on the registry."""
    return Vandal(registry)


@pytest.fixture
def register(
    registry: ModelRegistry, saved: Path, request: pytest.FixtureRequest
) -> Callable[[dict[str, str]], str]:
    """Return a function that registers the saved folder under tags and returns the version."""
    is_real = not isinstance(registry, MemoryRegistry)
    run = request.getfixturevalue("run_id") if is_real else "run-1"
    beside = saved.with_name("beside")
    beside.mkdir()

    def registered(tags: dict[str, str]) -> str:
        return registry.register(saved, served=served_words(beside), mlflow_run_id=run, tags=tags)

    return registered


def test_versions_count_up_and_come_back_byte_for_byte(
    registry: ModelRegistry, register: Callable[[dict[str, str]], str], saved: Path
) -> None:
    """A version is a string, holds every file of the folder, its tags and the run that made it."""
    versions = [register({"gold_version": "17"}), register({"gold_version": "18"})]

    assert versions == ["1", "2"]
    first = registry.load("1")
    assert (first.version, first.tags["gold_version"]) == ("1", "17")
    assert first.mlflow_run_id
    assert {path.name: path.read_bytes() for path in first.folder.iterdir()} == {
        path.name: path.read_bytes() for path in saved.iterdir()
    }
    assert registry.load("1") == first


def test_a_model_that_only_goldloop_loads_is_its_files(
    registry: ModelRegistry, saved: Path, request: pytest.FixtureRequest
) -> None:
    """Without a loader for servers the files come back byte for byte."""
    is_real = not isinstance(registry, MemoryRegistry)
    run = request.getfixturevalue("run_id") if is_real else "run-1"

    version = registry.register(saved, mlflow_run_id=run, tags={"kind": "text"})
    registry.set_alias("champion", version)

    loaded = registry.load(version)
    assert loaded.tags["kind"] == "text"
    assert {path.name: path.read_bytes() for path in loaded.folder.iterdir()} == {
        path.name: path.read_bytes() for path in saved.iterdir()
    }


def test_an_alias_is_none_until_set_and_then_moves(
    registry: ModelRegistry, register: Callable[[dict[str, str]], str]
) -> None:
    """Before the first model there is no champion, which is no error; rolling back is moving the alias."""
    assert registry.version_at("champion") is None
    first = register({})
    assert registry.version_at("champion") is None

    registry.set_alias("champion", first)
    registry.set_alias("baseline", first)
    second = register({})
    registry.set_alias("champion", second)

    assert (registry.version_at("champion"), registry.version_at("baseline")) == (second, first)
    registry.set_alias("champion", first)
    assert registry.version_at("champion") == first


@pytest.mark.parametrize("missing", ["9", "latest"])
def test_a_version_that_does_not_exist_is_named(
    registry: ModelRegistry, register: Callable[[dict[str, str]], str], missing: str
) -> None:
    """Loading and setting an alias refuse a version that was never registered."""
    register({})

    with pytest.raises(ModelError, match=f"There is no version {missing} of model"):
        registry.load(missing)
    with pytest.raises(ModelError, match=f"There is no version {missing} of model"):
        registry.set_alias("champion", missing)
    assert registry.version_at("champion") is None


def test_what_cannot_be_loaded_again_is_not_registered(registry: ModelRegistry, tmp_path: Path) -> None:
    """A folder without files is refused beforehand."""
    empty = tmp_path / "empty"
    empty.mkdir()

    with pytest.raises(ModelError, match=r"holds no files\. Save the model there first"):
        registry.register(empty, mlflow_run_id="r", tags={})


def test_a_description_stands_on_the_page_of_its_model(
    registry: ModelRegistry, register: Callable[[dict[str, str]], str], saved: Path
) -> None:
    """A model that the registry does not hold has none."""
    version = register({})

    registry.describe(version, digest_of(saved), "accurate")

    if isinstance(registry, MemoryRegistry):
        assert registry.descriptions == {version: "accurate"}
    else:
        client = Vandal(registry)._client()
        assert client.get_model_version(registry.name, version).description == "accurate"
        assert f"models:/{registry.name}@champion" in client.get_registered_model(registry.name).description
    with pytest.raises(ModelError, match="is missing from"):
        registry.describe(version, "0" * 64, "accurate")


def test_a_model_is_found_by_its_digest_whatever_its_number(
    registry: ModelRegistry, register: Callable[[dict[str, str]], str], saved: Path, vandal: Vandal
) -> None:
    """Deleted and registered again it has another number; the number of another model is not it."""
    first, digest = register({}), digest_of(saved)
    (saved / "weights.bin").write_bytes(b"other weights")
    other = register({})
    vandal.delete(first)

    with pytest.raises(
        ModelError, match=r"Model 1 \(digest .*\) is missing from .*`goldloop rollback --to 1`"
    ):
        registry.load(first, digest)
    with pytest.raises(ModelError, match="is missing from"):
        registry.load(other, digest)
    with pytest.raises(ModelError, match="is missing from"):
        registry.set_alias("champion", first, digest)
    assert not registry.is_whole(first, digest)

    copy = registry.copy_of(digest)
    assert copy is not None
    run = registry.load(other).mlflow_run_id
    again = registry.register(copy, mlflow_run_id=run, tags={"goldloop.version": first})
    found = registry.load(first, digest)
    registry.set_alias("champion", first, digest)

    assert (found.version, found.digest, again) == ("3", digest, "3")
    assert registry.version_at("champion") == "3"


def test_files_that_somebody_changed_are_never_handed_out(
    registry: ModelRegistry, register: Callable[[dict[str, str]], str], saved: Path, vandal: Vandal
) -> None:
    """Labels turned round in the card of registry or copy: refused, with what brings them back."""
    version, digest = register({}), digest_of(saved)
    whole = (saved / "card.json").read_bytes()
    vandal.put(version, "card.json", b'{"labels": ["c", "b", "a"]}')

    assert not registry.is_whole(version, digest)
    assert (registry.load(version, digest).folder / "card.json").read_bytes() == whole  # the copy
    registry.prune_copies(())
    with pytest.raises(ModelError, match=r"The files of model 1 at .* were changed: .*They were not loaded"):
        registry.load(version, digest)

    vandal.put(version, "card.json", whole)
    folder = registry.load(version, digest).folder
    (folder / "card.json").write_bytes(b'{"labels": ["c", "b", "a"]}')
    with pytest.raises(ModelError, match=r"The files of model 1 in .* were changed"):
        registry.load(version, digest)
    assert registry.copy_of(digest) is None
    assert registry.is_whole(version, digest)
    assert (registry.load(version, digest).folder / "card.json").read_bytes() == whole


@pytest.mark.servers
def test_what_a_server_gets_is_whole_and_no_pickle(
    mlflow_url: str, run_id: str, saved: Path, tmp_path: Path
) -> None:
    """Loader, code, columns and exact packages stand in the model, beside the files and what they need."""
    import mlflow
    import yaml

    from goldloop.adapters.mlflow_connection import mlflow_at
    from goldloop.adapters.mlflow_registry import MlflowRegistry

    beside = tmp_path / "of trainer"
    beside.mkdir()
    (beside / "form.json").write_text("{}")
    served = ServedModel("models.served.records", beside, (InputColumn("amount", "double", True),))
    registry = MlflowRegistry(mlflow_url, "whole-model", cache=tmp_path / "cache")
    version = registry.register(saved, served=served, mlflow_run_id=run_id, tags={})

    with mlflow_at(mlflow_url, doing="a test"):
        uri = f"models:/whole-model/{version}"
        folder = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(tmp_path / "downloaded")))
    files = [path for path in folder.rglob("*") if path.is_file()]
    description = yaml.safe_load((folder / "MLmodel").read_text())
    flavor = description["flavors"]["python_function"]
    (column,) = json.loads(description["signature"]["inputs"])
    requirements = (folder / "requirements.txt").read_text().split()

    assert not [one for one in files if one.suffix in (".pkl", ".pickle", ".pth", ".pyc")]
    assert (flavor["loader_module"], flavor["code"]) == ("models.served.records", "code")
    assert column == {"name": "amount", "type": "double", "required": False}
    assert (folder / "beside" / "form.json").read_text() == "{}"
    assert digest_of(folder / "extra_files") == digest_of(saved)
    assert {path.name for path in (folder / "code" / "models" / "served").iterdir()} == {
        "__init__.py",
        "answers.py",
        "records.py",
    }
    assert any(one.startswith("lightgbm==") for one in requirements)
    assert not any("torch" in one or "goldloop" in one for one in requirements)
