"""Every command works on every kind of samples, on real servers."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from goldloop.cli.main import app
from goldloop.core.samples import SampleId
from goldloop.formats.export import OF_PICTURES, Format
from labelstudio_config.interface import KINDS
from scripts.bench.faults.people import LABELS
from tests.e2e.coloured_samples import WORDS, samples
from tests.e2e.commands import Ended, Loop, finish, until
from tests.e2e.people import answer_all
from tests.e2e.prefect_api import PrefectApi
from tests.texts import write_rows

pytestmark = pytest.mark.servers

N = 240
SETTINGS: dict[str, dict[str, Any]] = {
    "image": {"kind": "image", "model": {"preset": "tiny", "epochs": 10}},
    "text": {"kind": "text", "model": {}},
    "records": {
        "kind": "records",
        "model": {},
        "records": {"fields": {"amount": "number", "shop": "category", "buyer": "name"}, "entity": "buyer"},
    },
}
ASIDE = {"image": "not an image", "text": "missing id", "records": "missing id"}
WITHOUT_A_MODEL = {
    *("gold export", "backup", "restore", "annotator add", "seed", "selection compare"),
    *("appeal add", "appeal list", "outcomes", "import"),
}
"""Commands that a test of their own tries, in a workspace that has gold and no model."""


def names_of(command: Any, before: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the full name of each command there is."""
    if not hasattr(command, "commands"):
        yield " ".join(before)
        return
    for name, one in command.commands.items():
        yield from names_of(one, (*before, name))


class Tried:
    """Runs commands in one workspace and remembers which have run."""

    def __init__(self, loop: Loop) -> None:
        self.loop, self.names = loop, set[str]()

    def does(self, name: str, *arguments: str, code: int = 0, fed: str | None = None) -> Ended:
        """Run a command for people; it says something, and never a Python error."""
        self.names.add(name)
        ended = self.loop.run(*name.split(), *arguments, code=code, fed=fed)
        assert (ended.out + ended.err).strip()
        assert "Traceback" not in ended.err
        return ended

    def tells(self, name: str, *arguments: str) -> Any:
        """Run a command for scripts and return what it tells them."""
        self.names.add(name)
        return self.loop.json(*name.split(), *arguments)


def begun(make_loop: Callable[..., Loop], name: str, kind: str) -> Tried:
    """Return a new workspace of this kind in which commands are tried."""
    options = {"selection": {"budget_per_round": 90, "audit_rate": 0.3}, "gate": {"min_holdout": 5}}
    return Tried(make_loop(f"{name}-{kind}", labels=list(LABELS), **options, **SETTINGS[kind]))


def answer(tried: Tried, kind: str, truth: dict[SampleId, str]) -> None:
    """Answer every open task truly."""
    loop = tried.loop
    answer_all(loop.servers.label_studio, loop.parts.queue(), truth.__getitem__, kind=kind)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_command_works_on_this_kind(
    make_loop: Callable[..., Loop], prefect: PrefectApi, tmp_path: Path, kind: str
) -> None:
    """From `init` to `down`: each ends well, speaks to people and to scripts, and none is left out."""
    truth = samples(kind, tmp_path / "samples", N)
    tried = begun(make_loop, "every", kind)
    loop = tried.loop

    tried.does("init", str(tmp_path / "new"), "--kind", kind, "--labels", ",".join(LABELS))
    assert "next: `goldloop score` with a" in tried.does("up").err
    tried.tells("up")
    assert tried.tells("score", str(tmp_path / "samples"))[0]["n_files"] == N + 1
    assert "annotators answer at http://" in tried.does("push").err
    answer(tried, kind, truth)
    assert tried.tells("pull")["n_gold_changes"] == 90
    assert tried.tells("retrain")["outcome"] == "promoted"
    for name in ("round", "status"):
        assert "/runs?workflowType=machine_learning" in tried.does(name).out
    answer(tried, kind, truth)
    n_checks = write_checks(loop.root / "checks") if kind == "text" else 0
    tried.does("page")
    record = tried.tells("round")["record"]
    assert record["model_version"] == "2"
    assert "model 2" in (loop.root / "reports" / "workspace.html").read_text(encoding="utf-8")
    assert (record["checks"] is not None) is bool(n_checks)
    look_at_checks(tried, n_checks, tmp_path)
    look_at_reports(tried, kind, truth)
    decide_live(tried, kind)
    predict_files(tried, tmp_path)
    tried.does("rollback", "--to", "1")
    tried.names.add("serve")
    serving = loop.start("serve")
    try:
        until(lambda: are_served(prefect, loop.handle), serving)
    finally:
        serving.send_signal(signal.SIGINT)
        assert finish(serving).code == 0
    tried.does("down")

    assert tried.names == set(names_of(typer.main.get_command(app))) - WITHOUT_A_MODEL


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_command_that_needs_no_model_works_on_this_kind(
    make_loop: Callable[..., Loop], tmp_path: Path, kind: str
) -> None:
    """Exports, backups, appeals and logins work as soon as there is gold."""
    truth = samples(kind, tmp_path / "samples", N)
    tried = begun(make_loop, "early", kind)
    tried.tells("score", str(tmp_path / "samples"))
    tried.does("push")
    answer(tried, kind, truth)
    tried.does("pull")

    object_to_labels(tried)
    learn_what_became_of(tried, truth, tmp_path)
    take_labels_in(tried, truth, tmp_path)
    leave(tried, kind, tmp_path)

    assert tried.names > WITHOUT_A_MODEL


