"""Pages of sheets and of single quick reviews in a real Chromium, and a simulated person in front of them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from goldloop.adapters.label_studio import add_annotator
from goldloop.adapters.label_studio.client import LabelStudioClient
from goldloop.adapters.label_studio.payload import read_tasks, task_payload
from goldloop.adapters.label_studio.project import serve_folder
from goldloop.adapters.label_studio.sheets import sheet_payload, sheet_project, single_rows
from goldloop.adapters.label_studio.tabs import ensure_tabs
from goldloop.core.annotations import TaskState
from goldloop.core.labels import LabelSet
from goldloop.core.tasks import NewTask
from goldloop.services import LabelStudioEndpoint

WAIT_S = 120
SHEET_READY = """
    const seen = [...document.querySelectorAll('.gl-pictures img')];
    const isThere = seen.length && seen.every(one => one.complete && one.naturalWidth);
    return isThere ? seen.map(one => one.src).join() : '';
"""
SINGLE_READY = """
    const seen = document.querySelector('.gl-picture .lsf-image img');
    const task = document.querySelector('.lsf-current-task__task-id');
    return seen && seen.complete && seen.naturalWidth && task ? task.innerText : '';
"""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one page: `waiting` until its pictures are there, and `working` until it is submitted."""

    waiting: float
    working: float

    @property
    def total(self) -> float:
        """Seconds of the page in all."""
        return self.waiting + self.working


@contextmanager
def chromium(folder: Path) -> Iterator[Any]:
    """Yield a headless Chromium whose profile lies in `folder`.

    Raises:
        SystemExit: there is no Chromium or no driver of it.
    """
    from selenium import webdriver

    program, driver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if program is None or driver is None:
        raise SystemExit(
            "no chromium and chromedriver on the PATH; on Debian: apt-get install chromium-driver"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for switch in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(switch)
    options.add_argument(f"--user-data-dir={folder}")
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    browser.set_window_size(1440, 900)
    try:
        yield browser
    finally:
        browser.quit()


class Person:
    """Somebody with an account, logged in, who works through pages."""

    def __init__(self, browser: Any, server: LabelStudioEndpoint, email: str) -> None:
        from selenium.webdriver.common.keys import Keys

        self.browser, self.url = browser, server.url
        password = f"password of {email}"
        self.user_id = add_annotator(server.url, server.token, email=email, password=password).user_id
        browser.get(f"{server.url}/user/login/")
        browser.find_element("css selector", "[name=email]").send_keys(email)
        browser.find_element("css selector", "[name=password]").send_keys(password + Keys.ENTER)
        self.wait(lambda: "/login" not in browser.current_url)

    def work(self, address: str, ready: str, pages: Sequence[Callable[[], None]]) -> list[Timing]:
        """Open `address` and work through as many pages as there are `pages`, each ended by Enter.

        `ready` is a script that returns what tells a page from the one before once its pictures are there.
        """
        from selenium.webdriver.common.keys import Keys

        self.browser.get(address)
        timings, before = [], ""
        started = time.perf_counter()
        for work in pages:
            before = self.wait(lambda before=before: _other(self.browser.execute_script(ready), before))
            shown = time.perf_counter()
            work()
            self.press(Keys.ENTER)
            submitted = time.perf_counter()
            timings.append(Timing(shown - started, submitted - shown))
            started = submitted
        self.wait(lambda: "No More Tasks" in self.browser.find_element("css selector", "body").text)
        return timings

    def click(self, place: int) -> None:
        """Click the picture at a place of the sheet; the page makes all its pictures anew at each click."""
        self.browser.find_element("css selector", f".gl-pictures input[name='{place}']").click()

    def press(self, key: str) -> None:
        """Press a key."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.browser).send_keys(key).perform()

    def wait(self, is_so: Callable[[], Any]) -> Any:
        """Return what `is_so()` returns once it holds."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.browser, WAIT_S, poll_frequency=0.02).until(lambda _: is_so())


def _other(shown: str, before: str) -> str:
    return shown if shown != before else ""


class SheetProject:
    """A project of sheets on a server, and what annotators said of each picture."""

    def __init__(self, server: LabelStudioEndpoint, title: str, labels: LabelSet, n_pictures: int) -> None:
        self.client, self.labels = LabelStudioClient(server.url, server.token), labels
        made = self.client.post("/api/projects/", {"title": title, **sheet_project(n_pictures)})
        self.id = int(made["id"])
        ensure_tabs(self.client, self.id, {})
        assert server.files_root is not None
        serve_folder(self.client, self.id, str(Path(server.files_root) / "images"))
        self.address = f"{server.url}/projects/{self.id}/data?labeling=1"

    def push(self, sheets: Sequence[Sequence[NewTask]]) -> None:
        """Create a task for each of `sheets`."""
        payloads = [sheet_payload([task_payload(task) for task in sheet]) for sheet in sheets]
        self.client.post(f"/api/projects/{self.id}/import", payloads)

    def states(self) -> list[TaskState]:
        """Return each picture of each sheet with its answers."""
        listed = self.client.get("/api/tasks/", {"project": self.id, "fields": "all", "page_size": 1000})
        return read_tasks([one for row in listed["tasks"] for one in single_rows(row)], self.labels)


def noticed(is_wrong: Sequence[bool], missed: float, rng: np.random.Generator) -> list[bool]:
    """Return which wrong pictures somebody notices who misses the share `missed` of them."""
    return [wrong and rng.random() >= missed for wrong in is_wrong]
