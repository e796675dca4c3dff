"""Connections to a Label Studio server, and the translation of its failures into goldloop's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from goldloop.core.errors import ServiceAuthError, ServiceError, ServiceUnreachableError

TIMEOUT_S = 60.0
_MAX_DETAIL = 400  # characters of the server's reply in an error message
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_GATEWAY = {502, 503, 504}  # status codes of a proxy whose server does not answer


def http_client(url: str, *, auth: httpx.Auth | None = None, follow_redirects: bool = False) -> httpx.Client:
    """Return a client for `url` that opens a connection for each request.

    A kept connection would be dead after a restart of the server, and a POST on it must not be repeated. For
    a loopback address, the client ignores the proxies of the environment.
    """
    return httpx.Client(
        base_url=url,
        auth=auth,
        timeout=TIMEOUT_S,
        follow_redirects=follow_redirects,
        trust_env=urlsplit(url).hostname not in _LOOPBACK,
        limits=httpx.Limits(max_keepalive_connections=0),
    )


def _status_error(url: str, doing: str, status: int, body: str) -> ServiceError:
    detail = " ".join(body.split())[:_MAX_DETAIL]
    seen = f"Label Studio at {url} answered {status} when asked to {doing}"
    if status in {401, 403}:
        return ServiceAuthError(
            f"{seen}: {detail}; check that the token is one of this server (its Account & Settings page)"
        )
    if status in _GATEWAY:
        return ServiceUnreachableError(f"{seen}: {detail}; wait until the server is up, then run this again")
    if status == 404:
        return ServiceError(f"{seen}: {detail}; check the address, and that the project was not deleted")
    return ServiceError(f"{seen}: {detail}; see the server's log, then run this again")


@contextmanager
def translated(url: str, doing: str) -> Iterator[None]:
    """Turn every failure of httpx and of parsing a reply into a ServiceError.

    `doing` completes "asked to ..." in the message. The server may have completed a request whose reply was
    lost, so callers reconcile with the server before they repeat it.
    """
    try:
        yield
    except httpx.TimeoutException as error:
        raise ServiceUnreachableError(
            f"Label Studio at {url} did not answer within {TIMEOUT_S:.0f} s when asked to {doing} "
            f"({type(error).__name__}); it may still do it, so wait a minute, then run this again"
        ) from error
    except httpx.TransportError as error:
        raise ServiceUnreachableError(
            f"Label Studio at {url} does not answer when asked to {doing} ({type(error).__name__}: {error}); "
            "start it with 'goldloop up', or check the address, then run this again"
        ) from error
    except httpx.HTTPStatusError as error:
        raise _status_error(url, doing, error.response.status_code, error.response.text) from error
    except (
        httpx.HTTPError,
        httpx.InvalidURL,
        httpx.CookieConflict,
        httpx.StreamError,
        *(AttributeError, KeyError, TypeError, ValueError),  # the reply is JSON, but not from Label Studio
    ) as error:
        raise ServiceError(
            f"Label Studio at {url} could not be understood when asked to {doing} "
            f"({type(error).__name__}: {' '.join(str(error).split())[:_MAX_DETAIL]}); "
            "check that this is a Label Studio 1.23 or later and that the address is right"
        ) from error
