"""The log: an object a line for machines, a sentence for people, and no secret in either."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from goldloop.core.structured_log import FORMAT_VARIABLE, HIDDEN, log, set_up_log
from goldloop.services.credentials import ensure_credentials, known_secrets
from goldloop.settings.workspace import Workspace

SECRET = "sesame-open-7"


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    """Take the handlers away again."""
    yield
    logging.captureWarnings(False)
    for name in ("goldloop", "prefect", "py.warnings"):
        logger = logging.getLogger(name)
        for handler in list(logger.handlers):
            if handler.get_name() == "goldloop":
                logger.removeHandler(handler)
    logging.getLogger("goldloop").propagate = True


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Return what is written as JSON."""
    monkeypatch.setenv(FORMAT_VARIABLE, "json")
    written = io.StringIO()
    set_up_log([SECRET], stream=written)
    return written


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return the objects, one a line."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line(stream: io.StringIO) -> None:
    """Time, level, event, message and fields, also with line ends and values of any type."""
    log(
        logging.INFO,
        "flow.completed",
        "two\nlines",
        flow="pull",
        duration_s=1.5,
        place=Path("/a"),
        odd=object,
    )

    (line,) = lines(stream)
    assert (line["level"], line["event"], line["message"]) == ("info", "flow.completed", "two\nlines")
    assert line["fields"].items() >= {"flow": "pull", "duration_s": 1.5, "place": "/a"}.items()
    assert datetime.fromisoformat(line["time"]).utcoffset() is not None


def test_no_secret_is_written(stream: io.StringIO) -> None:
    """Neither in the message, nor at any depth of the fields, nor in a traceback, nor in an address."""
    try:
        raise ValueError(f"bad token {SECRET}")
    except ValueError:
        logging.getLogger("prefect.flow_runs").exception("failed with %s", SECRET)
    log(logging.INFO, "x", SECRET, one={"deep": [f"Bearer {SECRET}", {SECRET: 1}]})
    log(logging.ERROR, "x", "postgresql://user:pass-word@host/db does not answer")

    assert SECRET not in stream.getvalue()
    assert "pass-word" not in stream.getvalue()
    assert f"postgresql://{HIDDEN}@host/db" in stream.getvalue()
    assert len(lines(stream)) == 3


def test_other_libraries_are_heard_when_they_warn(stream: io.StringIO) -> None:
    """Prefect's errors and Python's warnings are lines too; what Prefect only tells is none."""
    logging.getLogger("prefect.runner").warning("a run was skipped", extra={"flow_run_name": "old-owl"})
    logging.getLogger("prefect.runner").info("a run begins")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("soon gone", DeprecationWarning, stacklevel=1)

    run, warning = lines(stream)
    assert (run["level"], run["message"]) == ("warning", "a run was skipped")
    assert run["fields"] == {"logger": "prefect.runner", "flow_run_name": "old-owl"}
    assert "soon gone" in warning["message"]


def test_people_read_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what goes wrong, in one line, without secrets; set up twice it is still written once."""
    monkeypatch.delenv(FORMAT_VARIABLE, raising=False)
    written = io.StringIO()
    for _ in range(2):
        set_up_log([SECRET], stream=written)
    log(logging.INFO, "flow.completed", flow="pull")
    log(logging.ERROR, "notification.failed", f"not told:\n{SECRET}", receiver="webhook")

    assert written.getvalue() == f"error: not told: {HIDDEN}\n"


def test_the_secrets_of_a_workspace_are_known(tmp_path: Path) -> None:
    """Those of the embedded servers, those of the environment, and a password without its user."""
    workspace = Workspace.create(tmp_path / "w", labels=["cat", "dog"])
    workspace.services.mkdir()
    own = ensure_credentials(workspace)
    environment = {"GOLDLOOP_PREFECT_AUTH": "ana:correct horse", "GOLDLOOP_WEBHOOK_URL": "https://x/y"}

    known = known_secrets(workspace, environment)

    assert known >= {own.label_studio_token, own.label_studio_password, own.mlflow_auth.partition(":")[2]}
    assert known >= {"ana:correct horse", "correct horse", "https://x/y"}
    assert "owner@goldloop.local" not in known
    assert "" not in known
