"""A sheet before somebody's eyes: all pictures at once, clicks mark some, Enter ends it, all have answers."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from goldloop.adapters.label_studio.payload import content_digest, task_payload
from goldloop.core.annotations import AnnotationStatus
from goldloop.core.labels import LabelSet
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from goldloop.services import Endpoints
from goldloop.settings.workspace import Workspace
from scripts.bench.sheet_pages import SHEET_READY, Person, SheetProject

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = [pytest.mark.servers, pytest.mark.browser]

LABELS = LabelSet.of(["roof", "sky", "tree"])
N = 24

LAYOUT = """
    const boxes = [...document.querySelectorAll('.gl-pictures img')].map(one => one.getBoundingClientRect());
    const floor = document.querySelector('.lsf-bottombar');
    const end = floor ? floor.getBoundingClientRect().top : window.innerHeight;
    return boxes.filter(box => box.width > 100 && box.height > 100 && box.bottom <= end + 8).length;
"""


def tasks(folder: Path, first: int) -> list[NewTask]:
    """Return the tasks of a sheet, each with a picture of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    photograph = Image.fromarray(load_sample_image("china.jpg"))
    made = []
    for number in range(first, first + N):
        left, top = 8 * number, 4 * number
        photograph.crop((left, top, left + 240, top + 220)).save(folder / f"{number}.jpg")
        shown = Suggestion("roof", 0.97, "3", "")
        path = f"{folder.name}/{number}.jpg"
        made.append(NewTask(SampleId(f"{number:064x}"), Purpose.REVIEW, BatchId("sheets"), path, shown))
    return made


def test_a_sheet_from_its_page_to_its_answers(
    services: Endpoints, services_workspace: Workspace, browser: WebDriver
) -> None:
    """24 pictures are seen at once; the clicked ones ask for others, all else is answered, by one person."""
    server, folder = services.label_studio, services_workspace.images / "sheets"
    sheets = [tasks(folder, 0), tasks(folder, N)]
    project = SheetProject(server, "sheets before eyes", LABELS, N)
    project.push(sheets)
    browser.set_window_size(1440, 1043)  # of which a headless Chromium shows 900
    person = Person(browser, server, "zoe@sheets.example")
    seen: list[int] = []

    def look(*places: int) -> None:
        seen.append(browser.execute_script(LAYOUT))
        for place in places:
            person.click(place)

    person.work(project.address, SHEET_READY, [partial(look, 3, 24), look])

    assert seen == [N, N]
    states = {state.key: state for state in project.states()}
    answers = {key: list(state.annotations) for key, state in states.items()}
    assert {key: len(given) for key, given in answers.items()} == {
        task.key: 1 for sheet in sheets for task in sheet
    }
    clicked = [key for key, (one,) in answers.items() if one.status is AnnotationStatus.DEFERRED]
    assert clicked == [sheets[0][2].key, sheets[0][23].key]
    assert {one.label for (one,) in answers.values()} == {None, "roof"}
    assert {one.annotator for (one,) in answers.values()} == {person.user_id}
    for sheet in sheets:
        (seconds,) = {answers[task.key][0].lead_time_s or 0.0 for task in sheet}
        assert 0 < seconds * N < 600
        assert all(states[task.key].content == content_digest(task_payload(task)["data"]) for task in sheet)
