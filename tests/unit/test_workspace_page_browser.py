"""The page of the workspace in a real browser: keyboard, contrast, three widths, and no error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flows.page import PresentPage
from goldloop.adapters.page_server import PageServer
from goldloop.settings.metrics import MetricsAddress
from tests.contrast import contrasts, cut, plot_scales, prefer
from tests.loop import Loop
from tests.unit.workspace_pages import page_of, worked_loop

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = pytest.mark.browser

WIDTHS = (480, 1280, 1920)
SECRET = "a-secret-of-the-link"


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """Return the loop that the tests of this file only read."""
    return worked_loop(tmp_path_factory.mktemp("loop"))


def errors(page: WebDriver) -> list[str]:
    """Return what the console says."""
    return [str(entry["message"]) for entry in page.get_log("browser")]


def shown(page: WebDriver) -> list[str]:
    """Return the samples that can be seen."""
    script = """
        return [...document.querySelectorAll(".gallery .tile")]
            .filter(tile => tile.checkVisibility()).map(tile => tile.dataset.sample);
    """
    return [str(one) for one in page.execute_script(script)]


def focus(page: WebDriver, name: str) -> None:
    """Press Tab until the field of this name has the focus."""
    from selenium.webdriver.common.keys import Keys

    for _ in range(80):
        page.switch_to.active_element.send_keys(Keys.TAB)
        if page.switch_to.active_element.get_attribute("name") == name:
            return
    raise AssertionError(f"no Tab leads to {name}")


def said(page: WebDriver) -> str:
    """Return how many samples the gallery says it shows."""
    from selenium.webdriver.common.by import By

    return page.find_element(By.CSS_SELECTOR, ".said").text


def test_every_text_can_be_read(browser: WebDriver, loop: Loop, tmp_path: Path) -> None:
    """At three widths, light and dark, texts have WCAG's AA contrast, and neither values nor plots suffer."""
    address = page_of(loop).file(tmp_path).as_uri()
    for scheme in ("light", "dark"):
        prefer(browser, scheme)
        for width in WIDTHS:
            browser.set_window_size(width, 1000)
            browser.get(address)
            found = contrasts(browser)
            assert len(found) > 300
            assert [one for one in found if one[0] < one[1]] == [], (scheme, width)
            wide, room = browser.execute_script(
                "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            )
            assert wide <= room, (scheme, width)
            assert cut(browser) == [], width
            scales = plot_scales(browser)
            assert scales
            assert min(scales) > 0.7, width
    assert errors(browser) == []


def test_a_gallery_in_a_file_is_chosen_by_keyboard(browser: WebDriver, loop: Loop, tmp_path: Path) -> None:
    """Tab reaches each list; choosing shows what fits, says how many, and two choices hold together."""
    from selenium.webdriver.common.keys import Keys

    browser.get(page_of(loop).file(tmp_path).as_uri())
    assert len(shown(browser)) == 90
    focus(browser, "annotator")
    browser.switch_to.active_element.send_keys("annotator 3")
    by_person = shown(browser)
    answers = loop.state().outcomes.answers
    assert set(by_person) == {one.sample_id[:12] for one in answers if one.annotator == "3"}
    assert said(browser).startswith(f"{len(by_person)} of the 90 on this page fit.")
    focus(browser, "round")
    browser.switch_to.active_element.send_keys("round 1")
    both = {one.sample_id[:12] for one in answers if (one.annotator, one.round) == ("3", 1)}
    assert 0 < len(both) < len(by_person)
    assert set(shown(browser)) == both
    browser.switch_to.active_element.send_keys(Keys.HOME)
    assert shown(browser) == by_person
    assert errors(browser) == []


def test_a_served_gallery_is_chosen_by_keyboard(browser: WebDriver, loop: Loop) -> None:
    """The link opens the page; a list and Enter show what fits of all samples, and a link leads on."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    present = PresentPage(lambda: page_of(loop), lambda: (1,))
    server = PageServer(MetricsAddress("127.0.0.1", 0), present.html, key=SECRET)
    try:
        browser.get(f"http://127.0.0.1:{server.port}/?key={SECRET}")
        assert SECRET not in browser.current_url
        assert said(browser) == "Samples 1 to 48 of 90 that fit."
        focus(browser, "lane")
        browser.switch_to.active_element.send_keys("review")
        focus(browser, "round")
        browser.switch_to.active_element.send_keys(Keys.TAB)
        browser.switch_to.active_element.send_keys(Keys.ENTER)
        assert "lane=review" in browser.current_url
        n_review = loop.tables.predictions.read(["lane"])["lane"].to_pylist().count("review")
        assert said(browser).endswith(f"of {n_review} that fit.")
        browser.get(f"http://127.0.0.1:{server.port}/")
        before = shown(browser)
        browser.find_element(By.LINK_TEXT, "More samples").send_keys(Keys.ENTER)
        assert len(shown(browser)) == 42
        assert not set(before) & set(shown(browser))
        tasks = browser.find_elements(By.CSS_SELECTOR, "a.task")
        assert tasks
        places = [str(one.get_attribute("href")) for one in tasks]
        assert all(place.startswith("http://127.0.0.1:8080/projects/1/data?task=") for place in places)
        assert errors(browser) == []
    finally:
        server.close()
