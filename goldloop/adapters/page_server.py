"""The workspace's page over HTTP, for whoever has its link, on this machine."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlencode, urlsplit

from goldloop.adapters.http_server import HttpServer
from goldloop.core.errors import GoldloopError, ServiceError
from goldloop.settings.metrics import MetricsAddress

KEY = "key"
"""Name of the part of the link that bears the secret."""

_TIMEOUT_S = 30
_MOST_LETTERS = 2000  # of an address
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Render = Callable[[Mapping[str, str]], str]
"""Returns the page as HTML for what the address asks for, by name."""


class PageServer(HttpServer):
    """Answers GET / with the page that `render` returns, from threads of this process, until it is closed.

    The first request bears the secret `key` in its address, and gets a cookie for the next ones.
    """

    def __init__(self, address: MetricsAddress, render: Render, *, key: str) -> None:
        """Listen at `address`, which only this machine reaches.

        Raises:
            ServiceError: the address is taken, or other machines can reach it.
        """
        if not address.is_loopback or ":" in address.host:
            raise ServiceError(
                "the page shows samples and answers, so that it is served at 127.0.0.1 only, got "
                f"{address.host}; for others put a proxy with a login and TLS before it, which asks it as "
                "Host 127.0.0.1"
            )

        class Handler(_Handler):
            page = staticmethod(render)
            secret = key

        super().__init__(address, Handler, what="the page", option="--page")


class _Handler(BaseHTTPRequestHandler):
    page: Render
    secret: str
    timeout = _TIMEOUT_S
    server_version, sys_version = "goldloop", ""

    def do_GET(self) -> None:
        """Answer with the page, or say what is missing."""
        address = urlsplit(self.path)
        asked = dict(parse_qsl(address.query)) if len(self.path) <= _MOST_LETTERS else {}
        given = asked.pop(KEY, "")
        if not self._is_asked_here():
            self._answer(403, "the page of this machine is asked under its own name\n")  # DNS rebinding
        elif address.path != "/":
            self._answer(404, "the page is at /\n")
        elif given and self._is_secret(given):
            self._enter(asked)
        elif not self._is_secret(self._cookie()):
            self._answer(401, "open the link that `goldloop serve --page` prints\n")
        else:
            self._render(asked)

    def _render(self, asked: Mapping[str, str]) -> None:
        try:
            html = type(self).page(asked)
        except GoldloopError as error:
            self._answer(503, f"the page cannot be made now: {error}\n")
        else:
            self._answer(200, html, "text/html; charset=utf-8")

    def _enter(self, asked: Mapping[str, str]) -> None:
        """Set the cookie and send the browser to the same address without the secret."""
        rest = f"?{urlencode(asked)}" if asked else ""
        cookie = f"{self._cookie_name}={self.secret}; Path=/; HttpOnly; SameSite=Strict"
        self._answer(303, "", headers={"Location": f"/{rest}", "Set-Cookie": cookie})

    @property
    def _cookie_name(self) -> str:
        """Name with the port: browsers send cookies to all ports of a host."""
        return f"goldloop_page_{self.connection.getsockname()[1]}"

    def _cookie(self) -> str:
        try:
            found = SimpleCookie(self.headers.get("Cookie", "")).get(self._cookie_name)
        except CookieError:
            return ""
        return found.value if found else ""

    def _is_secret(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.secret.encode())

    def _is_asked_here(self) -> bool:
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        return host in ("127.0.0.1", "localhost")

    def _answer(
        self,
        status: int,
        content: str,
        kind: str = "text/plain; charset=utf-8",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        body = content.encode()
        self.send_response(status)
        for name, value in {**_HEADERS, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: an address may hold the secret."""
