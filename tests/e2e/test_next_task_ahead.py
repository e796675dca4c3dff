"""No waiting: the task that follows and its picture are there before they are asked for."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from goldloop.core.labels import LabelSet
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from goldloop.services import Endpoints
from goldloop.settings.workspace import Workspace
from tests.e2e.desk import Desk, seated
from tests.e2e.person import NOTHING_CHOSEN, Person

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = [pytest.mark.servers, pytest.mark.browser]

LABELS = LabelSet.of(["roof", "sky", "tree"])
N_TASKS = 6
_numbers = count(1)

WATCH = """
    window.seen = [];
    const watch = () => {
        const picture = document.querySelector('.goldloop-ahead');
        if (picture && window.seen.at(-1) !== picture.src) window.seen.push(picture.src);
        requestAnimationFrame(watch);
    };
    watch();
"""


@pytest.fixture
def desk(services: Endpoints, browser: WebDriver, tmp_path: Path) -> Desk:
    """Somebody who has just logged in, in front of an empty project."""
    name = f"ahead-{next(_numbers)}"
    return seated(
        services.label_studio, browser, tmp_path, name=name, labels=LABELS, email="eve@ahead.example"
    )


@pytest.fixture
def ids(desk: Desk, services_workspace: Workspace) -> list[int]:
    """The tasks of the project, in order, each with a picture of its own."""
    folder = services_workspace.images / "ahead"
    folder.mkdir(parents=True, exist_ok=True)
    photograph, tasks = Image.fromarray(load_sample_image("china.jpg")), []
    for number in range(N_TASKS):
        photograph.crop((40 * number, 0, 40 * number + 300, 400)).save(folder / f"{number}.jpg")
        suggestion = Suggestion("roof", 0.58, "3", f"Model suggests: roof 5{number}%")
        sample_id, batch = SampleId(f"{number:064x}"), BatchId("ahead")
        tasks.append(NewTask(sample_id, Purpose.REVIEW, batch, f"ahead/{number}.jpg", suggestion))
    pushed = desk.queue.push(tasks)
    return [pushed[task.key] for task in tasks]


def told(desk: Desk, address: str) -> list[int]:
    """Return how long after its start each request for an address with these words was answered, in ms."""
    script = """
        return performance.getEntriesByType('resource').filter(one => one.name.includes(arguments[0]))
            .map(one => Math.round(one.duration));
    """
    return [int(ms) for ms in desk.browser.execute_script(script, address)]


def is_loaded_ahead(desk: Desk, number: int) -> bool:
    """Return whether the picture of a task is in the browser."""
    return bool(told(desk, f"ahead/{number}.jpg"))


def accept(desk: Desk, number: int) -> None:
    """Accept the suggestion for the task of a number, once the picture that follows is loaded."""
    from selenium.webdriver.common.keys import Keys

    desk.wait_for("the suggestion chosen", lambda: desk.chosen() == ["roof"])
    if number + 1 < N_TASKS:
        desk.wait_for("the next picture", lambda: is_loaded_ahead(desk, number + 1))
    desk.press(Keys.ENTER)


def test_the_next_picture_is_shown_before_its_task_and_each_task_is_answered_once(
    desk: Desk, ids: list[int]
) -> None:
    """Six tasks by Enter: pictures come from the browser, in order, and every answer is on the server."""
    desk.open()
    desk.browser.execute_script(WATCH)
    for number, task_id in enumerate(ids):
        desk.wait_for("the task", lambda expected=task_id: desk.shown_task() == expected)
        hint = f"Model suggests: roof 5{number}%"
        desk.wait_for("its suggestion", lambda expected=hint: desk.shown() == expected)
        accept(desk, number)
    desk.wait_for("all answers", lambda: all(states(desk).values()))

    seen = desk.browser.execute_script("return window.seen")
    assert [address.rpartition("/")[2] for address in seen] == [f"{n}.jpg" for n in range(1, N_TASKS)]
    assert states(desk) == dict.fromkeys(ids, 1)


def states(desk: Desk) -> dict[int, int]:
    """Return the number of answers of each task."""
    pages = desk.queue.changed_since(None)
    return {state.task_id: len(state.annotations) for page in pages for state in page}


def test_keys_while_the_next_picture_comes_are_left_out(desk: Desk, ids: list[int]) -> None:
    """Enter three times in a row answers the first task, and not the second unseen."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    desk.open()
    desk.wait_for("the suggestion chosen", lambda: desk.chosen() == ["roof"])
    desk.wait_for("the next picture", lambda: is_loaded_ahead(desk, 1))
    ActionChains(desk.browser, duration=0).send_keys(Keys.ENTER, Keys.ENTER, Keys.ENTER).perform()
    desk.wait_for("the second task", lambda: desk.shown_task() == ids[1])
    desk.wait_for("the suggestion chosen again", lambda: desk.chosen() == ["roof"])

    assert states(desk) == dict.fromkeys(ids, 0) | {ids[0]: 1}


def test_a_task_that_is_gone_meanwhile_is_not_answered(desk: Desk, ids: list[int]) -> None:
    """The task that was loaded ahead is deleted: the page goes on with the one that the server gives."""
    desk.open()
    desk.wait_for("the next picture", lambda: is_loaded_ahead(desk, 1))
    desk.queue.delete([ids[1]])
    accept(desk, 0)

    desk.wait_for("the third task", lambda: desk.shown_task() == ids[2])
    desk.wait_for("the suggestion chosen", lambda: desk.chosen() == ["roof"])
    accept(desk, 2)
    desk.wait_for("the fourth task", lambda: desk.shown_task() == ids[3])


