"""A server whose disk is full is told as that, whatever the server says."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from goldloop.adapters.label_studio.client import translated
from goldloop.adapters.mlflow_connection import translated as mlflow_translated
from goldloop.core.errors import ServiceError, ServiceUnreachableError
from goldloop.services import down, endpoints, full_disk, up
from goldloop.services.processes import start_failure
from goldloop.settings.workspace import Workspace

URL = "http://127.0.0.1:20001"
PAGE = "<html><body><h1>Server Error (500)</h1></body></html>"
Usage = namedtuple("Usage", ["total", "used", "free"])


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int], None]:
    """Return a function that sets how many bytes are left where the server at URL keeps its data."""
    full_disk.remember(URL, tmp_path)

    def left(n_bytes: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - n_bytes, n_bytes))

    return left


def answered(code: int, text: str) -> httpx.HTTPStatusError:
    """Return the error of an answer of a server."""
    request = httpx.Request("POST", URL)
    return httpx.HTTPStatusError(
        "", request=request, response=httpx.Response(code, text=text, request=request)
    )


def told(error: Exception) -> str:
    """Return what goldloop says of an error of Label Studio's client."""
    with pytest.raises(ServiceError) as caught, translated(URL, "import 3 tasks"):
        raise error
    return str(caught.value)


def test_a_page_of_a_server_without_room_is_told_as_a_full_disk(disk: Callable[[int], None]) -> None:
    """The page says nothing, so the space that is left counts; the markup is not printed."""
    disk(1000)

    message = told(answered(500, PAGE))

    assert message == (
        f"Label Studio at {URL} answered 500 when asked to import 3 tasks: an HTML page; the disk of "
        f"{full_disk._folders[URL]} is full (0.0 MB are free): free space there, then run `goldloop up` and "
        "this again"
    )


def test_with_room_a_page_is_no_full_disk(disk: Callable[[int], None]) -> None:
    """Then the log tells more."""
    disk(10**9)

    assert told(answered(500, PAGE)).endswith(": an HTML page; see the server's log, then run this again")


@pytest.mark.parametrize(
    "said",
    [
        '{"detail": "database or disk is full"}',
        "[Errno 28] No space left on device",
        "OSError: [Errno 122] Disk quota exceeded",
        'could not extend file "base/16384": No space left on device',
    ],
)
def test_the_words_of_a_server_elsewhere_count(said: str) -> None:
    """Its disk cannot be looked at."""
    assert full_disk.full_disk_under("http://elsewhere.example", said) == (
        "the disk of the server is full: free space there, then run this again"
    )
    assert full_disk.full_disk_under("http://elsewhere.example", "Server Error") is None


def test_a_server_that_is_gone_is_told_as_a_full_disk(disk: Callable[[int], None]) -> None:
    """A server ends when it cannot write; starting it again would not help."""
    disk(1000)

    message = told(httpx.ConnectError("refused"))

    assert "is full" in message
    assert "start it" not in message
    error = mlflow_translated(ServiceUnreachableError("x"), uri=URL, doing="opening a run")
    assert "is full" in str(error)
    assert "See its log" not in str(error)


def test_a_server_that_does_not_start_or_run(disk: Callable[[int], None], tmp_path: Path) -> None:
    """`up` and every other command name the disk instead of each other."""
    workspace = Workspace.create(tmp_path / "w", labels=["cat", "dog"])
    disk(1000)

    failure = start_failure("MLflow ended", workspace.root / "mlflow.log")

    assert "The cause is that the disk of" in str(failure)
    with pytest.raises(ServiceUnreachableError, match=r"is not running; the disk of .* is full"):
        endpoints(workspace)


def test_a_workspace_that_cannot_be_written_is_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: Callable[[int], None]
) -> None:
    """`up` and `down` name the file and the full disk."""
    workspace = Workspace.create(tmp_path / "w", labels=["cat", "dog"])
    workspace.services.mkdir()
    disk(1000)

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(workspace.services / "state.json"))

    monkeypatch.setattr("goldloop.services.lifecycle.save_state", fails)
    for command in (up, down):
        with pytest.raises(
            ServiceError, match=r"state\.json: No space left on device; the disk of .* is full"
        ):
            command(workspace, say=print)
