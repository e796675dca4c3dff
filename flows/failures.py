"""Failures of Prefect, in one sentence: what failed, what it said, and the next step."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from goldloop.core.errors import ServiceAuthError, ServiceError, ServiceUnreachableError
from goldloop.core.server_words import in_one_line
from goldloop.services.full_disk import full_disk_under

_ROOMS = ("goldloop", "models", "labelstudio_config")


def prefect_failure(error: Exception, url: str) -> ServiceError | None:
    """Return `error`, which left a flow, as an error of goldloop; None if it is not Prefect's.

    goldloop's own clients translate every error of httpx, so one that leaves a flow is Prefect's. Any other
    error is Prefect's if Prefect's code raised it.
    """
    cause = next((one for one in _chain(error) if isinstance(one, httpx.HTTPError)), None)
    if cause is None and _raised_in(error) != "prefect":
        return None
    if isinstance(cause, httpx.HTTPStatusError):
        return _refused(cause.response, url)
    said = in_one_line(str(cause or error)) or type(cause or error).__name__
    if isinstance(cause, httpx.TimeoutException):
        return ServiceUnreachableError(
            f"Prefect at {url} did not answer in time ({type(cause).__name__}); "
            f"{_next_step(said, url, 'wait a minute, then run this again')}"
        )
    if isinstance(cause, httpx.TransportError):
        return ServiceUnreachableError(
            f"Prefect at {url} does not answer ({said}). {_next_step(said, url, 'Run `goldloop up`.')}"
        )
    step = "check that this address is a Prefect server of version 3.9 or later, then run this again"
    return ServiceError(f"Prefect at {url} failed: {said}; {_next_step(said, url, step)}")


def _refused(response: httpx.Response, url: str) -> ServiceError:
    asked = f"{response.request.method} {response.request.url.path}"
    said = in_one_line(response.text) or "nothing"
    seen = f"Prefect at {url} answered {response.status_code} to {asked}: {said}"
    if response.status_code in (401, 403):
        step = "check GOLDLOOP_PREFECT_AUTH, or for an embedded server run `goldloop up`"
        return ServiceAuthError(f"{seen}; {step}")
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return ServiceError(f"{seen}; wait a minute, then run this again")
    if response.status_code < 500:
        step = "check that services.prefect_url is a Prefect server of version 3.9 or later"
        return ServiceError(f"{seen}; {step}")
    step = "see the server's log (services/logs/prefect.log), then run this again"
    return ServiceError(f"{seen}; {_next_step(said, url, step)}")


def _next_step(said: str, url: str, otherwise: str) -> str:
    return full_disk_under(url, said) or otherwise


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _raised_in(error: BaseException) -> str | None:
    """Return the innermost of our rooms, or Prefect, through which `error` came."""
    found, frame = None, error.__traceback__
    while frame is not None:
        root = str(frame.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        found = root if root in (*_ROOMS, "prefect") else found
        frame = frame.tb_next
    return found
