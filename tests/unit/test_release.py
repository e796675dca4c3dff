"""What others take from this repository: sdist and wheel, the site, examples, workflows and the action."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema.validators import validator_for

from goldloop.core.version import VERSION
from goldloop.settings.workspace import Workspace
from goldloop.tables.rounds import read_rounds
from goldloop.wiring import Wiring
from scripts.package import build, missing_from, try_in

ROOT = Path(__file__).resolve().parents[2]
SHAPES = {
    ".github/workflows/*.yml": "vendor.github-workflows",
    ".github/actions/*/action.yml": "vendor.github-actions",
    ".github/ISSUE_TEMPLATE/config.yml": "vendor.github-issue-config",
    ".github/ISSUE_TEMPLATE/[!c]*.yml": "vendor.github-issue-forms",
    "CITATION.cff": "vendor.citation-file-format",
}
SHAPED = [(path, shape) for place, shape in SHAPES.items() for path in sorted(ROOT.glob(place))]


def test_the_wheel_of_the_sdist_works_in_a_clean_environment(tmp_path: Path) -> None:
    """It has every file of the packages, and its commands run where this folder is not seen."""
    _, wheel = build(tmp_path / "dist")

    assert missing_from(wheel) == []
    assert try_in(tmp_path / "clean", wheel, python=sys.executable, is_whole=False) == VERSION


def test_the_version_stands_in_one_place() -> None:
    """Whoever writes it a second time forgets one of them; images of docker-compose.yml carry it as a tag."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project
    assert "version:" not in (ROOT / "CITATION.cff").read_text(encoding="utf-8").replace("cff-version:", "")
    tags = re.findall(r"image: goldloop/\w+:(\S+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert set(tags) == {VERSION}
    assert f"({VERSION})" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_site_builds_without_a_broken_link(tmp_path: Path) -> None:
    """mkdocs finds every page, file and heading that a page names; README and decisions are pages too."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for target in re.findall(r'href="((?!https?:|#|\.")[^"#]+)', page):
        place = tmp_path / target
        assert place.is_file() or (place / "index.html").is_file(), target
    for asked in re.findall(r'(?:src|rel="stylesheet" href)="([^"]+)"', page):
        assert not asked.startswith("http"), f"a reader's browser would ask {asked}"


@pytest.mark.parametrize(("name", "n"), [("texts", 240), ("records", 240), ("pictures", 160)])
def test_an_example_goes_through_a_round(
    name: str, n: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It trains a model that is better than chance, and leaves a workspace that commands open."""
    importlib.import_module(f"examples.{name}").main(tmp_path, n, rounds=1)

    assert "round 0: model 1 promoted" in capsys.readouterr().out
    wiring = Wiring(Workspace.open(tmp_path / "workspace"))
    first, *_ = read_rounds(wiring.tables.rounds)
    accuracy = first.evaluations["challenger"].accuracy
    assert accuracy is not None
    assert accuracy.value > 0.6
    assert wiring.gold.newest().n_records > 30


@pytest.mark.parametrize(("path", "shape"), SHAPED, ids=lambda it: it.name if isinstance(it, Path) else "")
def test_files_for_the_host_have_the_shape_that_it_reads(path: Path, shape: str) -> None:
    """A misspelt key would be ignored in silence, or stop every run."""
    read = yaml.safe_load(path.read_text(encoding="utf-8"))
    content = {("on" if key is True else key): value for key, value in read.items()}  # YAML 1.1 reads `on` so
    schema = get_builtin_schema(shape)

    faults = list(validator_for(schema)(schema).iter_errors(content))

    assert [fault.message for fault in faults] == []


def test_every_kind_of_file_for_the_host_is_looked_at() -> None:
    """A pattern that matches nothing would check nothing."""
    assert {shape for _, shape in SHAPED} == set(SHAPES.values())
    known = {path for path, _ in SHAPED}
    assert set((ROOT / ".github").rglob("*.yml")) <= known


def test_what_workflows_run_is_there() -> None:
    """Scripts and modules that steps name exist, and no job may write more than it needs."""
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        text = path.read_text(encoding="utf-8")
        for script in re.findall(r"run: (\.?[\w./]+/\w+)", text):
            assert os.access(ROOT / script, os.X_OK), script
        for module in re.findall(r"python -m (scripts\.\w+)", text):
            assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module
        assert yaml.safe_load(text)["permissions"] == {"contents": "read"}


def test_the_action_gives_the_verdict_on_a_workspace(tmp_path: Path) -> None:
    """Whether it is sound, what the gate said last, what it cost; without its servers it is broken."""
    Workspace.create(tmp_path / "workspace", kind="text", labels=["fine", "spam"])
    program = ROOT / ".github" / "actions" / "verdict" / "verdict.py"
    told = {name: tmp_path / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    environment = {**os.environ, **{name: str(path) for name, path in told.items()}, "PYTHONPATH": str(ROOT)}
    environment |= {"GOLDLOOP_WORKSPACE": str(tmp_path / "workspace")}

    subprocess.run(
        [sys.executable, program, str(tmp_path / "verdict.md")], env=environment, cwd=tmp_path, check=True
    )

    page = (tmp_path / "verdict.md").read_text(encoding="utf-8")
    assert told["GITHUB_OUTPUT"].read_text(encoding="utf-8") == "verdict=broken\n"
    assert told["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8") == page
    assert "- workspace: **not sound**" in page
    assert "- gate: no round has been closed yet" in page
    assert "run `goldloop up`" in page
    assert "saved against labelling" in page


@pytest.mark.parametrize(
    ("outcome", "reasons", "line", "is_refused"),
    [
        ("promoted", ["it is better"], "round 2: model 3 promoted: it is better", False),
        ("refused", ["a", "b"], "round 2: model 3 refused: a; b", True),
    ],
)
def test_the_action_tells_the_gates_decision(
    outcome: str, reasons: list[str], line: str, is_refused: bool
) -> None:
    """In the gate's own words."""
    place = ROOT / ".github" / "actions" / "verdict" / "verdict.py"
    spec = importlib.util.spec_from_file_location("verdict", place)
    assert spec is not None
    assert spec.loader is not None
    verdict = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(verdict)
    last = {"round": 2, "model_version": "3", "outcome": outcome, "decision": {"reasons": reasons}}

    assert verdict.gate_line(json.loads(json.dumps(last))) == (line, is_refused)