def are_served(prefect: PrefectApi, name: str) -> bool:
    """Return whether all five deployments are there, and a runner has asked for their runs."""
    found = prefect.deployments(name)
    return len(found) == 5 and all(one["status"] == "READY" for one in found.values())


def write_checks(folder: Path) -> int:
    """Write behaviour checks, and a row that expects what is no label; return how many are good."""
    rows = [
        (f"{label}-{n}", f"{word} {n}", label, label)
        for label, words in WORDS.items()
        for n, word in enumerate(words.split() * 4)
    ]
    folder.mkdir()
    write_rows(
        folder / "words.csv", [*rows, ("wrong", "a word", "purple", "")], ("id", "text", "expected", "group")
    )
    return len(rows)


def look_at_checks(tried: Tried, n_checks: int, folder: Path) -> None:
    """Run the behaviour checks; without files it is said where they belong."""
    if not n_checks:
        assert "There are no behaviour checks" in tried.does("checks").err
        return
    shown = tried.does("checks")
    assert "behaviour checks of model 2: 1 file, 36 cases" in shown.out
    assert "words.csv, id wrong: expects 'purple', which is no label" in shown.err
    run = tried.tells("checks")
    assert [group["group"] for group in run["report"]["groups"]] == [None, *sorted(WORDS)]
    assert tried.tells("checks", "--failures") == run["failed"]
    tried.does("checks", "--to", str(folder / "failed.csv"))
    assert len((folder / "failed.csv").read_text().splitlines()) == 1 + len(run["failed"])
    assert "Behaviour checks" in (tried.loop.root / "reports" / "round-001.html").read_text()
    assert "words.csv: challenger as expected in " in tried.does("status").out


def decide_live(tried: Tried, kind: str) -> None:
    """Decide a row that arrives alone; pictures are files, and the error says so."""
    live = {"text": {"id": "live", "text": "a word"}, "records": {"id": "live", "amount": 3.5, "shop": "x"}}
    if kind not in live:
        assert "goldloop decide takes texts and records" in tried.does("decide", code=1, fed="").err
        return
    row = json.dumps(live[kind])
    first, again, bad = map(
        json.loads, tried.does("decide", code=1, fed=f"{row}\n{row}\n[]\n").out.splitlines()
    )
    assert first["action"] in {"approve", "decline", "quick review", "full review", "hold"}
    assert again == first | {"is_known": True}
    assert bad["problem"] == "line 3 is no record: it is a JSON list, not an object"
    assert tried.tells("status")["files"]["is_conserved"]


def predict_files(tried: Tried, folder: Path) -> None:
    """Let the champion label the files again, as a table and as lines, one of which cannot be read."""
    before = tried.tells("status")["files"]
    shown = tried.does("predict", str(folder / "samples"))
    rows = list(csv.DictReader(io.StringIO(shown.out)))
    assert len(rows) == N + 1
    assert shown.err.splitlines()[-1].startswith(f"1 of {N + 1} could not be read")
    written = folder / "predicted.jsonl"
    wrote = tried.does("predict", str(folder / "samples"), "--to", str(written)).err
    assert f"wrote {N + 1} predictions to {written}" in wrote
    told = list(map(json.loads, written.read_text(encoding="utf-8").splitlines()))
    assert [one["label"] or "" for one in told] == [row["label"] for row in rows]
    good = [one for one in told if one["problem"] is None]
    assert {tuple(one["probabilities"]) for one in good} == {tuple(LABELS)}
    assert all(abs(sum(one["probabilities"].values()) - 1) < 1e-6 for one in good)
    assert "exists already" in tried.does("predict", str(written), "--to", str(written), code=1).err
    assert tried.tells("status")["files"] == before