def test_an_answer_that_the_server_refuses_shows_no_other_picture(desk: Desk, ids: list[int]) -> None:
    """The task on the page is deleted: the picture of the next one goes away again."""
    desk.open()
    desk.browser.execute_script(WATCH)
    desk.wait_for("the next picture", lambda: is_loaded_ahead(desk, 1))
    desk.queue.delete([ids[0]])
    accept(desk, 0)

    desk.wait_for("the picture shown", lambda: desk.browser.execute_script("return window.seen.length"))
    desk.wait_for("it taken away", lambda: not desk.texts(".goldloop-ahead"))
    assert states(desk) == dict.fromkeys(ids[1:], 0)


def test_a_task_loaded_ahead_is_nobody_elses_and_no_history(
    services: Endpoints, desk: Desk, ids: list[int]
) -> None:
    """Two tasks are locked for who looks ahead, however often; the arrow leads to none that was not shown."""
    server = services.label_studio
    first, second = (Person.hired(server, f"{name}@ahead.example") for name in ("ana", "ben"))
    project = desk.queue.projects.main

    assert shown(first, project) == ids[0]
    assert [shown(first, project, ahead_of=ids[0]) for _ in range(3)] == [ids[1]] * 3
    assert shown(first, project, ahead_of=ids[1]) == ids[0]
    assert history(first, project) == [ids[0]]
    assert shown(second, project) == ids[2]
    first.answer(ids[0], "roof")
    assert shown(first, project) == ids[1]
    assert history(first, project) == ids[:2]


def shown(person: Person, project: int, *, ahead_of: int | None = None) -> int:
    """Return the id of the task that the page gets next, or gets ahead of the end of another."""
    asked = {"id": "next_task", "project": str(project)}
    if ahead_of is not None:
        asked["goldloop_ahead_of"] = str(ahead_of)
    with person._client() as client:
        reply = client.post("/api/dm/actions", params=asked, json=NOTHING_CHOSEN)
    return int(reply.raise_for_status().json()["id"])


def history(person: Person, project: int) -> list[int]:
    """Return the tasks that the page goes back to."""
    with person._client() as client:
        reply = client.get(f"/api/projects/{project}/label-stream-history")
    return [int(one["taskId"]) for one in reply.raise_for_status().json()]


def test_a_browser_keeps_a_picture_and_asks_again_who_may_see_it_elsewhere(
    desk: Desk, ids: list[int]
) -> None:
    """The reply is kept by this browser alone, and somebody who is not logged in gets nothing."""
    assert ids
    cookies = {one["name"]: one["value"] for one in desk.browser.get_cookies()}
    address = f"{desk.url}/data/local-files/"
    known = httpx.get(address, params={"d": "images/ahead/0.jpg"}, cookies=cookies, trust_env=False)
    stranger = httpx.get(address, params={"d": "images/ahead/0.jpg"}, trust_env=False)

    assert known.headers["cache-control"] == "private, max-age=3600"
    assert "set-cookie" not in known.headers
    assert stranger.status_code in {401, 403}
    assert "max-age=3600" not in stranger.headers.get("cache-control", "")


def test_who_goes_back_and_forth_comes_to_the_task_that_was_open(desk: Desk, ids: list[int]) -> None:
    """From an answered task the arrow leads to the open one, not past it, on the same page."""
    from selenium.webdriver.common.keys import Keys

    desk.open()
    accept(desk, 0)
    desk.wait_for("the second task", lambda: desk.shown_task() == ids[1])
    desk.wait_for("the next picture", lambda: is_loaded_ahead(desk, 2))
    desk.browser.execute_script("window.isTheSamePage = true")
    desk.press(Keys.ARROW_LEFT)
    desk.wait_for("the first task", lambda: desk.shown_task() == ids[0])

    def is_back() -> bool:
        """Press on while the page is busy and has no button."""
        if desk.shown_task() == ids[1]:
            return True
        desk.press(Keys.ARROW_RIGHT)
        return False

    desk.wait_for("the second task again", is_back)
    accept(desk, 1)
    desk.wait_for("the third task", lambda: desk.shown_task() == ids[2])

    assert states(desk) == dict.fromkeys(ids, 0) | dict.fromkeys(ids[:2], 1)
    assert desk.browser.execute_script("return window.isTheSamePage")


SLOW = """
    const soon = window.fetch;
    window.fetch = async (address, options) => {
        const isLate = String(address).includes('id=next_task') && !String(address).includes('ahead_of');
        if (isLate) await new Promise(resolve => setTimeout(resolve, 1500));
        return soon(address, options);
    };
"""


def test_who_answers_before_the_server_has_told_the_page_stays_on_it(desk: Desk, ids: list[int]) -> None:
    """The server is slow to say which task is next: what it says of an answered task is left alone."""
    from selenium.webdriver.common.keys import Keys

    desk.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SLOW})
    desk.open()
    desk.browser.execute_script("window.isTheSamePage = true")
    accept(desk, 0)
    for task_id in ids[1:4]:
        desk.wait_for("the task", lambda expected=task_id: desk.shown_task() == expected)
        desk.wait_for("the suggestion chosen", lambda: desk.chosen() == ["roof"])
        desk.press(Keys.ENTER)
    desk.wait_for("the fifth task", lambda: desk.shown_task() == ids[4])

    assert states(desk) == dict.fromkeys(ids, 0) | dict.fromkeys(ids[:4], 1)
    assert desk.browser.execute_script("return window.isTheSamePage")
