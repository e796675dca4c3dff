"""HTTP client of Label Studio's API: signs in, sends each request once, and returns the JSON of the reply.

It uses httpx and not requests, because httpx has a default timeout, its `Auth` can fetch a new access token
in the middle of a request, and Prefect depends on httpx anyway. `translated` turns every failure into one of
goldloop's errors.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from goldloop.adapters.label_studio.task_keys import TaskKeys
from goldloop.core.errors import ServiceAuthError, ServiceError, ServiceUnreachableError
from goldloop.core.loopback import client_options
from goldloop.core.server_words import in_one_line
from goldloop.services.full_disk import full_disk_under

Params = Mapping[str, Any]
TIMEOUT_S = 60.0
_MAX_DETAIL = 400  # characters of the server's reply in an error message
_GATEWAY = {502, 503, 504}  # status codes of a proxy whose server does not answer
_NOT_THERE = {404, 405}
_PAGE = 100  # rows of a paged list per request


class LabelStudioClient:
    """The API of one Label Studio server, for the account of `token`.

    `token` is a legacy token or a personal access token. Every method takes the path of an endpoint below
    `url`. It raises the exceptions of httpx, with `httpx.HTTPStatusError` for an error status, and ValueError
    for a reply that is not JSON. It repeats no request, because the server may have completed a request that
    seemed to fail. `keys` translates the keys of tasks in lists.

    Raises:
        ServiceError: `url` is not an address.
    """

    def __init__(self, url: str, token: str, keys: TaskKeys | None = None) -> None:
        self.url = url
        self.keys = keys or TaskKeys()
        self._absent: set[str] = set()
        with translated(url, "sign in"):
            self._http = http_client(url, auth=_TokenAuth(url, token), follow_redirects=True)

    def get(self, path: str, params: Params | None = None, *, body: object = None) -> Any:
        """Return the reply; `body` holds filters that are too long for a URL."""
        return self._ask("GET", path, params, body)

    def post(self, path: str, body: object, params: Params | None = None) -> Any:
        """Send `body` as JSON and return the reply."""
        return self._ask("POST", path, params, body)

    def post_if_there(self, path: str, body: object) -> Any:
        """Send `body` to an address that not every server has; return the reply, or None where it is not.

        A server that has not got it is not asked again.
        """
        if path in self._absent:
            return None
        try:
            return self.post(path, body)
        except httpx.HTTPStatusError as error:
            if error.response.status_code not in _NOT_THERE:
                raise
            self._absent.add(path)
            return None

    def patch(self, path: str, body: object) -> Any:
        """Change the object at `path` by the fields in `body` and return the reply."""
        return self._ask("PATCH", path, None, body)

    def delete(self, path: str) -> None:
        """Delete the object at `path`."""
        self._ask("DELETE", path, None, None)

    def content(self, path: str) -> bytes:
        """Return the file at `path` of the server; a redirect to another server goes without the token."""
        return self._http.get(path).raise_for_status().content

    def pages(self, path: str, params: Params) -> Iterator[dict[str, Any]]:
        """Yield every row of a list with numbered pages."""
        page = 1
        while True:
            reply = self.get(path, {**params, "page": page, "page_size": _PAGE})
            yield from reply["results"]
            if not reply["next"]:  # a URL; behind a proxy, perhaps one that only the proxy can reach
                return
            page += 1

    def _ask(self, method: str, path: str, params: Params | None, body: object) -> Any:
        reply = self._http.request(method, path, params=params, json=body).raise_for_status()
        return reply.json() if reply.content else None


class _TokenAuth(httpx.Auth):
    """Signs requests with a legacy token, or with an access token from a personal access token.

    A personal access token is a JWT; its access tokens are valid for 300 s. Label Studio does nothing for a
    request that it answers with 401, so the client sends such a request again with a new token.
    """

    requires_response_body = True

    def __init__(self, url: str, token: str) -> None:
        self._refresh_url = f"{url.rstrip('/')}/api/token/refresh/"
        self._token = token
        self._is_legacy = token.count(".") != 2  # a legacy token has 40 hexadecimal digits
        self._signature = f"Token {token}" if self._is_legacy else ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield `request`, signed; before it, or after a 401, the one for a new access token."""
        if self._signature:
            request.headers["Authorization"] = self._signature
            reply = yield request
            if self._is_legacy or reply.status_code != httpx.codes.UNAUTHORIZED:
                return
        body, timeouts = {"refresh": self._token}, request.extensions
        reply = yield httpx.Request("POST", self._refresh_url, json=body, extensions=timeouts)
        self._signature = f"Bearer {reply.raise_for_status().json()['access']}"
        request.headers["Authorization"] = self._signature
        yield request


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
        limits=httpx.Limits(max_keepalive_connections=0),
        **client_options(url),
    )


def _status_error(url: str, doing: str, status: int, body: str) -> ServiceError:
    detail = in_one_line(body, _MAX_DETAIL)
    seen = f"Label Studio at {url} answered {status} when asked to {doing}: {detail}"
    if status in {401, 403}:
        return ServiceAuthError(
            f"{seen}; check that the token is one of this server (its Account & Settings page)"
        )
    if status in _GATEWAY:
        return ServiceUnreachableError(f"{seen}; wait until the server is up, then run this again")
    if status == 404:
        return ServiceError(f"{seen}; check the address, and that the project was not deleted")
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return ServiceError(f"{seen}; wait a minute, then run this again")
    step = full_disk_under(url, body) or "see the server's log, then run this again"
    return ServiceError(f"{seen}; {step}")


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
        step = (
            full_disk_under(url, "")
            or "start it with 'goldloop up', or check the address, then run this again"
        )
        raise ServiceUnreachableError(
            f"Label Studio at {url} does not answer when asked to {doing} ({type(error).__name__}: {error}); "
            f"{step}"
        ) from error
    except ImportError as error:  # httpx lacks a package for the proxy that the environment names
        step = "Do that, or unset the proxy (ALL_PROXY), then run this again"
        raise ServiceError(f"Label Studio at {url} cannot be asked to {doing}: {error} {step}") from error
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
            f"({type(error).__name__}: {in_one_line(str(error), _MAX_DETAIL)}); "
            "check that this is a Label Studio 1.23 or later and that the address is right"
        ) from error
