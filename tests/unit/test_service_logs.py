"""Logs and runs of the embedded servers do not grow for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldloop.services import logs
from goldloop.services.credentials import new_credentials
from goldloop.services.logs import rotate
from goldloop.services.servers import prepare
from goldloop.settings.workspace import Workspace


def test_a_long_log_keeps_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server that has it open for appending goes on in the same file."""
    monkeypatch.setattr(logs, "MOST_BYTES", 100)
    (tmp_path / "short.log").write_text("short")
    with (tmp_path / "long.log").open("ab") as server:
        for n in range(40):
            server.write(f"line {n:04}\n".encode())
        server.flush()

        rotate(tmp_path)
        server.write(b"and on\n")

    assert (tmp_path / "long.log").read_text() == "and on\n"
    assert (tmp_path / "long.log.1").read_text().endswith("line 0039\n")
    assert (tmp_path / "long.log.1").stat().st_size == 50
    assert (tmp_path / "short.log").read_text() == "short"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["long.log", "long.log.1", "short.log"]


def test_logs_stay_bounded_over_many_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the servers run."""
    monkeypatch.setattr(logs, "MOST_BYTES", 1000)
    for _ in range(50):
        with (tmp_path / "server.log").open("ab") as server:
            server.write(b"x" * 400)
        rotate(tmp_path)
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 1900


def test_prefect_deletes_old_runs(tmp_path: Path) -> None:
    """With their logs and artifacts, after thirty days."""
    workspace = Workspace.create(tmp_path / "w", labels=["cat", "dog"])
    workspace.logs.mkdir(parents=True)

    _, environment = prepare("prefect", workspace, 20_001, credentials=new_credentials(), say=print)

    assert environment["PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED"] == "events,flow_runs"
    assert environment["PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD"] == "2592000"
