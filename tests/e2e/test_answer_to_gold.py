"""From the keyboard to gold: an annotator answers one task in a real browser, and gold holds the answer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from sklearn.datasets import load_digits

from goldloop.adapters.label_studio import add_annotator
from goldloop.core.tasks import split_key
from goldloop.loop.pull import pull
from goldloop.loop.push import push
from goldloop.loop.score import score_files
from goldloop.services import Endpoints
from goldloop.settings.workspace import Workspace
from goldloop.wiring import Wiring

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver
    from selenium.webdriver.remote.webelement import WebElement

pytestmark = [pytest.mark.servers, pytest.mark.browser]

EMAIL, PASSWORD = "gil@browser.example", "gil-password"
WAIT_S = 60
N_PICTURES = 12


def wait_for(browser: WebDriver, css: str) -> WebElement:
    """Return the element at `css` once it is there."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, WAIT_S).until(lambda it: it.find_element(By.CSS_SELECTOR, css))


def test_one_task_answered_by_keyboard_is_found_in_gold(
    services: Endpoints, services_workspace: Workspace, browser: WebDriver, tmp_path: Path
) -> None:
    """Score, push, a key and Enter in the labelling page, pull: that sample has that label in gold."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    parts = Wiring(services_workspace)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(N_PICTURES):
        Image.fromarray((load_digits().images[number] * 15).astype("uint8")).save(pictures / f"{number}.png")
    assert score_files(parts.ports, str(pictures)).n_files == N_PICTURES
    assert push(parts.ports).n_pushed == N_PICTURES
    queue = parts.queue()
    server = services.label_studio
    person = add_annotator(server.url, server.token, email=EMAIL, password=PASSWORD, first_name="Gil")

    browser.set_window_size(1440, 900)
    browser.get(f"{server.url}/user/login/")
    wait_for(browser, "[name=email]").send_keys(EMAIL)
    wait_for(browser, "[name=password]").send_keys(PASSWORD + Keys.ENTER)
    WebDriverWait(browser, WAIT_S).until(lambda it: "/login" not in it.current_url)
    browser.get(f"{server.url}/projects/{queue.projects.main}/data?labeling=1")
    shown = "const i = document.querySelector('.gl-picture .lsf-image img'); return i && i.naturalWidth"
    assert WebDriverWait(browser, WAIT_S).until(lambda it: it.execute_script(shown)) == 8
    task_id = int(wait_for(browser, ".lsf-current-task__task-id").text.split()[0].lstrip("#"))
    ActionChains(browser).send_keys("2").perform()
    folder = Path(os.environ.get("GOLDLOOP_SCREENSHOTS") or tmp_path)
    browser.save_screenshot(str(folder / "answer_to_gold.png"))
    ActionChains(browser).send_keys(Keys.ENTER).perform()
    WebDriverWait(browser, WAIT_S).until(lambda _: queue.answered([task_id]) == {task_id})

    report = pull(parts.ports)

    (record,) = parts.gold.records(report.gold_version)
    assert record.sample_id == split_key(queue.all_tasks()[task_id])[0]
    assert record.label == services_workspace.settings.labels[1]
    assert record.annotators == (person.user_id,)
