"""The three queues before somebody's eyes: what each tab shows, gives out, and says when nothing is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from goldloop.core.labels import LabelSet
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from goldloop.services import Endpoints
from goldloop.settings.workspace import Workspace
from labelstudio_config.interface import FULL_HINT
from tests.e2e.desk import Desk, seated

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = [pytest.mark.servers, pytest.mark.browser]

LABELS = LabelSet.of(["roof", "sky", "tree"])
HINT = "Model suggests: roof 58% (sky 30%)"
PUSHED = (
    *(Purpose.AUDIT, Purpose.REVIEW, Purpose.FULL, Purpose.RECHECK),
    *(Purpose.REVIEW, Purpose.AUDIT, Purpose.FULL, Purpose.REVIEW),
)
_numbers = count(1)


@pytest.fixture
def desk(services: Endpoints, browser: WebDriver, tmp_path: Path) -> Desk:
    """Somebody who has just logged in."""
    name = f"queues-{next(_numbers)}"
    return seated(
        services.label_studio, browser, tmp_path, name=name, labels=LABELS, email="eve@queues.example"
    )


@pytest.fixture
def tasks(services_workspace: Workspace) -> list[NewTask]:
    """Tasks of all three queues, mixed, each with a picture of its own."""
    folder = services_workspace.images / "queues"
    folder.mkdir(parents=True, exist_ok=True)
    photograph = Image.fromarray(load_sample_image("china.jpg"))
    for number in range(len(PUSHED)):
        left, top = 40 * number, 10 * number
        photograph.crop((left, top, left + 240, top + 300)).save(folder / f"{number}.jpg")
    return [task(number, purpose) for number, purpose in enumerate(PUSHED)]


def task(number: int, purpose: Purpose) -> NewTask:
    """Return a task, with a suggestion where it is a quick review."""
    suggestion = Suggestion("roof", 0.58, "3", HINT) if purpose is Purpose.REVIEW else None
    path = f"queues/{number}.jpg"
    return NewTask(SampleId(f"{number:064x}"), purpose, BatchId("queues"), path, suggestion)


def open_tab(desk: Desk, title: str) -> None:
    """Open the project and click the tab, as somebody would who knows only the project."""
    from selenium.webdriver.common.by import By

    tabs = desk.queue.tabs()
    desk.browser.get(f"{desk.url}/projects/{desk.queue.projects.main}/data")
    desk.wait_for("the tabs", lambda: "Blind check" in desk.text("body"))
    desk.browser.find_element(By.XPATH, f"//*[normalize-space(text())='{title}']").click()
    desk.wait_for(title, lambda: f"tab={tabs[title]}" in desk.browser.current_url)


def label_all(desk: Desk) -> None:
    """Click the button that everybody clicks."""
    from selenium.webdriver.common.by import By

    desk.browser.find_element(By.XPATH, "//button[.='Label All Tasks']").click()
    desk.picture()


@dataclass(frozen=True)
class Queue:
    """What is seen of one queue."""

    title: str
    purposes: tuple[Purpose, ...]
    hint: str
    chosen: tuple[str, ...] = ()

    @property
    def shot(self) -> str:
        """Beginning of the name of its screenshots."""
        return self.title.lower().replace(" ", "-")


def work_through(desk: Desk, ids: Sequence[int], queue: Queue) -> None:
    """Answer the tasks by keyboard, each with what belongs to its queue on the page, until none is left."""
    from selenium.webdriver.common.keys import Keys

    for task_id in ids:
        desk.wait_for(f"task {task_id}", lambda task_id=task_id: desk.shown_task() == task_id)
        desk.wait_for("what is chosen", lambda: tuple(desk.chosen()) == queue.chosen)
        desk.picture()
        assert desk.shown() == queue.hint
        if task_id == ids[0]:
            desk.shoot(f"{queue.shot}-task")
        if not queue.chosen:
            desk.press("2")
            desk.wait_for("sky chosen", lambda: desk.chosen() == ["sky"])
        desk.press(Keys.ENTER)
    desk.wait_for("the end", lambda: "No More Tasks" in desk.text("body"))
    desk.shoot(f"{queue.shot}-end")


@pytest.mark.parametrize(
    "queue",
    [
        Queue("Quick review", (Purpose.REVIEW,), HINT, ("roof",)),
        Queue("Full review", (Purpose.FULL,), FULL_HINT),
        Queue("Blind check", (Purpose.AUDIT, Purpose.RECHECK), ""),
    ],
    ids=lambda one: one.shot,
)
def test_a_queue_from_its_tab_to_its_end(desk: Desk, tasks: list[NewTask], queue: Queue) -> None:
    """The tab counts what waits, its button gives out just that, and then it says that nothing waits."""
    ids = desk.queue.push(tasks)
    mine = [one for one in tasks if one.purpose in queue.purposes]

    open_tab(desk, queue.title)
    desk.wait_for("the count", lambda: f"Tasks: {len(mine)} / {len(tasks)}" in desk.text("body"))
    desk.shoot(f"{queue.shot}-tab")
    label_all(desk)
    work_through(desk, [ids[one.key] for one in mine], queue)

    open_tab(desk, queue.title)
    desk.wait_for("nothing", lambda: "No tasks found" in desk.text("body"))
    desk.shoot(f"{queue.shot}-empty")
    assert f"Tasks: 0 / {len(tasks)}" in desk.text("body")
    assert "Clear Filters" not in desk.text("body"), "it would change the tab for everybody"
    given = {one.key: [it.label for it in desk.answers(one.key)] for one in tasks}
    said = list(queue.chosen) or ["sky"]
    assert given == {one.key: said if one in mine else [] for one in tasks}
