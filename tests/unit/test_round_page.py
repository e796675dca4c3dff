"""The page of a round, made from a workspace's tables without any server."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from goldloop.reports.page import Page, render_page
from goldloop.reports.round_page import round_page, write_page
from goldloop.settings.workspace import Workspace
from goldloop.tables.rounds import read_rounds, save_round
from goldloop.training.checks import CheckCase, CheckReport, tally
from goldloop.training.promotion import Decision, RoundRecord
from goldloop.wiring import Wiring
from tests.policy_stage import BAND, NOW, N, made_stage, sample
from tests.unit.report_pages import Reader, judged

LINKS = {
    "Label Studio": "http://127.0.0.1:8080",
    "Prefect": "http://127.0.0.1:4200",
    "MLflow": "http://127.0.0.1:5000",
    "review queue": "http://127.0.0.1:8080/projects/1",
}


CHECKED = [
    CheckCase("tone.csv", f"{number}", ("whispering", "<b>shouting</b>")[number % 2], "ham", sample(number))
    for number in range(40)
]
CHECKS = CheckReport("d", tally(CHECKED, {"challenger": np.arange(40) % 2 == 0}), {"tone.csv": 3})


def staged_page(folder: Path) -> Page:
    """Return the page of a workspace with two rounds, a champion, 40 audits and one stored picture."""
    stage = made_stage(folder)
    stage.settle(BAND)
    evaluation, _, _ = judged(("ham", "spam"))
    champion = {"challenger": replace(evaluation, model_version="1")}
    decision = Decision(True, "first model", ("there is no champion yet",), "1", None, None)
    lanes = {"auto": 60, "review": 30, "full": 20, "hold": 10}
    save_round(
        stage.tables.rounds,
        RoundRecord(1, NOW, 1, "d", 40, 80, "1", "promoted", decision, champion, None, lanes, checks=CHECKS),
    )
    mistaken = sample(30)
    picture = stage.workspace.images / mistaken[:2] / f"{mistaken}.png"
    picture.parent.mkdir(parents=True)
    Image.new("RGB", (32, 32), "red").save(picture)
    return round_page(Wiring(stage.workspace).ports, read_rounds(stage.tables.rounds), links=LINKS)


def test_the_page_of_a_round_is_made_from_the_tables(tmp_path: Path) -> None:
    """Everything that is known becomes a section, in order; what nothing is known of becomes none."""
    page = staged_page(tmp_path)
    html = render_page(page)
    text = Reader(html).text

    shown = [section.title for section in page.sections if not section.is_empty]
    assert shown == [
        "Rounds",
        "Behaviour checks",
        "Where samples go, and how well",
        "Map of the samples",
        "Mistakes on the holdout",
        "Accepted by the machine, least sure first",
        "What annotators disagree about",
        "Gold labels in doubt",
        "What annotators were asked last, and why",
        "What annotators labelled",
        "Every file counted once",
    ]
    assert page.title == "texts: round 1"
    assert "review queue" in page.links
    assert "Policy in force: band[0.4,0.7] for model 1: annotators check the model where it is 40 %" in text
    assert "auto 50 %, review 25 %, full 17 %, hold 8 %" in text
    assert f"{N // 3} gold samples" in text
    assert "Wrong: model 1 (now champion) on 2 of 40 samples." in text
    assert "data:image/png" in html
    assert text.index("<b>shouting</b>") < text.index("whispering")
    assert "tone.csv: 3 rows left out; `goldloop checks` names each" in text
    samples = next(section for section in page.sections if section.map)
    assert len(samples.map) == N
    assert {point.sample_id for point in samples.map if point.is_mistake} == {sample(30), sample(90)}
    assert sum(point.gold is not None for point in samples.map) == N // 3


def test_the_page_of_a_fresh_workspace_says_what_to_do(tmp_path: Path) -> None:
    """Before the first round there are no figures, and no error."""
    workspace = Workspace.create(tmp_path / "pets", labels=["cat", "dog"])

    path = write_page(Wiring(workspace).ports, workspace.reports, links=LINKS)

    text = Reader(path.read_text(encoding="utf-8")).text
    assert path == workspace.reports / "round-000.html"
    assert "No round has been closed yet." in text
    assert "No model yet: too little gold to train and judge one." in text
    assert "Round 0 waits for samples: run `goldloop score` with your samples." in text
    assert "= 0 files" in text
    assert "There is nothing to map yet" in text
    assert [entry.name for entry in workspace.reports.iterdir()] == [path.name]


def test_the_status_names_warnings_or_none(tmp_path: Path) -> None:
    """Whoever asks for the status reads what to be warned of, also that there is nothing."""
    stage = made_stage(tmp_path)

    calm = stage.run("status").stdout
    stage.settle(BAND)
    warned = stage.run("status").stdout

    assert re.search(r"warnings +none", calm)
    assert re.search(r"warnings +beware", warned)
