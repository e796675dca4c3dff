"""The embedded servers admit only their owner, on this machine, to the images folder."""

from __future__ import annotations

import re

import psutil
import pytest
import requests

from goldloop.services import Endpoints
from goldloop.services.processes import ProcessMark, members
from goldloop.services.state import load_state
from goldloop.settings.workspace import Workspace
from tests.e2e.embedded_servers import token_session

pytestmark = pytest.mark.servers


def test_prefect_refuses_a_request_without_the_password(services: Endpoints) -> None:
    """Without the auth string Prefect's API answers 401."""
    assert requests.post(f"{services.prefect.api_url}/flows/count", json={}, timeout=30).status_code == 401


@pytest.mark.parametrize("path", ["", "version", "api/2.0/mlflow/registered-models/search", "static-files/x"])
def test_mlflow_refuses_a_request_without_the_login(services: Endpoints, path: str) -> None:
    """Nobody without the login that `goldloop up` made sees or changes anything, not even a page."""
    url = f"{services.mlflow.url}/{path}"
    assert requests.get(url, timeout=30).status_code == 401
    assert requests.get(url, auth=("goldloop", "password"), timeout=30).status_code == 401
    assert requests.get(url, auth=services.mlflow.login, timeout=30).status_code in (200, 404)


def test_no_stranger_moves_an_alias_or_a_file_of_mlflow(services: Endpoints) -> None:
    """Without the login, and with it from a foreign page or under a foreign host name."""
    url, login = services.mlflow.url, services.mlflow.login
    alias = f"{url}/api/2.0/mlflow/registered-models/alias"
    moved = {"name": "any", "alias": "champion", "version": "1"}
    proxied = f"{url}/api/2.0/mlflow-artifacts/artifacts/1/models/m-1/artifacts/extra_files/card.json"
    assert requests.post(alias, json=moved, timeout=30).status_code == 401
    assert requests.put(proxied, data=b"{}", timeout=30).status_code == 401
    port = url.rsplit(":", 1)[1]
    for headers in (
        {"Origin": "https://example.org"},
        {"Origin": "http://localhost:1"},
        {"Origin": "null"},
        {"Host": f"example.org:{port}"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
    ):
        for method in ("GET", "POST"):
            answer = requests.request(method, alias, json=moved, headers=headers, auth=login, timeout=30)
            assert answer.status_code == 403, headers
            assert "access-control-allow-origin" not in {name.lower() for name in answer.headers}
    answer = requests.post(alias, json=moved, headers={"Origin": url}, auth=login, timeout=30)
    assert answer.status_code == 404  # let in: there is no such model


def test_sign_up_needs_an_invitation(services: Endpoints) -> None:
    """The sign-up form refuses an account without an invite link."""
    url = services.label_studio.url
    with requests.Session() as session:
        page = session.get(f"{url}/user/login/", timeout=30).text
        csrf_token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', page)
        assert csrf_token
        form = {
            "csrfmiddlewaretoken": csrf_token[1],
            "email": "stranger@example.org",
            "password": "long enough",
        }
        answer = session.post(f"{url}/user/signup/", headers={"Referer": url}, data=form, timeout=30)
    assert answer.status_code == 403
    people = token_session(services).get(f"{url}/api/users/", timeout=30).json()
    assert "stranger@example.org" not in [account["email"] for account in people]


def test_no_other_origin_may_read_label_studio(services: Endpoints) -> None:
    """A page from elsewhere gets no permission to read Label Studio's answers."""
    answer = requests.get(
        f"{services.label_studio.url}/health", headers={"Origin": "https://example.org"}, timeout=30
    )
    assert "access-control-allow-origin" not in {name.lower() for name in answer.headers}


def test_secrets_are_seen_by_their_owner_only(services_workspace: Workspace, services: Endpoints) -> None:
    """The secrets file is 0600, and no secret stands in a command line or in a repr."""
    secrets = [services.label_studio.token, services.label_studio.password or "", services.prefect.auth or ""]
    secrets.append((services.mlflow.login or ("", ""))[1])
    assert all(len(secret) > 15 for secret in secrets)
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
        for server in load_state(services_workspace).values()
        for process in members(server.process or ProcessMark("none"))
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