def look_at_reports(tried: Tried, kind: str, truth: dict[SampleId, str]) -> None:
    """Run the commands that only tell."""
    shown = [
        ("annotators",), ("agreement",), ("report",), ("report", "--quarter"), ("replay", "--kind", "cost"),
        ("label-errors",),
        ("page",), ("decisions", "--since", "2026-01-01"), ("review", "--since", "2026-01-01"),
        ("gold log",), ("gold diff", "1", "2"), ("policy show",), ("policy tune",), ("labels",),
        ("policy explain", next(iter(truth))), ("notifications",),
    ]  # fmt: skip
    for name, *arguments in shown:
        tried.does(name, *arguments)
    assert "would be compacted: " in tried.does("compact", "--dry-run").out
    assert {one["table"] for one in tried.tells("compact")} >= {"gold", "annotations"}
    assert tried.tells("check") == []
    (aside,) = tried.tells("quarantine")
    assert aside["reason"] == ASIDE[kind]
    status = tried.tells("status")
    assert status["files"]["is_conserved"]
    assert status["champion"]
    tried.does("status")
    assert {one["decision"] for one in tried.tells("decisions")} == set(LABELS)
    assert (tried.loop.root / "reports" / "decisions-001.csv").exists()
    assert {row["label"] for row in tried.tells("gold show", "--limit", "200")["records"]} == set(LABELS)


def object_to_labels(tried: Tried) -> None:
    """Leave a sample out of training and put it back, and appeal against a label."""
    records = tried.tells("gold show", "--limit", "200")["records"]
    sample = next(row["sample_id"] for row in records if row["split"] == "train")
    assert "learns without it" in tried.does("review", "--leave-out", sample, "--reason", "quoted").err
    assert "learns from it again" in tried.does("review", "--put-back", sample).err
    tried.does("appeal add", sample, "--reason", "it was a joke")
    (appeal,) = tried.tells("appeal list")
    assert (appeal["state"], appeal["n_answers"]) == ("waiting for moderators", 0)


def learn_what_became_of(tried: Tried, truth: dict[SampleId, str], folder: Path) -> None:
    """Give outcomes: one says other than people, one is of a sample nobody was asked about, one of none."""
    records = tried.tells("gold show", "--limit", "200")["records"]
    asked = {row["sample_id"] for row in records}
    unasked = next(sample for sample in truth if sample not in asked)
    other = next(label for label in LABELS if label != records[0]["label"])
    rows = [
        (records[0]["sample_id"], "manual", other),
        (unasked, "chargeback", truth[unasked]),
        ("of tomorrow", "refund", "red"),
        ("", "refund", "red"),
    ]
    write_rows(folder / "outcomes.csv", rows, ("id", "kind", "label"))
    told = tried.tells("outcomes", str(folder / "outcomes.csv"))
    assert (told["n_added"], told["n_waiting"], len(told["refused"])) == (3, 1, 1)
    assert [one["by"] for one in told["contradictions"]] == ["people"]
    assert "known before" in tried.does("outcomes", str(folder / "outcomes.csv")).out
    gold = {row["sample_id"]: row for row in tried.tells("gold show", "--limit", "200")["records"]}
    assert gold[records[0]["sample_id"]]["label"] == other
    assert gold[unasked]["method"] == "outcome/1"
    assert "1 wait for their sample" in tried.does("status").out
    assert tried.tells("check") == []


def take_labels_in(tried: Tried, truth: dict[SampleId, str], folder: Path) -> None:
    """Import labels of samples that have arrived, twice; a row without a label is refused."""
    asked = {row["sample_id"] for row in tried.tells("gold show", "--limit", "200")["records"]}
    unasked = [sample for sample in truth if sample not in asked][:3]
    rows = [(sample, truth[sample]) for sample in unasked]
    write_rows(folder / "labels.csv", [*rows, (unasked[0], "")], ("sample_id", "label"))
    told = tried.tells("import", str(folder / "labels.csv"), "--format", "csv")
    assert (told["n_added"], told["n_arrived"], len(told["refused"])) == (3, 0, 1)
    assert "known before" in tried.does("import", str(folder / "labels.csv"), "--format", "csv").out
    gold = {row["sample_id"]: row for row in tried.tells("gold show", "--limit", "200")["records"]}
    assert {gold[sample]["method"] for sample in unasked} == {"import/1"}
    assert "labels.csv" in tried.does("import", "--list").out
    assert tried.tells("check") == []


def leave(tried: Tried, kind: str, folder: Path) -> None:
    """Run the commands that write elsewhere, and those that a preset without a backbone refuses."""
    for form in Format:
        if form in OF_PICTURES and kind != "image":
            continue
        tried.does("gold export", "--to", str(folder / form), "--format", form)
        assert (folder / form).exists()
    tried.does("backup", str(folder / "all.backup"))
    tried.does("restore", str(folder / "all.backup"), str(folder / "restored"))
    shown = tried.does("annotator add", f"ada@{kind}.example").out
    assert re.search(r"^works at +http://\S+labeling=1", shown, re.MULTILINE)
    for refused in (("seed", str(folder / "samples"), "--label", "red"), ("selection compare",)):
        assert "resets" in tried.does(*refused, code=1).err
