"""Which flow runs have lost their process."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from goldloop.services.endpoints import PrefectEndpoint
from goldloop.services.prefect_runs import _is_dead, crash_dead_runs, run_tags

NOBODY = 2**22 + 1  # above the largest process id of Linux


def run(*tags: str, age: timedelta = timedelta(0)) -> dict[str, Any]:
    """Return a flow run as Prefect lists it."""
    return {"tags": list(tags), "state": {"timestamp": (datetime.now(UTC) - age).isoformat()}}


def test_a_run_of_this_process_is_alive() -> None:
    """Whatever other tags it has."""
    assert not _is_dead(run("mine", *run_tags("ab")))


@pytest.mark.parametrize(
    ("tag", "is_dead"),
    [
        (f"process {socket.gethostname()} {NOBODY} 1700000000", True),
        (f"process {socket.gethostname()} {os.getpid()} 1700000000", True),  # the pid is another's now
        (f"process elsewhere {NOBODY} 1700000000", False),
    ],
    ids=["no such process", "another process", "another machine"],  # xdist: the same in every worker
)
def test_a_process_is_known_by_machine_pid_and_start(tag: str, is_dead: bool) -> None:
    """goldloop cannot look into another machine, but no run there takes two days."""
    assert _is_dead(run(tag)) == is_dead
    assert _is_dead(run(tag, age=timedelta(hours=49)))


def test_a_run_without_a_process_has_an_hour() -> None:
    """A run names its process as its first deed; one killed before that is found later."""
    assert not _is_dead(run("mine", age=timedelta(minutes=50)))
    assert _is_dead(run("mine", age=timedelta(minutes=70)))


def test_a_prefect_that_does_not_answer_is_left_alone() -> None:
    """The command that needs it says so."""
    assert crash_dead_runs(PrefectEndpoint("http://127.0.0.1:9", "a:b"), "ab") == 0
