"""The filters of a table in a real browser: lists and fields, together, by keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldloop.reports.page import Page, save_page
from goldloop.reports.section import Section, Table
from tests.unit.report_pages import HOSTILE, NOW

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = pytest.mark.browser

ROWS = [{"sample": f"post {n}", "decision": ("fine", "spam", HOSTILE)[n % 3]} for n in range(30)]


def shown(page: WebDriver) -> list[str]:
    """Return the first cell of each row that can be seen."""
    script = """
        return [...document.querySelectorAll('tbody tr')]
            .filter(row => row.checkVisibility()).map(row => row.cells[0].textContent.trim());
    """
    return [str(text) for text in page.execute_script(script)]


def test_a_row_is_shown_while_it_fits_every_filter(browser: WebDriver, tmp_path: Path) -> None:
    """A column with few values has a list, the other a field; the title counts, and all come back."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    tables = [Table(ROWS, "30 answers", is_filtered=True)]
    browser.get(save_page(Page("t", NOW, [Section("Decisions", tables=tables)]), tmp_path, "p.html").as_uri())
    field = browser.find_element(By.CSS_SELECTOR, ".filter input")
    choices = Select(browser.find_element(By.CSS_SELECTOR, ".filter select"))

    assert len(shown(browser)) == 30
    assert len(choices.options) == 4
    choices.select_by_visible_text("spam")
    assert shown(browser) == [f"post {n}" for n in range(30) if n % 3 == 1]
    field.send_keys("POST 1")
    assert shown(browser) == ["post 1", "post 10", "post 13", "post 16", "post 19"]
    assert browser.find_element(By.CSS_SELECTOR, "caption").text == "30 answers, 5 shown"
    field.clear()
    field.send_keys("\ue003" * 10)
    choices.select_by_visible_text("all")
    assert len(shown(browser)) == 30
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
