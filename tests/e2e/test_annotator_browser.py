"""An annotator at work: a real browser on a real Label Studio, one task answered by keyboard alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image

from goldloop.adapters.label_studio import (
    LabelStudioQueue,
    add_annotator,
    ensure_projects,
    local_image_urls,
)
from goldloop.adapters.services import Endpoints
from goldloop.annotations import Annotation
from goldloop.labels import LabelSet
from goldloop.samples import BatchId, SampleId
from goldloop.tasks import NewTask, Purpose, Suggestion
from goldloop.workspace import Workspace

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver
    from selenium.webdriver.remote.webelement import WebElement

pytestmark = [pytest.mark.servers, pytest.mark.browser]

EMAIL, PASSWORD = "eve@browser.example", "eve-password"
LABELS = LabelSet.of(["cat", "dog", "temple", "<b>R&D</b>"])
WAIT_S = 60
_numbers = count(1)


@dataclass(frozen=True)
class Desk:
    """A browser in front of one project, logged in as an annotator."""

    browser: WebDriver
    queue: LabelStudioQueue
    user_id: str
    url: str
    screenshots: Path

    def open(self) -> None:
        """Open the labelling page and wait for the first picture."""
        self.browser.get(f"{self.url}/projects/{self.queue.project_id}/data?labeling=1")
        self.picture()

    def one(self, css: str) -> WebElement:
        """Return the element at `css` once it is there."""
        from selenium.webdriver.common.by import By
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.browser, WAIT_S).until(lambda it: it.find_element(By.CSS_SELECTOR, css))

    def picture(self) -> dict[str, Any]:
        """Return natural and shown size of the picture once it is loaded."""
        from selenium.webdriver.support.ui import WebDriverWait

        script = """
            const image = document.querySelector('.gl-picture .lsf-image img');
            if (!image || !image.naturalWidth) return null;
            const shown = document.querySelector('.gl-picture .lsf-image').getBoundingClientRect();
            return {width: image.naturalWidth, height: image.naturalHeight, shown_width: shown.width,
                    shown_height: shown.height, bottom: shown.bottom, window: window.innerHeight};
        """
        found = WebDriverWait(self.browser, WAIT_S).until(lambda it: it.execute_script(script))
        assert isinstance(found, dict)
        return found

    def chosen(self) -> list[str]:
        """Return the labels that are chosen on the page."""
        from selenium.webdriver.common.by import By

        boxes = self.browser.find_elements(By.CSS_SELECTOR, ".gl-answer input[type=radio]")
        return [str(box.get_attribute("name")) for box in boxes if box.is_selected()]

    def hint(self) -> str:
        """Return the suggestion as the annotator reads it."""
        from selenium.webdriver.common.by import By

        lines = self.browser.find_elements(By.CSS_SELECTOR, ".gl-hint .lsf-richtext__line")
        return "".join(line.text for line in lines if line.is_displayed())

    def press(self, key: str) -> None:
        """Press one key, wherever the focus happens to be."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.browser).send_keys(key).perform()

    def wait_for(self, what: str, is_so: Any) -> None:
        """Wait until `is_so()` holds."""
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.browser, WAIT_S).until(lambda _: is_so(), f"never saw: {what}")

    def shown_task(self) -> int:
        """Return the id of the task on the page."""
        return int(self.one(".lsf-current-task__task-id").text.split()[0].lstrip("#"))

    def shoot(self, name: str) -> None:
        """Save a screenshot for people to look at."""
        self.browser.save_screenshot(str(self.screenshots / f"{name}.png"))

    def answers(self, key: str) -> list[Annotation]:
        """Return what the server holds for one task."""
        states = {state.key: state for page in self.queue.changed_since(None) for state in page}
        return list(states[key].annotations)


@pytest.fixture
def pictures(services_workspace: Workspace) -> dict[str, str]:
    """Paths, relative to the content store, of a tiny picture and of a photograph."""
    folder = services_workspace.images / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    digit = Image.fromarray((load_digits().images[4] * 15).astype("uint8")).resize((32, 32))
    digit.save(folder / "tiny.png")
    Image.fromarray(load_sample_image("china.jpg")).crop((120, 0, 441, 427)).save(folder / "photo.jpg")
    return {"tiny": "browser/tiny.png", "photo": "browser/photo.jpg"}


@pytest.fixture
def desk(services: Endpoints, services_workspace: Workspace, browser: WebDriver, tmp_path: Path) -> Desk:
    """An annotator who has just logged in, in front of an empty project."""
    from selenium.webdriver.common.keys import Keys

    server = services.label_studio
    assert server.files_root is not None
    projects = ensure_projects(
        server.url,
        server.token,
        name=f"browser-{next(_numbers)}",
        labels=LABELS,
        images_root=Path(server.files_root) / "images",
    )
    queue = LabelStudioQueue(server.url, server.token, projects, LABELS, image_url=local_image_urls())
    person = add_annotator(server.url, server.token, email=EMAIL, password=PASSWORD, first_name="Eve")
    screenshots = Path(os.environ.get("GOLDLOOP_SCREENSHOTS") or tmp_path)
    screenshots.mkdir(parents=True, exist_ok=True)
    browser.set_window_size(1440, 900)
    desk = Desk(browser, queue, person.user_id, server.url, screenshots)
    browser.get(f"{server.url}/user/login/")
    desk.one("[name=email]").send_keys(EMAIL)
    desk.one("[name=password]").send_keys(PASSWORD + Keys.ENTER)
    desk.wait_for("the login to succeed", lambda: "/login" not in browser.current_url)
    return desk


