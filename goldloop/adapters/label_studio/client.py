"""HTTP client of Label Studio's API: signs in, sends each request once, and returns the JSON of the reply.

It uses httpx and not requests, because httpx has a default timeout, its `Auth` can fetch a new access token
in the middle of a request, and Prefect depends on httpx anyway.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any

import httpx

from goldloop.adapters.label_studio.server import http_client, translated

Params = Mapping[str, Any]
_PAGE = 100  # rows of a paged list per request


class LabelStudioClient:
    """The API of one Label Studio server, for the account of `token`.

    `token` is a legacy token or a personal access token. Every method takes the path of an endpoint below
    `url`. It raises the exceptions of httpx, with `httpx.HTTPStatusError` for an error status, and ValueError
    for a reply that is not JSON. It repeats no request, because the server may have completed a request that
    seemed to fail.

    Raises:
        ServiceError: `url` is not an address.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        with translated(url, "sign in"):
            self._http = http_client(url, auth=_TokenAuth(url, token), follow_redirects=True)

    def get(self, path: str, params: Params | None = None, *, body: object = None) -> Any:
        """Return the reply; `body` holds filters that are too long for a URL."""
        return self._ask("GET", path, params, body)

    def post(self, path: str, body: object, params: Params | None = None) -> Any:
        """Send `body` as JSON and return the reply."""
        return self._ask("POST", path, params, body)

    def patch(self, path: str, body: object) -> Any:
        """Change the object at `path` by the fields in `body` and return the reply."""
        return self._ask("PATCH", path, None, body)

    def delete(self, path: str) -> None:
        """Delete the object at `path`."""
        self._ask("DELETE", path, None, None)

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
