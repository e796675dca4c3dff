"""The embedded servers: started, used again, stopped and started as they were."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from goldloop.core.errors import ServiceUnreachableError
from goldloop.services import Endpoints, down, endpoints, up
from goldloop.services.processes import ProcessMark, members
from goldloop.services.state import load_state
from goldloop.settings.workspace import Workspace
from tests.e2e.embedded_servers import pids, token_session

pytestmark = pytest.mark.servers


def test_all_three_servers_answer_and_know_us(services: Endpoints) -> None:
    """After `up` the credentials it hands out open Label Studio and Prefect, and MLflow answers."""
    whoami = token_session(services).get(f"{services.label_studio.url}/api/current-user/whoami", timeout=30)
    assert whoami.json()["email"] == services.label_studio.username
    auth = tuple((services.prefect.auth or "").split(":"))
    counted = requests.post(f"{services.prefect.api_url}/flows/count", json={}, auth=auth, timeout=30)
    assert counted.status_code == 200
    assert requests.get(f"{services.mlflow.url}/health", timeout=30).status_code == 200


def test_a_second_up_uses_the_same_processes(services_workspace: Workspace, services: Endpoints) -> None:
    """`up` with everything running starts nothing and returns the same addresses and secrets."""
    before = pids(services_workspace)

    assert up(services_workspace, say=print) == services
    assert pids(services_workspace) == before
    assert endpoints(services_workspace) == services


def test_stopped_servers_come_back_as_they_were(tmp_path: Path) -> None:
    """After `down` and `up`, all but the invitation is the same; `down` ends all processes."""
    workspace = Workspace.create(tmp_path / "w", labels=["cat", "dog"])
    try:
        first = up(workspace, say=print)
        created = token_session(first).post(
            f"{first.label_studio.url}/api/projects", json={"title": "kept"}, timeout=30
        )
        assert created.status_code == 201
        invitation = token_session(first).get(f"{first.label_studio.url}/api/invite", timeout=30).json()
        processes = [
            p
            for server in load_state(workspace).values()
            for p in members(server.process or ProcessMark("-"))
        ]
        assert len(processes) >= 3

        assert down(workspace, say=print) >= 3
        assert not [process for process in processes if process.is_running()]
        with pytest.raises(ServiceUnreachableError, match="run `goldloop up`"):
            endpoints(workspace)
        assert down(workspace, say=print) == 0

        assert up(workspace, say=print) == first
        listed = token_session(first).get(f"{first.label_studio.url}/api/projects", timeout=30).json()
        assert [project["title"] for project in listed["results"]] == ["kept"]
        renewed = token_session(first).get(f"{first.label_studio.url}/api/invite", timeout=30).json()
        assert renewed != invitation, "whoever has seen the old link could make a second account"
    finally:
        down(workspace, say=print)


def test_servers_outlive_the_command_that_started_them(mlflow_only: Workspace) -> None:
    """After the process that called `up` ends, the server continues."""
    code = (
        "import sys; from pathlib import Path; from goldloop.services import up; "
        "from goldloop.settings.workspace import Workspace; up(Workspace.open(Path(sys.argv[1])), say=print)"
    )
    subprocess.run([sys.executable, "-c", code, str(mlflow_only.root)], check=True, timeout=300)
    time.sleep(0.5)
    assert requests.get(f"{endpoints(mlflow_only).mlflow.url}/health", timeout=30).status_code == 200


@pytest.mark.browser
def test_the_owner_logs_in_with_what_up_printed(services: Endpoints, browser: object) -> None:
    """Address, user name and password from `up` lead through Label Studio's login page in a real browser."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.remote.webdriver import WebDriver
    from selenium.webdriver.support.ui import WebDriverWait

    assert isinstance(browser, WebDriver)
    browser.get(f"{services.label_studio.url}/user/login/")
    browser.find_element(By.NAME, "email").send_keys(services.label_studio.username or "")
    browser.find_element(By.NAME, "password").send_keys(services.label_studio.password or "")
    browser.find_element(By.CSS_SELECTOR, "button[type=submit], [type=submit]").click()
    WebDriverWait(browser, 60).until(lambda page: "/user/login" not in page.current_url)
    assert "/projects" in browser.current_url or browser.current_url.rstrip("/") == services.label_studio.url
