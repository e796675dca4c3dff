"""The whole loop from the command line, once: what each command leaves behind for whom."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from mlflow import MlflowClient

from goldloop.adapters.label_studio import add_annotator
from goldloop.services import Endpoints
from tests.e2e.commands import Loop
from tests.e2e.people import answer_all, said_by_truth, some_digits
from tests.e2e.prefect_api import PrefectApi

pytestmark = pytest.mark.servers

NAME, N_FILES, BUDGET = "whole-loop", 400, 50
DIGITS = [str(digit) for digit in range(10)]


@pytest.fixture
def loop(make_loop: Callable[..., Loop], services: Endpoints, tmp_path: Path) -> Loop:
    """Return a workspace that `goldloop init` made, with the servers of the test run written into it."""
    folder = tmp_path / NAME
    elsewhere = make_loop("elsewhere", labels=["cat", "dog"])  # `init` must not mind the workspace around it
    options = ["--labels", ",".join(DIGITS), "--budget", str(BUDGET), "--audit-rate", "0.3", "--alone"]
    elsewhere.run("init", str(folder), *options, "--band", "0.0", "1.0")
    settings = (folder / "goldloop.toml").read_text()
    for key, value in {
        "label_studio_url": services.label_studio.url,
        "prefect_url": services.prefect.url,
        "mlflow_url": services.mlflow.url,
        "epochs": 15,
    }.items():
        settings, n = re.subn(rf"(?m)^# {key} =.*$", f"{key} = {json.dumps(value)}", settings)
        assert n == 1
    (folder / "goldloop.toml").write_text(settings)
    return Loop(folder, services)


def test_the_whole_loop(loop: Loop, services: Endpoints, prefect: PrefectApi, tmp_path: Path) -> None:
    """Two rounds: models and plots in MLflow, runs and artifacts in Prefect, gold in four formats, a page."""
    pictures = some_digits(tmp_path / "digits", N_FILES)
    said = said_by_truth(pictures)

    # Round 0: no model, so a random seed and the audit go to people
    addresses = {services.label_studio.url, services.prefect.url, services.mlflow.url}
    assert set(loop.json("up").values()) == addresses
    scored, _ = loop.json("score", str(tmp_path / "digits"))
    assert (scored["model_version"], scored["lanes"]) == ("none", {"hold": N_FILES})
    pushed = loop.json("push")
    assert pushed["purposes"] == {"audit": 20, "seed": 30}
    given = answer_all(services.label_studio, loop.queue(), said.__getitem__)
    n_answers = sum(label is not None for label in given.values())
    pulled = loop.json("pull")
    assert (pulled["n_new"], pulled["gold_version"], pulled["n_gold_changes"]) == (BUDGET, 1, n_answers)
    first = loop.json("retrain")
    assert (first["outcome"], first["model_version"], first["gold_version"]) == ("promoted", "1", 1)
    status = loop.json("status")
    assert (status["champion"], status["round"], status["last_round"]["round"]) == ("1", 1, 0)
    assert status["gold"]["digest"] == first["gold_digest"]

    # Round 1: the model scores the pool, people review what it is unsure of
    rounded = loop.json("round")
    assert rounded["pull"]["gold_version"] is None
    assert rounded["record"] is None
    assert sum(rounded["score"]["lanes"].values()) == N_FILES - BUDGET
    assert rounded["push"]["purposes"] == {"audit": 20, "review": 30}
    assert rounded["policy"]["model_version"] == "1"
    status = loop.json("status")
    assert (status["policy"], status["files"]["review"]) == ("band[0,1] supported[nobody]", N_FILES - BUDGET)
    given |= answer_all(services.label_studio, loop.queue(), said.__getitem__)
    second = loop.json("round")
    assert second["record"]["model_version"] == "2"
    assert second["record"]["outcome"] == "refused"  # too small a holdout to dethrone a champion
    assert "gate.min_holdout requires 30" in second["record"]["decision"]["reasons"][0]
    page = Path(second["page"]).read_text(encoding="utf-8")
    assert Path(second["page"]).parent == loop.root / "reports"
    assert page.count("data:image/svg+xml") >= 3  # curve, lanes, confusion matrix
    assert not re.search(r'(src|href)="(?!data:|#|http://127\.0\.0\.1)', page), "the page needs other files"

    assert "Where samples go, and how well" in page
    assert "What it cost and brought" in page
    check_gold(loop, given, tmp_path)
    check_models(loop, services, first, second["record"])
    check_flow_runs(loop, prefect)

    # What it cost: everybody's answers are counted, and the quarter is the rounds that lie in it
    costs = loop.json("report")
    assert costs["whole"]["n_answers"] == len(given)
    assert [one["rounds"] for one in costs["by_round"]][:2] == [[0], [1]]
    assert loop.json("report", "--quarter")["whole"]["n_answers"] == len(given)

    # A rollback moves the alias; the next score takes that model's word
    assert loop.json("rollback", "--to", "2") == {"from": "1", "to": "2"}
    assert loop.json("score")[0]["model_version"] == "2"
    assert loop.json("rollback") == {"from": "2", "to": "1"}
    assert loop.json("status")["champion"] == "1"

    # A person is added and can log in with the password that was shown
    printed = loop.run("annotator", "add", "ada@example.org", "--name", "Ada").out
    password = re.search(r"^password +(\S+)", printed, re.MULTILINE)
    assert password
    server = services.label_studio
    assert add_annotator(server.url, server.token, email="ada@example.org", password=password[1]).token


def check_gold(loop: Loop, given: dict[str, str | None], tmp_path: Path) -> None:
    """Gold holds what people said, each version for good, and leaves in four formats."""
    expected = {key.split(":")[0]: label for key, label in given.items() if label is not None}
    log = loop.json("gold", "log")
    assert [one["version"] for one in log] == [2, 1, 0]
    newest = loop.json("gold", "show")
    assert {one["sample_id"]: one["label"] for one in newest["records"]} == expected
    assert newest["version"] == log[0]
    assert len(loop.json("gold", "show", "1")["records"]) == log[1]["n_records"]
    changes = loop.json("gold", "diff", "1", "2")
    assert [one["before"] for one in changes] == [None] * log[0]["n_added"]
    assert len(changes) == len(expected) - log[1]["n_records"]

    out = tmp_path / "exports"
    for form in ("csv", "parquet", "imagefolder", "coco-cls"):
        loop.run("gold", "export", "--to", str(out / form), "--format", form)
    with (out / "csv").open(newline="", encoding="utf-8") as file:
        assert {row["sample_id"]: row["label"] for row in csv.DictReader(file)} == expected
    rows = pyarrow.parquet.read_table(out / "parquet").to_pylist()
    assert {row["sample_id"]: row["label"] for row in rows} == expected
    files = (out / "imagefolder").rglob("*.png")
    assert {path.stem: path.parent.name for path in files} == expected
    coco = json.loads((out / "coco-cls" / "annotations.json").read_text(encoding="utf-8"))
    names = {one["id"]: one["name"] for one in coco["categories"]}
    labels = {one["image_id"]: names[one["category_id"]] for one in coco["annotations"]}
    assert {Path(one["file_name"]).stem: labels[one["id"]] for one in coco["images"]} == expected


def check_models(loop: Loop, services: Endpoints, first: dict[str, Any], second: dict[str, Any]) -> None:
    """MLflow holds three aliases, and each run its gold version, figures per label, plots and decision."""
    client = MlflowClient(tracking_uri=services.mlflow.url, registry_uri=services.mlflow.url)
    aliases = client.get_registered_model(f"goldloop-{loop.handle}").aliases
    assert {alias: str(version) for alias, version in aliases.items()} == {
        "baseline": "1", "champion": "1", "challenger": "2",
    }  # fmt: skip
    for record in (first, second):
        run = client.get_run(record["mlflow_run_id"])
        assert run.info.status == "FINISHED"
        (dataset,) = [one.dataset for one in run.inputs.dataset_inputs]
        assert dataset.digest == record["gold_digest"][:32]
        assert json.loads(dataset.source)["delta_table_version"] == record["gold_version"]
        judged = record["evaluations"]["challenger"]
        assert run.data.metrics["holdout/accuracy"] == judged["accuracy"]["value"]
        in_holdout = {one["label"] for one in judged["per_label"] if one["n"]}
        assert in_holdout
        assert {f"holdout/recall/{label}" for label in in_holdout} <= run.data.metrics.keys()
        plots = [one.path for one in client.list_artifacts(record["mlflow_run_id"], "plots")]
        assert {"confusion", "reliability", "policies", "accuracy"} <= {Path(path).stem for path in plots}
    roles = client.get_run(second["mlflow_run_id"]).data.metrics
    assert {"champion/holdout/accuracy", "baseline/holdout/accuracy", "holdout/difference"} <= roles.keys()


def check_flow_runs(loop: Loop, prefect: PrefectApi) -> None:
    """Prefect knows every flow run as completed, with a table for each and the decision with its plot."""
    by_hand = {"deployment_id": {"is_null_": True}}  # others' schedules fill the list otherwise
    newest = prefect.post("/flow_runs/filter", flow_runs=by_hand, sort="START_TIME_DESC")
    runs = {one["id"]: one for one in newest if one["parameters"].get("workspace") == str(loop.root)}
    assert {one["state_type"] for one in runs.values()} == {"COMPLETED"}
    flows = [prefect.get(f"/flows/{one['flow_id']}")["name"] for one in runs.values()]
    assert sorted(flows) == ["pull", "push", "retrain", "round", "round", "score"]
    artifacts: dict[str, list[dict[str, Any]]] = {}
    for one in prefect.post("/artifacts/filter", artifacts={"flow_run_id": {"any_": list(runs)}}):
        artifacts.setdefault(one["key"], []).append(one)
    names = ("score", "push", "pull", "retrain", "round", "annotators", "review")
    assert artifacts.keys() == {f"goldloop-{name}" for name in names}
    for key, found in artifacts.items():
        for one in found:
            is_text = key in ("goldloop-retrain", "goldloop-annotators", "goldloop-review")
            assert one["type"] == ("markdown" if is_text else "table")
            if one["type"] == "table":
                assert json.loads(one["data"])
    texts = [one["data"] for one in artifacts["goldloop-retrain"]]
    decided = [one for one in texts if "accuracy on holdout, 95 %" in one]
    assert len(decided) == 2
    assert all("](data:image/png;base64," in one for one in decided)