def task(number: int, path: str, *, is_blind: bool = False) -> NewTask:
    """Return a task about the picture at `path`; suggested is a label that needs escaping."""
    sample_id, batch = SampleId(f"{number:064x}"), BatchId("browser")
    if is_blind:
        return NewTask(sample_id, Purpose.AUDIT, batch, path)
    suggestion = Suggestion("<b>R&D</b>", 0.58, "3", "Model suggests: <b>R&D</b> 58% (dog 30%)")
    return NewTask(sample_id, Purpose.REVIEW, batch, path, suggestion)


def test_one_key_accepts_and_two_correct(desk: Desk, pictures: dict[str, str]) -> None:
    """Enter accepts the suggestion; a key and Enter correct it; both arrive as this person's answers."""
    from selenium.webdriver.common.keys import Keys

    first, second = task(1, pictures["photo"]), task(2, pictures["photo"])
    ids = desk.queue.push([first, second])
    desk.open()

    assert desk.hint() == "Model suggests: <b>R&D</b> 58% (dog 30%)"
    desk.wait_for("the suggestion chosen", lambda: desk.chosen() == ["<b>R&D</b>"])
    desk.shoot("suggestion")
    desk.press(Keys.ENTER)
    desk.wait_for("the second task", lambda: desk.shown_task() == ids[second.key])
    desk.wait_for("the suggestion chosen again", lambda: desk.chosen() == ["<b>R&D</b>"])
    desk.press("2")
    desk.wait_for("the correction chosen", lambda: desk.chosen() == ["dog"])
    desk.shoot("correction")
    desk.press(Keys.ENTER)
    desk.wait_for("the answer on the server", lambda: desk.answers(second.key))

    (accepted,), (corrected,) = desk.answers(first.key), desk.answers(second.key)
    assert (accepted.label, accepted.annotator, accepted.is_skip) == ("<b>R&D</b>", desk.user_id, False)
    assert (corrected.label, corrected.annotator, corrected.shown_label) == (
        "dog",
        desk.user_id,
        "<b>R&D</b>",
    )
    assert corrected.lead_time_s is not None
    assert corrected.lead_time_s > 0


def test_a_blind_task_shows_no_suggestion_and_can_be_skipped(desk: Desk, pictures: dict[str, str]) -> None:
    """Nothing is chosen and nothing suggested, Enter alone submits nothing, S skips."""
    from selenium.webdriver.common.keys import Keys

    blind, after = task(1, pictures["photo"], is_blind=True), task(2, pictures["photo"])
    ids = desk.queue.push([blind, after])
    desk.open()

    assert desk.hint() == ""
    assert desk.chosen() == []
    desk.shoot("blind")
    desk.press(Keys.ENTER)
    desk.one(".ant-modal-confirm-body, .lsf-modal-ls__body")  # "Choose a label first, or press S to skip."
    assert desk.answers(blind.key) == []
    desk.press(Keys.ESCAPE)
    desk.browser.refresh()
    desk.picture()
    desk.press("s")
    desk.wait_for("the next task", lambda: desk.shown_task() == ids[after.key])

    (skip,) = desk.answers(blind.key)
    assert (skip.is_skip, skip.label, skip.annotator) == (True, None, desk.user_id)
    assert (skip.shown_label, skip.shown_score) == (None, None)


@pytest.mark.parametrize("name", ["tiny", "photo"])
def test_the_picture_is_large_and_fits_the_window(desk: Desk, pictures: dict[str, str], name: str) -> None:
    """A tiny picture is enlarged, a photograph is at least its own size, and neither needs scrolling."""
    desk.queue.push([task(1, pictures[name])])
    desk.open()

    seen = desk.picture()
    desk.shoot(f"picture-{name}")

    assert seen["shown_height"] >= max(400, seen["height"])
    assert seen["shown_width"] / seen["shown_height"] == pytest.approx(
        seen["width"] / seen["height"], rel=0.02
    )
    assert seen["bottom"] <= seen["window"]


def test_pictures_outside_the_content_store_are_not_served(
    desk: Desk, services_workspace: Workspace, pictures: dict[str, str]
) -> None:
    """Someone who is logged in sees the store's pictures and no other file, someone who is not sees none."""
    import httpx

    cookies = {one["name"]: one["value"] for one in desk.browser.get_cookies()}
    (services_workspace.root / "private.txt").write_text("secret content")
    outside = [
        "images/../private.txt",
        "images/../../private.txt",
        "images/../../../../private.txt",
        str(services_workspace.root / "private.txt"),
        "private.txt",
        str(services_workspace.secrets_file),
        "../../secrets.json",
        "images/../../secrets.json",
        "..%2f..%2fsecrets.json",
    ]
    with httpx.Client(base_url=desk.url, cookies=cookies, trust_env=False) as http:
        shown = http.get("/data/local-files/", params={"d": f"images/{pictures['tiny']}"})
        refused = [http.get("/data/local-files/", params={"d": path}) for path in outside]
    anonymous = httpx.get(
        f"{desk.url}/data/local-files/", params={"d": f"images/{pictures['tiny']}"}, trust_env=False
    )

    assert shown.content == (services_workspace.images / pictures["tiny"]).read_bytes()
    assert [reply.status_code >= 400 and b"secret content" not in reply.content for reply in refused] == [
        True
    ] * 9
    assert anonymous.status_code in {401, 403}
