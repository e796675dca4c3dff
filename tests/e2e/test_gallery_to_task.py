"""From the gallery of the workspace's page to the task of a sample in Label Studio, in a real browser."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flows.page import page_address
from goldloop.adapters.label_studio import add_annotator
from goldloop.settings.metrics import MetricsAddress
from labelstudio_config.interface import KINDS
from scripts.bench.faults.people import LABELS
from tests.contrast import contrasts, cut, plot_scales, prefer
from tests.e2e.coloured_samples import samples
from tests.e2e.commands import Loop, finish, free_port, until
from tests.e2e.desk import Desk
from tests.e2e.people import answer_all
from tests.e2e.test_every_command import SETTINGS
from tests.e2e.test_serve import answers

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver
    from selenium.webdriver.remote.webelement import WebElement

pytestmark = [pytest.mark.servers, pytest.mark.browser]

N, N_ASKED = 40, 20
CONTENT = {"image": ".gl-picture", "text": ".gl-said", "records": ".gl-record"}
"""Where Label Studio shows a sample of each kind."""


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_tile_leads_to_its_task(
    make_loop: Callable[..., Loop], browser: WebDriver, tmp_path: Path, kind: str
) -> None:
    """Label Studio asks who it is, and then shows the sample of the tile; the page is whole at each width."""
    truth = samples(kind, tmp_path / "samples", N)
    options = {"selection": {"budget_per_round": N_ASKED, "audit_rate": 0.3}}
    loop = make_loop(f"gallery-{kind}", labels=list(LABELS), **options, **SETTINGS[kind])
    loop.run("score", str(tmp_path / "samples"))
    loop.run("push")
    answer_all(loop.servers.label_studio, loop.parts.queue(), truth.__getitem__, kind=kind)
    loop.run("pull")
    port = free_port()
    serving = loop.start("serve", "--page", str(port), "--only-page")
    try:
        until(lambda: answers(port, {}, "/") == 401, serving)
        browser.get(page_address(loop.parts, MetricsAddress("127.0.0.1", port)))
        desk = Desk(browser, loop.queue(), "", loop.servers.label_studio.url, tmp_path)
        look_at_the_page(browser)
        follow_to_tasks(desk, loop, kind)
    finally:
        serving.send_signal(signal.SIGINT)
        finish(serving)


def look_at_the_page(browser: WebDriver) -> None:
    """At three widths, light and dark, texts have contrast, no value is cut, and nothing is an error."""
    for scheme in ("light", "dark"):
        prefer(browser, scheme)
        for width in (480, 1280, 1920):
            browser.set_window_size(width, 1000)
            assert [one for one in contrasts(browser) if one[0] < one[1]] == [], (scheme, width)
            assert cut(browser) == [], width
            assert min(plot_scales(browser)) > 0.7, width
            wide, room = browser.execute_script(
                "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            )
            assert wide <= room, width
    assert browser.get_log("browser") == []


def follow_to_tasks(desk: Desk, loop: Loop, kind: str) -> None:
    """Open the tasks of two tiles: before the login to Label Studio, and after it."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser, (gallery,) = desk.browser, desk.browser.window_handles
    found = browser.find_elements(By.CSS_SELECTOR, ".tile:has(a.task)")
    assert len(found) == N_ASKED
    email, server = f"visitor@{kind}.example", loop.servers.label_studio
    add_annotator(server.url, server.token, email=email, password="a long password")
    for number, tile in enumerate(found[:2]):
        content, task_id = said_by(tile, kind)
        tile.find_element(By.CSS_SELECTOR, "a.task").send_keys(Keys.ENTER)
        (opened,) = set(browser.window_handles) - {gallery}
        browser.switch_to.window(opened)
        if number == 0:
            desk.one("[name=email]").send_keys(email)
            desk.one("[name=password]").send_keys("a long password", Keys.ENTER)
        desk.wait_for("the sample", lambda content=content: content in shown(browser, kind))
        assert desk.shown_task() == task_id
        browser.close()
        browser.switch_to.window(gallery)


def shown(browser: WebDriver, kind: str) -> str:
    """Return the sample that Label Studio shows, as HTML; "" before it does."""
    script = "return document.querySelector(arguments[0])?.outerHTML ?? ''"
    return str(browser.execute_script(script, CONTENT[kind]))


def said_by(tile: WebElement, kind: str) -> tuple[str, int]:
    """Return how a tile's sample can be known in Label Studio, and the number of its task."""
    from selenium.webdriver.common.by import By

    link = str(tile.find_element(By.CSS_SELECTOR, "a.task").get_attribute("href"))
    content = str(tile.get_attribute("data-sample"))
    if kind != "image":  # the address of a picture has its sample_id
        words = tile.find_element(By.TAG_NAME, "blockquote").text
        content = words if kind == "text" else f"<small>{words.partition(':')[0]}</small>"
    return content, int(link.rpartition("task=")[2])
