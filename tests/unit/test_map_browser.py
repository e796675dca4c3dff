"""The map in a real browser: it draws, answers mouse and keyboard, and shows hostile names as text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldloop.core.modality import Preview
from goldloop.reports.page import Page, save_page
from goldloop.reports.section import MapPoint, Section, Tile
from tests.unit.report_pages import HOSTILE, NOW, PIXEL

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver
    from selenium.webdriver.remote.webelement import WebElement

pytestmark = pytest.mark.browser

POINTS = (
    MapPoint(0.0, 0.0, "left.png", "auto", "hat", 0.93, "3", None, is_mistake=False),
    MapPoint(0.5, 0.5, HOSTILE, "review", "shoes", 0.55, "3", "hat", is_mistake=True, sample_id="f" * 64),
    MapPoint(1.0, 1.0, "right.png", "hold", None, None, "none", None, is_mistake=False),
)
TILE = Tile(Preview(image=PIXEL), "shoes, not hat", name=HOSTILE, sample_id="f" * 64)


@pytest.fixture
def page(browser: WebDriver, tmp_path: Path) -> WebDriver:
    """Return a browser that shows a page with a map of three points, of which one has a tile."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    sections = [Section("Map", map=POINTS), Section("Mistakes", tiles=[TILE])]
    browser.get(save_page(Page("t", NOW, sections), tmp_path, "page.html").as_uri())
    WebDriverWait(browser, 20).until(lambda _: browser.find_elements(By.CSS_SELECTOR, ".map-legend button"))
    return browser


def text_of(page: WebDriver, selector: str) -> str:
    """Return what a reader sees of an element."""
    from selenium.webdriver.common.by import By

    return page.find_element(By.CSS_SELECTOR, selector).text


def canvas_of(page: WebDriver) -> WebElement:
    """Return the canvas of the map."""
    from selenium.webdriver.common.by import By

    return page.find_element(By.CSS_SELECTOR, ".map-view canvas")


def pressed(page: WebDriver, *keys: str) -> None:
    """Press keys while the map has the focus, and wait until it is drawn."""
    canvas_of(page).send_keys(*keys)
    page.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))"
    )


def legend(page: WebDriver) -> list[str]:
    """Return the entries of the legend."""
    return text_of(page, ".map-legend").split("\n")


def test_lanes_and_labels_colour_the_points_and_the_legend_counts_them(page: WebDriver) -> None:
    """A label is the gold one where there is one; a switch changes the colours."""
    from selenium.webdriver.common.by import By

    assert legend(page) == [
        "gold",
        "1",
        "mistake on the holdout",
        "1",
        "auto",
        "1",
        "review",
        "1",
        "hold",
        "1",
    ]

    page.find_element(By.CSS_SELECTOR, "input[value=label]").click()

    assert legend(page)[4:] == ["hat", "2", "other or no label", "1"]


def test_the_mouse_names_a_point_and_a_click_shows_its_picture(page: WebDriver) -> None:
    """The point in the middle has a hostile name, which is text, and a tile on the page."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    ActionChains(page).move_to_element(canvas_of(page)).perform()
    pressed(page)
    tip = text_of(page, ".map-tip").split("\n")
    ActionChains(page).move_to_element(canvas_of(page)).click().perform()

    assert HOSTILE.startswith(tip[0][:20])
    assert tip[-4:] == [
        "gold: hat",
        "model 3: shoes, confidence 55 %",
        "lane review",
        "mistake on the holdout",
    ]
    assert "shoes, not hat" in text_of(page, ".map-tile")
    assert page.find_elements(By.CSS_SELECTOR, ".map-tile img")
    assert not page.find_elements(By.CSS_SELECTOR, ".map img[onerror], .map-tip img")


def test_the_keyboard_does_what_the_mouse_does(page: WebDriver) -> None:
    """Zoom and arrows bring a point to the middle; Enter shows it; without a tile, its facts."""
    from selenium.webdriver.common.keys import Keys

    pressed(page, "+", "+", *[Keys.ARROW_LEFT] * 8, *[Keys.ARROW_UP] * 8)
    tip = text_of(page, ".map-tip")
    pressed(page, Keys.ENTER)

    assert tip == "left.png\nmodel 3: hat, confidence 93 %\nlane auto"
    assert "not among the samples shown below" in text_of(page, ".map-tile")
    pressed(page, "0", Keys.ESCAPE)
    assert HOSTILE[:8] in text_of(page, ".map-tip")
    assert text_of(page, ".map-tile") == ""


def test_the_legend_shows_one_group_alone(page: WebDriver) -> None:
    """A pressed entry fades the others, which then cannot be hit; pressed again it shows all."""
    from selenium.webdriver.common.by import By

    hold = page.find_elements(By.CSS_SELECTOR, ".map-legend button:not([hidden])")[-1]
    hold.click()
    pressed(page, "0")

    assert hold.get_attribute("aria-pressed") == "true"
    assert text_of(page, ".map-tip") == "right.png\nno prediction\nlane hold"
    hold.click()
    pressed(page, "0")
    assert HOSTILE[:8] in text_of(page, ".map-tip")
