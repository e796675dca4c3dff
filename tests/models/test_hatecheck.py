"""HateCheck as behaviour checks: real cases in 29 groups, run on models of real tweets."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from goldloop.adapters.memory import memory_tables
from goldloop.core.labels import LabelSet
from goldloop.core.samples import Decoded, sample_id_of
from goldloop.loop.checks import CheckRun, read_suite, run_checks
from goldloop.loop.ports import LoopPorts
from goldloop.modalities.text.modality import TextModality
from goldloop.settings import Settings
from goldloop.settings.sections import GateSettings
from goldloop.stats.comparison import Comparison
from goldloop.stats.metrics import Estimate
from goldloop.training.gate import objections
from models.text.trainer import WordTrainer
from tests.loop import absent
from tests.texts import real_texts, write_rows

LABELS = LabelSet.of(["neither", "hate speech", "offensive"])
EXPECTED = {"hateful": "hate speech", "non-hateful": "neither"}
N_EACH = 150  # tweets of each label


def train(folder: Path, pairs: list[tuple[str, str]]) -> Path:
    """Train the preset `words` on (text, label) pairs and return its folder."""
    texts = {sample_id_of(text.encode()): text for text, _ in pairs}
    examples = [(sample_id_of(text.encode()), LABELS.column(label)) for text, label in pairs]
    load = {sample_id: Decoded(text) for sample_id, text in texts.items()}.__getitem__
    return WordTrainer().train(examples, (), labels=LABELS, load=load, folder=folder).folder


@pytest.fixture(scope="module")
def cases(real_data: Path) -> list[dict[str, str]]:
    """Return the rows of HateCheck, or skip where they are absent."""
    path = real_data / "checks_hatecheck" / "cases.csv"
    if not path.is_file():
        pytest.skip(f"no behaviour checks in {path}; name their folder in GOLDLOOP_TEST_DATA")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def run(real_data: Path, cases: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> CheckRun:
    """Return what two models make of HateCheck: one of tweets, one of the same that was told of no hate."""
    folder = tmp_path_factory.mktemp("hatecheck")
    tweets = real_texts(real_data, "tweets_davidson/tweets.csv")
    drawn = [tweets[int(row)] for row in np.random.default_rng(0).permutation(len(tweets))]
    taught = [pair for label in LABELS for pair in [one for one in drawn if one[1] == label][:N_EACH]]
    blunt = [(text, "offensive" if label == "hate speech" else label) for text, label in taught]
    models = {"1": train(folder / "1", taught), "2": train(folder / "2", blunt)}
    (folder / "checks").mkdir()
    rows = [(one["id"], one["text"], EXPECTED[one["label"]], one["functionality"]) for one in cases]
    write_rows(folder / "checks" / "hatecheck.csv", rows, ("id", "text", "expected", "group"))
    ports = LoopPorts(
        configured=Settings(name="tweets", kind="text", labels=LABELS.names),
        tables=memory_tables(),
        modality=TextModality(folder / "texts.sqlite"),
        open_queue=absent,
        open_trainer=absent,
        open_registry=absent,
        open_runs=absent,
        owner="test",
        checks_folder=folder / "checks",
    )
    roles = {"challenger": "2", "champion": "1"}
    suite = read_suite(ports, ports.modality)
    return run_checks(ports, suite, roles, lambda name: WordTrainer().scorer(models[name]), learnt=())


def test_every_case_counts_in_its_group(run: CheckRun, cases: list[dict[str, str]]) -> None:
    """No row is left out, and each of the functionalities is a group with all of its cases."""
    n_of = Counter(one["functionality"] for one in cases)

    assert run.problems == ()
    assert [file.n for file in run.report.files] == [len(cases)]
    assert {one.group: one.n for one in run.report.groups_of("hatecheck.csv")} == n_of


def test_the_failed_cases_are_those_that_are_not_as_expected(
    run: CheckRun, cases: list[dict[str, str]]
) -> None:
    """Ids lead back to the texts, which are not kept; the shares count the same cases."""
    (file,) = run.report.files
    known = {one["id"]: one for one in cases}

    assert len(run.failed) == round((1 - file.shares["challenger"].value) * file.n)
    assert all(EXPECTED[known[case.id]["label"]] == case.expected != case.label for case in run.failed)


def test_a_model_that_lost_the_label_falls_in_the_groups_that_expect_it(run: CheckRun) -> None:
    """The gate names groups that the champion could do; where it could hardly, a fall may be chance."""
    gate = GateSettings(max_check_fall=0.10)
    better = Comparison(Estimate(0.10, 0.05, 0.15, 300), {})

    reasons = objections(gate, better, ece=Estimate(0.01, 0.0, 0.02, 300), checks=run.report.groups)

    named = {reason.split("'")[1] for reason in reasons if "group" in reason}
    hateful = [one for one in run.report.groups if one.group and one.group.endswith("_h")]
    assert all(one.shares["challenger"].value == 0 for one in hateful)
    able = {one.group for one in hateful if one.shares["champion"].value > 1 / 3}
    unable = {one.group for one in hateful if one.shares["champion"].value < 0.1}
    assert able
    assert able <= named
    assert unable
    assert not unable & named
