"""The disk of a real server is full: the message says that, and the work goes on once there is room."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from goldloop.core.errors import ServiceError
from goldloop.services import Endpoints, down, up
from goldloop.settings import ALONE
from goldloop.settings.workspace import Workspace
from tests.contracts.trained_models import START
from tests.e2e.commands import Loop
from tests.images import write_good

pytestmark = pytest.mark.servers

SIZE_MB = 64


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield the folder of a disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "goldloop-test", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def make_small(
    services: Endpoints, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Loop]]:
    """Return a function that makes a workspace whose server `name`, and only that, uses the small disk."""
    monkeypatch.setenv("GOLDLOOP_LABEL_STUDIO_TOKEN", services.label_studio.token)
    monkeypatch.setenv("GOLDLOOP_PREFECT_AUTH", services.prefect.auth or "")
    made: list[Workspace] = []

    def make(name: str) -> Loop:
        urls = {
            "label_studio_url": services.label_studio.url,
            "prefect_url": services.prefect.url,
            "mlflow_url": services.mlflow.url,
        }
        del urls[f"{name}_url"]
        workspace = Workspace.create(tmp_path / "small", labels=["cat", "dog"], services=urls, **ALONE)
        made.append(workspace)
        workspace.services.mkdir()
        (small_disk / name).mkdir()
        (workspace.services / name).symlink_to(small_disk / name, target_is_directory=True)
        return Loop(workspace.root, up(workspace, say=print))

    yield make
    for workspace in made:
        down(workspace, say=print)


def fill(folder: Path) -> Path:
    """Leave no byte on the disk of `folder`; return the file that takes the room."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    return filler


def failed(loop: Loop, command: str) -> str:
    """Return what a command says that fails."""
    ended = loop.run(command, code=1)
    assert len(ended.err.splitlines()) == 1, ended.err
    return ended.err


def test_a_full_disk_under_label_studio(
    make_small: Callable[[str], Loop], small_disk: Path, tmp_path: Path
) -> None:
    """A push fails with the disk as its cause, and creates every task once there is room."""
    loop = make_small("label_studio")
    loop.score_without_model(write_good(tmp_path / "pictures", 30)[0].parent)
    loop.queue()
    filler = fill(small_disk)

    assert f"the disk of {loop.root}/services/label_studio is full" in failed(loop, "push")

    filler.unlink()
    loop.run("push")
    assert len(loop.queue().all_tasks()) == 30
    assert loop.doubled() == []


def test_a_full_disk_under_prefect(make_small: Callable[[str], Loop], small_disk: Path) -> None:
    """A command fails with the disk as its cause, and works once there is room."""
    loop = make_small("prefect")
    filler = fill(small_disk)

    assert f"the disk of {loop.root}/services/prefect is full" in failed(loop, "pull")

    filler.unlink()
    loop.run("pull")


def test_a_full_disk_under_mlflow(make_small: Callable[[str], Loop], small_disk: Path) -> None:
    """A run cannot be opened for the disk, also once the server has ended; afterwards it can."""
    loop = make_small("mlflow")
    full = rf"the disk of {loop.root}/services/mlflow is full"
    filler = fill(small_disk)

    with pytest.raises(ServiceError, match=rf"(?i){full}"):
        loop.parts.runs.begin(START)
    down(loop.parts.workspace, say=print)
    assert full in failed(loop, "push")

    filler.unlink()
    up(loop.parts.workspace, say=print)
    assert loop.parts.runs.begin(START)
