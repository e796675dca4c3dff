"""The model registry: the same behaviour in memory and on a real MLflow server."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from goldloop.adapters.memory.registry import MemoryRegistry
from goldloop.core.errors import (
    ModelError,
)
from goldloop.training.ports import ModelRegistry
from tests.contracts.trained_models import EXAMPLE, graph


@pytest.fixture(params=["fake", pytest.param("mlflow", marks=pytest.mark.servers)])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> ModelRegistry:
    """Return an empty registry, fake or real."""
    if request.param == "fake":
        return MemoryRegistry(tmp_path / "fake")
    from goldloop.adapters.mlflow_registry import MlflowRegistry

    return MlflowRegistry(
        request.getfixturevalue("mlflow_url"), f"pets-{time.time_ns()}", cache=tmp_path / "cache"
    )


@pytest.fixture
def register(
    registry: ModelRegistry, saved: Path, request: pytest.FixtureRequest
) -> Callable[[dict[str, str]], str]:
    """Return a function that registers the saved folder under tags and returns the version."""
    is_real = not isinstance(registry, MemoryRegistry)
    run = request.getfixturevalue("run_id") if is_real else "run-1"

    def registered(tags: dict[str, str]) -> str:
        return registry.register(saved, graph=graph(), example=EXAMPLE, mlflow_run_id=run, tags=tags)

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


def test_a_model_without_a_graph_is_its_files(
    registry: ModelRegistry, saved: Path, request: pytest.FixtureRequest
) -> None:
    """A text model has nothing to export; its files come back byte for byte, and nothing is pickled."""
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


def test_what_cannot_be_loaded_again_is_not_registered(
    registry: ModelRegistry, saved: Path, tmp_path: Path
) -> None:
    """A folder without files, or an example that would freeze the batch size, is refused beforehand."""
    empty = tmp_path / "empty"
    empty.mkdir()

    with pytest.raises(ModelError, match=r"holds no files\. Save the model there first"):
        registry.register(empty, graph=graph(), example=EXAMPLE, mlflow_run_id="r", tags={})
    with pytest.raises(ModelError, match="The example holds 1 samples"):
        registry.register(saved, graph=graph(), example=EXAMPLE[:1], mlflow_run_id="r", tags={})
