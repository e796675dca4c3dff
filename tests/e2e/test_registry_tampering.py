"""On a real MLflow: whatever others do there, the model of goldloop's last decision scores, or none does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from mlflow import MlflowClient

from goldloop.services import Endpoints
from tests.e2e.commands import Loop
from tests.e2e.crowned import crown_a_random_model
from tests.images import encoded, noise

pytestmark = pytest.mark.servers


def turn_labels_round(client: MlflowClient, services: Endpoints, name: str, card: str) -> None:
    """Replace the card of version 1 through MLflow's artifact proxy."""
    model_id = client.get_model_version(name, "1").source.removeprefix("models:/")
    folder = client.get_logged_model(model_id).artifact_location.removeprefix("mlflow-artifacts:/")
    address = f"{services.mlflow.url}/api/2.0/mlflow-artifacts/artifacts/{folder}/extra_files/card.json"
    turned = card.replace("cat", "?").replace("dog", "cat").replace("?", "dog")
    requests.put(address, data=turned, auth=services.mlflow.login, timeout=30).raise_for_status()


def test_only_the_recorded_champion_scores(
    make_loop: Callable[..., Loop], services: Endpoints, tmp_path: Path
) -> None:
    """Its alias moved, its files replaced, its registry emptied: told, and brought back."""
    loop = make_loop("trusted", labels=["cat", "dog"])
    picture = tmp_path / "one.png"
    picture.write_bytes(encoded(noise(1), "PNG"))
    champion = crown_a_random_model(loop)
    crown_a_random_model(loop, seed=2, is_champion=False)
    name = loop.parts.registry.name
    client = MlflowClient(services.mlflow.url, services.mlflow.url)

    # the alias: a warning, and the decision counts
    client.set_registered_model_alias(name, "champion", "2")
    moved = loop.run("score", str(picture), "--json")
    assert moved.json[-1]["model_version"] == "1"
    assert "points at version 2, which does not score" in moved.err
    status = loop.json("status")
    assert status["champion"] == "1"
    assert "points at version 2" in status["champion_problem"]

    # the files: refused by digest before they are loaded, and replaced by goldloop's copy
    copy, kept = loop.parts.registry.copies.path(str(champion.digest)), tmp_path / "kept"
    turn_labels_round(client, services, name, (copy / "card.json").read_text())
    copy.rename(kept)
    refused = loop.run("score", code=1)
    assert "The files of model 1" in refused.err
    assert "They were not loaded" in refused.err
    kept.rename(copy)
    assert loop.json("rollback", "--to", "1") == {"from": "1", "to": "1"}
    assert str(client.get_registered_model(name).aliases["champion"]) == "3"

    # the registry: an error with a way back, and no cold start
    client.delete_registered_model(name)
    missing = loop.run("score", code=1)
    assert "run `goldloop rollback --to 1`" in missing.err
    assert "cold start" not in missing.out + missing.err
    loop.run("rollback", "--to", "1")
    assert loop.json("score")[-1]["model_version"] == "1"
    assert loop.json("status")["champion_problem"] is None
