"""Sheets from the push to gold: a real server, a real browser, and what reports say of who looked."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldloop.adapters.label_studio.client import LabelStudioClient
from goldloop.adapters.label_studio.project import serve_folder
from goldloop.core.planned_tasks import TaskStatus
from goldloop.core.tasks import Purpose
from goldloop.settings.workspace import Workspace
from scripts.bench.faults.people import LABELS, pictures
from scripts.bench.sheet_pages import SHEET_READY
from scripts.bench.sheet_pages import Person as Reader
from tests.e2e.commands import Loop
from tests.e2e.person import Person, Task

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = [pytest.mark.servers, pytest.mark.browser]

N_FIRST, N_MORE = 60, 60
LOOK_S = 2.0  # for twelve pictures; goldloop takes nobody's word who has not looked


@pytest.fixture
def loop(make_loop: Callable[..., Loop]) -> Loop:
    """Return a workspace of pictures in three colours, whose reviews go on sheets where they are sure."""
    return make_loop(
        "sheets-to-gold",
        labels=[*LABELS],
        model={"preset": "efficientnet_lite0"},
        policy={"band": (0.0, 1.0)},
        selection={"budget_per_round": 2 * N_FIRST, "audit_rate": 0.1, "overlap": 2},
        consensus={"method": "posterior", "max_answers": 3, "audit_answers": 2, "repeat_share": 0.3},
        sheets={"enabled": True, "pictures": 12, "planted_rate": 0.15, "second_looks": 0.0},
        gate={"min_holdout": 1},
    )


def live(loop: Loop, *purposes: Purpose) -> list[TaskStatus]:
    """Return the live tasks of these purposes."""
    tasks = loop.parts.read_state().snapshot.live.values()
    return [task for task in tasks if task.purpose in purposes]


def test_sheets_from_the_push_to_gold(
    loop: Loop, services_workspace: Workspace, browser: WebDriver, tmp_path: Path
) -> None:
    """Sure suggestions share pages; one look makes the unclicked gold, and the clicked are asked again."""
    server = loop.servers.label_studio
    truth = pictures(tmp_path / "first", N_FIRST, seed=0)
    loop.score_without_model(tmp_path / "first")
    loop.run("push")
    project = loop.queue().projects
    said = {str(sample_id): label for sample_id, label in truth.items()}

    def by_truth(task: Task) -> str:
        return said[task["data"]["key"].partition(":")[0]]

    for name in ("ann", "bob"):
        Person.hired(server, f"{name}@sheets-to-gold.example").work(project.main, by_truth)
    loop.run("pull")
    assert loop.json("retrain")["outcome"] == "promoted"

    more = pictures(tmp_path / "more", N_MORE, seed=1)
    said |= {str(sample_id): label for sample_id, label in more.items()}
    loop.json("score", str(tmp_path / "more"))
    pushed = loop.json("push")
    assert pushed["purposes"]["sheet"] >= 24
    assert pushed["purposes"]["planted"] >= 1
    # the server of the test run serves the folder of another workspace
    shutil.copytree(loop.parts.workspace.images, services_workspace.images, dirs_exist_ok=True)
    served = Path(str(server.files_root)) / "images"
    serve_folder(LabelStudioClient(server.url, server.token), project.main, str(served))
    before = {one.sample_id: one.label for one in loop.parts.gold.records()}
    shown = {task.sample_id: task.plan for task in live(loop, Purpose.SHEET, Purpose.PLANTED)}
    n_sheets = len({plan.sheet for plan in shown.values()})

    # One person looks over all sheets, and clicks what is wrong on each
    browser.set_window_size(1440, 1043)
    zoe = Reader(browser, server, "zoe@sheets-to-gold.example")
    clicked: set[str] = set()

    def look() -> None:
        links = [
            str(one.get_attribute("src")) for one in browser.find_elements("css selector", ".gl-pictures img")
        ]
        on_page = [next(one for one in shown if one in link) for link in links]
        for place, sample_id in enumerate(on_page, 1):
            if said[sample_id] != shown[sample_id].suggested_label:
                zoe.click(place)
                clicked.add(sample_id)
        browser.save_screenshot(str(tmp_path / "sheet.png"))
        time.sleep(LOOK_S)

    address = loop.parts.queue().project_urls()["sheets"]
    zoe.work(address, SHEET_READY, [partial(look)] * n_sheets)
    report = loop.json("pull")

    assert report["n_new"] == len(shown)
    planted = {task.sample_id for task in live(loop, Purpose.PLANTED)}
    assert planted
    assert planted <= clicked
    gold = {one.sample_id: one for one in loop.parts.gold.records()}
    confirmed = shown.keys() - clicked
    assert {gold[one].label == said[one] for one in confirmed} == {True}
    assert {gold[one].purpose for one in confirmed} == {Purpose.SHEET}
    assert {sample_id: gold[sample_id].label for sample_id in before} == before
    again = {task.sample_id for task in live(loop, Purpose.RECHECK)}
    assert clicked - planted <= again
    assert loop.json("pull")["n_new"] == 0

    # What reports say
    text = loop.run("annotators").out
    n_shown = len(shown) - len(planted)
    assert re.search(rf"(?m)^annotator {zoe.user_id} +{n_shown} +0\.0 %", text), text
    loop.run("page")
    page = (loop.root / "reports" / "workspace.html").read_text(encoding="utf-8")
    assert f"looked over {n_shown} samples on sheets" in page
    assert f"{n_shown} sheet" in loop.run("status").out
