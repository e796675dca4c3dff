"""What `up` keeps in the workspace: secrets and state, and what servers get to see of the environment."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from pathlib import Path

import pytest
from filelock import FileLock

from goldloop.core.errors import BusyError, ServiceAuthError, ServiceError, ServiceUnreachableError
from goldloop.services import LabelStudioEndpoint, PrefectEndpoint, down, endpoints, lifecycle
from goldloop.services.credentials import ensure_credentials, load_credentials, new_credentials
from goldloop.services.processes import ProcessMark, end_of
from goldloop.services.servers import cache_folder, prepare, server_environment
from goldloop.services.state import ServerState, load_state, save_state
from goldloop.settings.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a workspace in which nothing was started."""
    made = Workspace.create(tmp_path / "w", labels=["cat", "dog"])
    made.services.mkdir()
    return made


def test_secrets_are_made_once(workspace: Workspace) -> None:
    """Several who ask at the same time get the same secrets, in a file for the owner only."""
    secrets = []
    threads = [
        threading.Thread(target=lambda: secrets.append(ensure_credentials(workspace))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert secrets == [load_credentials(workspace)] * 8
    assert workspace.secrets_file.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in workspace.services.iterdir()] == ["secrets.json"]


def test_two_workspaces_share_no_secret(tmp_path: Path) -> None:
    """Secrets are random: nothing but the user names is equal in two workspaces."""
    made = []
    for name in ("a1", "b2"):
        workspace = Workspace.create(tmp_path / name, labels=["cat", "dog"])
        workspace.services.mkdir()
        made.append(ensure_credentials(workspace))
    assert made[0].label_studio_token != made[1].label_studio_token
    assert made[0].label_studio_password != made[1].label_studio_password
    assert made[0].label_studio_secret_key != made[1].label_studio_secret_key
    assert made[0].prefect_auth != made[1].prefect_auth
    assert made[0].mlflow_auth != made[1].mlflow_auth


def test_secrets_of_an_earlier_goldloop_get_a_login_of_mlflow(workspace: Workspace) -> None:
    """`up` adds what the file lacks and keeps the rest, so that bookmarks and tokens stay valid."""
    before = asdict(ensure_credentials(workspace))
    earlier = {name: value for name, value in before.items() if name != "mlflow_auth"}
    workspace.secrets_file.write_text(json.dumps(earlier))
    with pytest.raises(ServiceError, match="run `goldloop"):
        load_credentials(workspace)

    after = asdict(ensure_credentials(workspace))

    assert after == earlier | {"mlflow_auth": after["mlflow_auth"]}
    assert after["mlflow_auth"] not in ("", before["mlflow_auth"])
    assert load_credentials(workspace).mlflow_auth == after["mlflow_auth"]
    assert workspace.secrets_file.stat().st_mode & 0o777 == 0o600


def test_a_secrets_file_open_to_others_is_closed(workspace: Workspace) -> None:
    """`up` takes back the permissions that somebody gave to others."""
    ensure_credentials(workspace)
    workspace.secrets_file.chmod(0o644)
    ensure_credentials(workspace)
    assert workspace.secrets_file.stat().st_mode & 0o777 == 0o600


def test_a_damaged_secrets_file_is_named(workspace: Workspace) -> None:
    """The error names the file and what to do, and shows none of its content."""
    workspace.secrets_file.write_text('{"label_studio_token": "abcdef"}')
    with pytest.raises(
        ServiceError, match=r"secrets\.json is damaged .*, it needs label_studio_username"
    ) as caught:
        ensure_credentials(workspace)
    assert "abcdef" not in str(caught.value)


def test_a_damaged_state_file_is_named(workspace: Workspace) -> None:
    """The error names the file and what to do."""
    (workspace.services / "state.json").write_text("[1, 2]")
    with pytest.raises(ServiceError, match=r"state\.json is damaged.*remove it"):
        load_state(workspace)


def test_state_is_read_back_as_saved(workspace: Workspace) -> None:
    """Saving and loading keeps ports and processes."""
    state = {"mlflow": ServerState(20_001, ProcessMark("a", 12, 34.5)), "prefect": ServerState(20_002)}
    save_state(workspace, state)
    assert load_state(workspace) == state


def test_two_commands_never_change_the_servers_at_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that waits too long for another one names the lock and what to do."""
    monkeypatch.setattr(lifecycle, "_PATIENCE_S", 0.05)
    with (
        FileLock(workspace.services / "lock", is_singleton=False),
        pytest.raises(BusyError, match=r"another `goldloop up` or `goldloop down` holds .*lock; wait"),
    ):
        down(workspace, say=print)


def test_without_up_every_command_says_what_to_run(workspace: Workspace) -> None:
    """Endpoints of a workspace whose servers were never started are an error with the next step."""
    with pytest.raises(
        ServiceUnreachableError, match=r"Label Studio of .* is not running; run `goldloop up`"
    ):
        endpoints(workspace)


def test_servers_elsewhere_get_their_secrets_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Token, files root and Prefect's login are variables; a missing token is an error that names it."""
    services = {
        "label_studio_url": "http://ls:8080",
        "prefect_url": "http://prefect:4200/api",
        "mlflow_url": "http://mlflow:5000",
    }
    workspace = Workspace.create(tmp_path / "w", labels=["cat", "dog"], services=services)
    with pytest.raises(ServiceAuthError, match=r"GOLDLOOP_LABEL_STUDIO_TOKEN is not set, .* http://ls:8080"):
        endpoints(workspace)
    monkeypatch.setenv("GOLDLOOP_LABEL_STUDIO_TOKEN", "token")
    monkeypatch.setenv("GOLDLOOP_LABEL_STUDIO_FILES", "/files")
    monkeypatch.setenv("GOLDLOOP_PREFECT_AUTH", "user:word")

    servers = endpoints(workspace)

    assert servers.label_studio == LabelStudioEndpoint("http://ls:8080", "token", files_root="/files")
    assert servers.prefect == PrefectEndpoint("http://prefect:4200", "user:word")
    assert servers.prefect.api_url == "http://prefect:4200/api"
    assert servers.mlflow.url == "http://mlflow:5000"


def test_no_secret_in_a_repr() -> None:
    """Printing an endpoint shows where it is, not how to log in."""
    shown = repr(LabelStudioEndpoint("http://ls", "tok", "me", "pass")) + repr(
        PrefectEndpoint("http://p", "u:w")
    )
    assert "http://ls" in shown
    assert "tok" not in shown
    assert "pass" not in shown
    assert "u:w" not in shown


def test_servers_see_only_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """Label Studio reads bare names such as DEBUG or HOST: none of the user's variables may reach it."""
    for name in (
        "DEBUG",
        "HOST",
        "USERNAME",
        "PASSWORD",
        "PREFECT_API_URL",
        "AWS_SECRET_ACCESS_KEY",
        "PYTHONPATH",
    ):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("https_proxy", "http://proxy")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    seen = server_environment()
    assert "x" not in seen.values()
    assert seen["https_proxy"] == "http://proxy"
    assert seen["LC_ALL"] == "C.UTF-8"
    assert "PATH" in seen


def test_the_cache_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """GOLDLOOP_CACHE says where the shared installation lies."""
    monkeypatch.setenv("GOLDLOOP_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path.resolve()


def test_the_end_of_a_log_is_its_last_twenty_lines(tmp_path: Path) -> None:
    """Long logs are cut, and a log that is missing is said to be empty."""
    log = tmp_path / "log"
    assert "empty" in end_of(log)
    log.write_text("\n".join(str(n) for n in range(100)))
    assert end_of(log).splitlines() == [str(n) for n in range(80, 100)]


def test_a_copied_link_to_the_images_is_a_link_again(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some programs copy what a link leads to; Label Studio would serve pictures of the past."""
    monkeypatch.setattr("goldloop.services.servers.installation", lambda _: tmp_path)
    monkeypatch.setattr("goldloop.services.servers._ready_database", lambda *_: None)
    copied = workspace.services / "label_studio" / "files" / "images"
    copied.mkdir(parents=True)
    (copied / "a.png").write_text("a picture")

    prepare("label_studio", workspace, 20_001, credentials=new_credentials(), say=print)

    assert copied.is_symlink()
    assert copied.samefile(workspace.images)
    (aside,) = (workspace.services / "label_studio").glob("copied-images-*")
    assert (aside / "a.png").read_text() == "a picture"


def test_a_server_folder_on_another_disk_finds_the_images(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative link would lead astray from there; each start makes the link right."""
    monkeypatch.setattr("goldloop.services.servers.installation", lambda _: tmp_path)
    monkeypatch.setattr("goldloop.services.servers._ready_database", lambda *_: None)
    (tmp_path / "disk" / "label_studio").mkdir(parents=True)
    (workspace.services / "label_studio").symlink_to(tmp_path / "disk" / "label_studio")
    for place in ("w", "moved"):  # the first stays where it is
        (tmp_path / "w").rename(tmp_path / place)
        moved = Workspace.open(tmp_path / place)

        prepare("label_studio", moved, 20_001, credentials=new_credentials(), say=print)

        assert (moved.services / "label_studio" / "files" / "images").samefile(moved.images)
