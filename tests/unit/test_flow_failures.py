"""What leaves a flow because Prefect failed becomes one sentence; errors of goldloop stay what they are."""

from __future__ import annotations

import json

import httpx
import pytest

from flows.failures import prefect_failure
from goldloop.core.errors import ServiceAuthError, ServiceError, ServiceUnreachableError

URL = "http://127.0.0.1:4200/api"


def answered(code: int, text: str) -> httpx.HTTPStatusError:
    """Return the error of an answer of Prefect."""
    request = httpx.Request("POST", f"{URL}/flow_runs/")
    return httpx.HTTPStatusError(
        "", request=request, response=httpx.Response(code, text=text, request=request)
    )


def raised_in(module: str, error: Exception) -> Exception:
    """Return `error` after code of `module` has raised it."""
    space = {"__name__": module, "error": error}
    try:
        exec("def fail():\n    raise error\nfail()", space)
    except Exception as caught:
        return caught
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (
            answered(401, "{}"),
            ServiceAuthError,
            "answered 401 to POST /api/flow_runs/: {}; check GOLDLOOP_PRE",
        ),
        (answered(403, "{}"), ServiceAuthError, "check GOLDLOOP_PREFECT_AUTH"),
        (
            answered(404, "no"),
            ServiceError,
            "answered 404 to POST /api/flow_runs/: no; check that services.pre",
        ),
        (answered(422, "bad"), ServiceError, "check that services.prefect_url is a Prefect server"),
        (answered(429, "slow"), ServiceError, "answered 429 to POST /api/flow_runs/: slow; wait a minute"),
        (answered(500, "x " * 999), ServiceError, "see the server's log"),
        (answered(503, "database or disk is full"), ServiceError, "the disk of the server is full"),
        (httpx.ReadTimeout("slow"), ServiceUnreachableError, "did not answer in time (ReadTimeout); wait"),
        (
            httpx.ConnectError("refused"),
            ServiceUnreachableError,
            "does not answer (refused). Run `goldloop up`",
        ),
        (json.JSONDecodeError("Expecting value", "<html>", 0), ServiceError, "failed: Expecting value"),
        (RuntimeError("Found incompatible versions"), ServiceError, "failed: Found incompatible versions"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_one_sentence_names_address_answer_and_next_step(
    error: Exception, kind: type[ServiceError], told: str
) -> None:
    """Whatever Prefect did wrong, and however long its answer is."""
    failure = prefect_failure(raised_in("prefect.client.base", error), URL)

    assert type(failure) is kind
    assert str(failure).startswith(f"Prefect at {URL} ")
    assert told in str(failure)
    assert "\n" not in str(failure)
    assert len(str(failure)) < 600


def test_a_failure_behind_another_is_found() -> None:
    """Prefect says only that it failed to reach its server; the cause says why."""
    error = RuntimeError("Failed to reach API")
    error.__cause__ = answered(401, "{}")

    assert isinstance(prefect_failure(error, URL), ServiceAuthError)


@pytest.mark.parametrize("module", ["goldloop.loop.pull", "models.image.network"])
def test_a_mistake_of_ours_is_not_blamed_on_prefect(module: str) -> None:
    """Its traceback is needed."""
    assert prefect_failure(raised_in(module, ValueError("a mistake")), URL) is None
