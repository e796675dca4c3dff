"""A person at work: a real browser in front of a real Label Studio, logged in and driven by keys."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldloop.adapters.label_studio import (
    LabelStudioQueue,
    add_annotator,
    ensure_projects,
)
from goldloop.core.annotations import Annotation
from goldloop.core.labels import LabelSet
from goldloop.core.questions import NO_QUESTIONS, Questions
from goldloop.services import LabelStudioEndpoint

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver
    from selenium.webdriver.remote.webelement import WebElement

WAIT_S = 60


@dataclass(frozen=True)
class Desk:
    """A browser in front of one project, logged in as an annotator."""

    browser: WebDriver
    queue: LabelStudioQueue
    user_id: str
    url: str
    screenshots: Path

    def open(self, place: str = "labeling") -> None:
        """Open the page where this work begins and wait for the first picture."""
        self.browser.get(self.queue.project_urls()[place])
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

    def texts(self, css: str) -> list[str]:
        """Return the texts of the visible elements at `css`, all read at the same moment.

        The page may replace an element between finding it and asking it, so it is asked by one script.
        """
        script = """
            const seen = {opacityProperty: true, visibilityProperty: true};
            return [...document.querySelectorAll(arguments[0])]
                .filter(one => one.checkVisibility(seen)).map(one => one.innerText.trim());
        """
        return [str(text) for text in self.browser.execute_script(script, css)]

    def text(self, css: str) -> str:
        """Return what can be read at `css` now, "" where nothing is shown."""
        return "".join(self.texts(css))

    def chosen(self) -> list[str]:
        """Return the labels that are chosen on the page."""
        script = """
            return [...document.querySelectorAll('.gl-answer input[type=radio]')]
                .filter(box => box.checked).map(box => box.name);
        """
        return [str(name) for name in self.browser.execute_script(script)]

    def shown(self) -> str:
        """Return what stands above the labels: a suggestion, or what people said."""
        return self.text(".gl-shown .lsf-richtext__line")

    def warnings(self) -> list[str]:
        """Return the texts of the warnings on the page."""
        return self.texts(".ant-modal-confirm")

    def press(self, key: str, *, is_shifted: bool = False) -> None:
        """Press one key, wherever the focus happens to be."""
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        keys = ActionChains(self.browser)
        (
            keys.key_down(Keys.SHIFT).send_keys(key).key_up(Keys.SHIFT) if is_shifted else keys.send_keys(key)
        ).perform()

    def wait_for(self, what: str, is_so: Any) -> Any:
        """Wait until `is_so()` holds and return what it returned."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.browser, WAIT_S).until(lambda _: is_so(), f"never saw: {what}")

    def shown_task(self) -> int:
        """Return the id of the task on the page."""
        place = ".lsf-current-task__task-id"
        words = self.wait_for("the task's number", lambda: self.text(place).split())
        return int(words[0].lstrip("#"))

    def shoot(self, name: str) -> None:
        """Save a screenshot for people to look at."""
        self.browser.save_screenshot(str(self.screenshots / f"{name}.png"))

    def shoot_everywhere(self, name: str) -> None:
        """Save the page at two widths, in the light and in the dark theme."""
        for theme in ("light", "dark"):
            script = "document.documentElement.dataset.colorScheme = arguments[0]"
            self.browser.execute_script(script, theme)
            for width, height in ((1280, 800), (1920, 1080)):
                self.browser.set_window_size(width, height)
                self.shoot(f"{name}-{theme}-{width}")
        self.browser.execute_script("document.documentElement.dataset.colorScheme = 'light'")
        self.browser.set_window_size(1440, 900)

    def answers(self, key: str) -> list[Annotation]:
        """Return what the server holds for one task."""
        states = {state.key: state for page in self.queue.changed_since(None) for state in page}
        return list(states[key].annotations)


def seated(
    server: LabelStudioEndpoint,
    browser: WebDriver,
    scratch: Path,
    *,
    name: str,
    labels: LabelSet,
    email: str,
    kind: str = "image",
    questions: Questions = NO_QUESTIONS,
    **options: Any,
) -> Desk:
    """Return the desk of somebody who has just logged in, in front of the empty projects called `name`.

    `options` go to the queue. Screenshots go to GOLDLOOP_SCREENSHOTS, where that is set, else to `scratch`.
    """
    assert server.files_root is not None
    images = Path(server.files_root) / "images"
    projects = ensure_projects(
        server.url,
        server.token,
        name=name,
        labels=labels,
        images_root=images,
        kind=kind,
        questions=questions,
    )
    queue = LabelStudioQueue(server.url, server.token, projects, labels, **options)
    return logged_in(server, browser, scratch, queue=queue, email=email)


def logged_in(
    server: LabelStudioEndpoint, browser: WebDriver, scratch: Path, *, queue: LabelStudioQueue, email: str
) -> Desk:
    """Return the desk of somebody who has just logged in, in front of the projects of `queue`."""
    from selenium.webdriver.common.keys import Keys

    password = f"password of {email}"
    person = add_annotator(server.url, server.token, email=email, password=password)
    screenshots = Path(os.environ.get("GOLDLOOP_SCREENSHOTS") or scratch)
    screenshots.mkdir(parents=True, exist_ok=True)
    browser.set_window_size(1440, 900)
    desk = Desk(browser, queue, person.user_id, server.url, screenshots)
    browser.get(f"{server.url}/user/login/")
    desk.one("[name=email]").send_keys(email)
    desk.one("[name=password]").send_keys(password + Keys.ENTER)
    desk.wait_for("the login to succeed", lambda: "/login" not in browser.current_url)
    return desk
