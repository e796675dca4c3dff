"""The embedded servers: up, used again, safe, and ended exactly."""

from __future__ import annotations

import http.server
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from goldloop.core.errors import ServiceAuthError, ServiceStartError, ServiceUnreachableError
from goldloop.services import Endpoints, down, endpoints, up
from goldloop.services.processes import ProcessMark, members
from goldloop.services.state import ServerState, load_state, save_state
from goldloop.settings.workspace import Workspace

pytestmark = pytest.mark.servers

NOWHERE = {  # servers that a test does not need run elsewhere
    "label_studio_url": "http://127.0.0.1:9",
    "prefect_url": "http://127.0.0.1:9",
    "mlflow_url": "http://127.0.0.1:9",
}


def pids(workspace: Workspace) -> dict[str, int | None]:
    """Return the recorded process ids by server."""
    return {name: one.process.pid if one.process else None for name, one in load_state(workspace).items()}


def token_session(services: Endpoints) -> requests.Session:
    """Return a session that Label Studio knows."""
    session = requests.Session()
    session.headers["Authorization"] = f"Token {services.label_studio.token}"
    return session


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Yield the address of a server that says yes to every GET."""

    class Yes(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Yes) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def mlflow_only(tmp_path: Path, elsewhere: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Yield a workspace whose only embedded server is MLflow, which starts fastest."""
    monkeypatch.setenv("GOLDLOOP_LABEL_STUDIO_TOKEN", "0" * 40)
    workspace = Workspace.create(
        tmp_path / "w",
        labels=["cat", "dog"],
        services={"label_studio_url": elsewhere, "prefect_url": elsewhere},
    )
    try:
        yield workspace
    finally:
        down(workspace, say=print)


@pytest.fixture
def sleeper() -> Iterator[psutil.Process]:
    """Yield a process that is none of ours."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


def test_all_three_servers_answer_and_know_us(services: Endpoints) -> None:
    """After `up` the credentials it hands out open Label Studio and Prefect, and MLflow answers."""
    whoami = token_session(services).get(f"{services.label_studio.url}/api/current-user/whoami", timeout=30)
    assert whoami.json()["email"] == services.label_studio.username
    auth = tuple((services.prefect.auth or "").split(":"))
    counted = requests.post(f"{services.prefect.api_url}/flows/count", json={}, auth=auth, timeout=30)
    assert counted.status_code == 200
    assert requests.get(f"{services.mlflow.url}/health", timeout=30).status_code == 200


def test_prefect_asks_strangers_for_the_password(services: Endpoints) -> None:
    """Without the auth string Prefect's API answers 401."""
    assert requests.post(f"{services.prefect.api_url}/flows/count", json={}, timeout=30).status_code == 401


def test_a_second_up_uses_the_same_processes(services_workspace: Workspace, services: Endpoints) -> None:
    """`up` with everything running starts nothing and returns the same addresses and secrets."""
    before = pids(services_workspace)

    assert up(services_workspace, say=print) == services
    assert pids(services_workspace) == before
    assert endpoints(services_workspace) == services


def test_nobody_signs_up_without_an_invitation(services: Endpoints) -> None:
    """The sign-up form refuses an account to whoever has no invite link."""
    url = services.label_studio.url
    with requests.Session() as session:
        page = session.get(f"{url}/user/login/", timeout=30).text
        found = re.search(r'csrfmiddlewaretoken" value="([^"]+)', page)
        assert found
        form = {"csrfmiddlewaretoken": found[1], "email": "stranger@example.org", "password": "long enough"}
        answer = session.post(f"{url}/user/signup/", headers={"Referer": url}, data=form, timeout=30)
    assert answer.status_code == 403
    people = token_session(services).get(f"{url}/api/users/", timeout=30).json()
    assert "stranger@example.org" not in [one["email"] for one in people]


def test_no_other_origin_may_read_label_studio(services: Endpoints) -> None:
    """A page from elsewhere gets no permission to read Label Studio's answers."""
    answer = requests.get(
        f"{services.label_studio.url}/health", headers={"Origin": "https://example.org"}, timeout=30
    )
    assert "access-control-allow-origin" not in {name.lower() for name in answer.headers}


