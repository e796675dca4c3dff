"""A real browser for tests: the system's Chromium, without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

_IS_REQUIRED = bool(os.environ.get("GOLDLOOP_REQUIRE_BROWSER"))


@contextmanager
def chromium(folder: Path, *switches: str) -> Iterator[WebDriver]:
    """Yield a Chromium with a window of 1400 x 1000, its profile in `folder`; skip the test without one."""
    from selenium import webdriver

    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    chromedriver = shutil.which("chromedriver")
    if program is None or chromedriver is None:
        reason = (
            "no chromium and chromedriver on the PATH; on Debian: apt-get install chromium chromium-driver"
        )
        if _IS_REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.add_argument(f"--user-data-dir={folder / 'chromium'}")
    for switch in (
        *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"),
        *("--window-size=1400,1000", "--hide-scrollbars", "--disable-background-networking"),
        *switches,
    ):
        options.add_argument(switch)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    try:
        yield driver
    finally:
        driver.quit()
