"""The page of the training runs in MLflow, as the link that goldloop prints opens it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from goldloop.adapters.mlflow_runs import PAGE, MlflowRuns
from goldloop.services import Endpoints
from tests.contracts.trained_models import START, record

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = [pytest.mark.servers, pytest.mark.browser]


def test_the_link_opens_on_training_runs_with_the_columns_that_matter(
    services: Endpoints, mlflow_login: None, browser: WebDriver, tmp_path: Path
) -> None:
    """A browser that was never there shows runs and their accuracy, not the page of language models."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    server = services.mlflow
    runs = MlflowRuns(server.url, f"opens on runs {uuid4()}", login=server.login)
    assert runs.pages() == {}
    runs.record(runs.begin(START), record("1"))
    address = runs.pages()[PAGE]
    user, password = server.login or ("", "")

    browser.get(server.url.replace("://", f"://{user}:{password}@", 1) + "/version")  # logs in
    browser.get(address)

    def shown(_: object) -> str:
        text = browser.find_element(By.TAG_NAME, "body").text
        return text if START.name in text and "holdout/accuracy" in text else ""

    text = WebDriverWait(browser, 60).until(shown)
    assert {"holdout/accuracy_low", "1 matching run"} <= set(text.splitlines())
    assert any(line.startswith("0.9") for line in text.splitlines())
    assert "Token Usage" not in text