def test_secrets_are_seen_by_their_owner_only(services_workspace: Workspace, services: Endpoints) -> None:
    """The secrets file is 0600, and no secret stands in a command line or in a repr."""
    secrets = [services.label_studio.token, services.label_studio.password or "", services.prefect.auth or ""]
    assert all(len(one) > 15 for one in secrets)
    assert services_workspace.secrets_file.stat().st_mode & 0o777 == 0o600
    assert services_workspace.services.stat().st_mode & 0o777 == 0o700

    shown = [
        repr(services),
        *(line for log in services_workspace.logs.iterdir() for line in log.read_text().splitlines()),
        *(" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])),
    ]
    assert len(shown) > 5
    assert not [line for line in shown if any(secret in line for secret in secrets)]


def test_servers_listen_on_loopback_only(services_workspace: Workspace, services: Endpoints) -> None:
    """No embedded server is reachable from another machine."""
    bound = {
        connection.laddr.ip
        for one in load_state(services_workspace).values()
        for process in members(one.process or ProcessMark("none"))
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert bound == {"127.0.0.1"}


def test_only_the_images_folder_is_served(services_workspace: Workspace, services: Endpoints) -> None:
    """A token reads a file below images/, nothing reads anything else, and strangers read nothing."""
    url, session = services.label_studio.url, token_session(services)
    inside = services_workspace.images / "ab" / "seen.txt"
    inside.parent.mkdir(parents=True, exist_ok=True)
    inside.write_text("a picture")
    secret = services_workspace.services / "secret.txt"
    secret.write_text("not a picture")
    project = session.post(f"{url}/api/projects", json={"title": "served files"}, timeout=30).json()["id"]
    storage = {
        "project": project,
        "path": f"{services.label_studio.files_root}/images",
        "use_blob_urls": True,
    }
    assert session.post(f"{url}/api/storages/localfiles", json=storage, timeout=30).status_code == 201

    def read(path: str, by: requests.Session = session) -> requests.Response:
        return by.get(f"{url}/data/local-files/", params={"d": path}, timeout=30)

    assert read("images/ab/seen.txt").text == "a picture"
    assert read("images/ab/seen.txt", by=requests.Session()).status_code == 401
    for path in (
        *("images/../../../secret.txt", "../../secret.txt", "../data/label_studio.sqlite3"),
        *(str(secret), str(inside), "/etc/passwd", f"images/ab/../../../../../{secret.name}"),
        *("images/..%2f..%2f..%2fsecret.txt", "images", "."),
    ):
        answer = read(path)
        assert answer.status_code in (403, 404, 500), path
        assert "picture" not in answer.text, path


def test_no_storage_reaches_beyond_the_images_folder(
    services_workspace: Workspace, services: Endpoints
) -> None:
    """No account can make Label Studio list or serve a folder outside images/."""
    url, session = services.label_studio.url, token_session(services)
    project = session.post(f"{url}/api/projects", json={"title": "foreign folders"}, timeout=30).json()["id"]
    root = services.label_studio.files_root
    for path in ("/", "/etc", root, f"{root}/images/../..", str(services_workspace.services)):
        storage = {"project": project, "path": path, "use_blob_urls": True}
        answer = session.post(f"{url}/api/storages/localfiles", json=storage, timeout=30)
        assert answer.status_code == 400, path


def test_stopped_servers_come_back_as_they_were(tmp_path: Path) -> None:
    """After `down` and `up`, addresses, secrets and what was stored are the same; `down` ends all of it."""
    workspace = Workspace.create(tmp_path / "w", labels=["cat", "dog"])
    try:
        first = up(workspace, say=print)
        created = token_session(first).post(
            f"{first.label_studio.url}/api/projects", json={"title": "kept"}, timeout=30
        )
        assert created.status_code == 201
        processes = [
            p for one in load_state(workspace).values() for p in members(one.process or ProcessMark("-"))
        ]
        assert len(processes) >= 3

        assert down(workspace, say=print) >= 3
        assert not [process for process in processes if process.is_running()]
        with pytest.raises(ServiceUnreachableError, match="run `goldloop up`"):
            endpoints(workspace)
        assert down(workspace, say=print) == 0

        assert up(workspace, say=print) == first
        listed = token_session(first).get(f"{first.label_studio.url}/api/projects", timeout=30).json()
        assert [one["title"] for one in listed["results"]] == ["kept"]
    finally:
        down(workspace, say=print)


def test_a_server_killed_from_outside_is_started_again(mlflow_only: Workspace) -> None:
    """`up` notices that a recorded server is gone, clears up what it left, and starts it where it was."""
    first = up(mlflow_only, say=print)
    killed = members(load_state(mlflow_only)["mlflow"].process or ProcessMark("-"))
    leader = psutil.Process(pids(mlflow_only)["mlflow"])
    leader.kill()
    leader.wait()

    assert up(mlflow_only, say=print) == first
    assert not [process for process in killed if process.is_running() and process.status() != "zombie"]
    assert requests.get(f"{first.mlflow.url}/health", timeout=30).status_code == 200


def test_a_taken_port_is_a_clear_error(mlflow_only: Workspace) -> None:
    """A port that another program holds is an error that names it and shows the end of the log."""
    found = up(mlflow_only, say=print)
    down(mlflow_only, say=print)
    port = int(found.mlflow.url.rsplit(":", 1)[1])
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(ServiceStartError, match=rf"port {port} of .*taken by(?s:.*)Uvicorn running"):
            up(mlflow_only, say=print)
        moved = up(mlflow_only, say=print, move_ports=True)
        assert moved.mlflow.url != found.mlflow.url
    assert requests.get(f"{moved.mlflow.url}/health", timeout=30).status_code == 200


def test_a_port_taken_while_the_server_starts_is_a_clear_error(
    mlflow_only: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that takes the port after we looked is found out: our server died, its log says why."""
    monkeypatch.setattr("goldloop.services.placement.is_free", lambda port: True)
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        port = foreign.getsockname()[1]
        (mlflow_only.services).mkdir()
        save_state(mlflow_only, {"mlflow": ServerState(port)})
        with pytest.raises(ServiceStartError, match=rf"port {port} is taken by(?s:.*)address already in use"):
            up(mlflow_only, say=print)
    assert pids(mlflow_only) == {"mlflow": None}


def test_a_server_that_dies_shows_the_end_of_its_log(mlflow_only: Workspace) -> None:
    """A server that cannot start is an error with its last words, and nothing is left running."""
    database = mlflow_only.services / "mlflow" / "mlflow.db"
    database.parent.mkdir(parents=True)
    database.write_text("this is no database, somebody has written a text over it")
    with pytest.raises(
        ServiceStartError,
        match=r"MLflow ended\. The end of .*mlflow\.log:(?s:.*)file is not a database",
    ):
        up(mlflow_only, say=print)
    assert pids(mlflow_only) == {"mlflow": None}


def test_a_foreign_process_with_a_recorded_pid_lives_on(
    mlflow_only: Workspace, sleeper: psutil.Process
) -> None:
    """`down` ends no process that merely has a recorded pid, even with a matching start time."""
    mlflow_only.services.mkdir()
    for created in (sleeper.create_time(), sleeper.create_time() - 3600):
        mark = ProcessMark("0123456789abcdef", sleeper.pid, created)
        save_state(mlflow_only, {"mlflow": ServerState(20_001, mark)})

        assert down(mlflow_only, say=print) == 0
        assert sleeper.is_running()
        assert sleeper.status() != psutil.STATUS_ZOMBIE


def test_servers_outlive_the_command_that_started_them(mlflow_only: Workspace) -> None:
    """The process that called `up` ends; the server it started goes on."""
    code = (
        "import sys; from pathlib import Path; from goldloop.services import up; "
        "from goldloop.settings.workspace import Workspace; up(Workspace.open(Path(sys.argv[1])), say=print)"
    )
    subprocess.run([sys.executable, "-c", code, str(mlflow_only.root)], check=True, timeout=300)
    time.sleep(0.5)
    assert requests.get(f"{endpoints(mlflow_only).mlflow.url}/health", timeout=30).status_code == 200


def test_with_servers_elsewhere_up_starts_nothing(
    tmp_path: Path, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all three addresses in goldloop.toml `up` only asks how they are."""
    names = ("label_studio_url", "prefect_url", "mlflow_url")
    workspace = Workspace.create(
        tmp_path / "w", labels=["cat", "dog"], services=dict.fromkeys(names, elsewhere)
    )
    with pytest.raises(ServiceAuthError, match="GOLDLOOP_LABEL_STUDIO_TOKEN"):
        up(workspace, say=print)
    monkeypatch.setenv("GOLDLOOP_LABEL_STUDIO_TOKEN", "0" * 40)

    found = up(workspace, say=print)

    assert {found.label_studio.url, found.prefect.url, found.mlflow.url} == {elsewhere}
    assert endpoints(workspace) == found
    assert not workspace.services.exists()


def test_a_server_elsewhere_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`up` says which address does not answer."""
    monkeypatch.setenv("GOLDLOOP_LABEL_STUDIO_TOKEN", "0" * 40)
    workspace = Workspace.create(tmp_path / "w", labels=["cat", "dog"], services=NOWHERE)
    with pytest.raises(ServiceUnreachableError, match=r"http://127\.0\.0\.1:9/health does not answer"):
        up(workspace, say=print)


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
