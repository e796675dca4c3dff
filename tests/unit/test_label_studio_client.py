"""The HTTP client of Label Studio signs in, pages through lists and sends every request once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from goldloop.adapters.label_studio import client as label_studio_client
from goldloop.adapters.label_studio.client import LabelStudioClient, translated
from goldloop.core.errors import ServiceAuthError, ServiceError, ServiceUnreachableError

LEGACY = "0123456789abcdef0123456789abcdef01234567"
PERSONAL = "header.payload.signature"  # a JWT has two dots


class FakeServer(ThreadingHTTPServer):
    """A server that takes both kinds of token, lists three projects on two pages and logs every request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[tuple[str, str, str | None]] = []
        self.bodies: list[Any] = []
        self.n_access_tokens = 0
        self.is_revoked = False
        self.status = 200
        self.delay = threading.Event()
        self.is_hung = False

    @property
    def accepted(self) -> set[str]:
        """What the header Authorization may hold; an access token replaces the one before."""
        return {f"Token {LEGACY}", f"Bearer access-{self.n_access_tokens}"}


class _Handler(BaseHTTPRequestHandler):
    server: FakeServer

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        signature = self.headers.get("Authorization")
        self.server.asked.append((self.command, self.path, signature))
        self.server.bodies.append(json.loads(body) if body else None)
        if self.server.is_hung:
            self.server.delay.wait(30)
        address = urlsplit(self.path)
        if address.path == "/ls/api/token/refresh/":
            known = self.server.bodies[-1] == {"refresh": PERSONAL} and not self.server.is_revoked
            self.server.n_access_tokens += known
            reply = (
                {"access": f"access-{self.server.n_access_tokens}"} if known else {"detail": "no such token"}
            )
            self._send(200 if known else 401, json.dumps(reply).encode())
        elif signature not in self.server.accepted:
            self._send(401, b'{"detail": "Invalid token."}')
        elif self.command == "DELETE":
            self._send(204, b"")
        elif address.path == "/ls/api/projects/" and self.command == "GET":
            page = int(parse_qs(address.query)["page"][0])
            more = {"next": "http://unreachable.invalid/?page=2" if page == 1 else None}
            rows = [{"id": 1}, {"id": 2}] if page == 1 else [{"id": 3}]
            self._send(200, json.dumps({"results": rows, **more}).encode())
        else:
            self._send(self.server.status, b'{"id": 7}')

    do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815  # names the base class asks for

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A running server below the path /ls, as behind a proxy."""
    with FakeServer() as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield httpd
        finally:
            httpd.delay.set()
            httpd.shutdown()
            thread.join()


def client(server: FakeServer, token: str = LEGACY) -> LabelStudioClient:
    """Return the client of an account with `token`."""
    return LabelStudioClient(f"{server.url}/ls", token)


def test_a_legacy_token_signs_every_request(server: FakeServer) -> None:
    """No request is spent on an access token, and the path of the server's address is kept."""
    assert client(server).get("/api/users/") == {"id": 7}
    assert server.asked == [("GET", "/ls/api/users/", f"Token {LEGACY}")]


def test_a_personal_access_token_gets_an_access_token_once(server: FakeServer) -> None:
    """The first request fetches an access token, later ones use it."""
    labels = client(server, PERSONAL)

    labels.get("/api/users/")
    labels.get("/api/users/")

    refresh, *rest = server.asked
    assert refresh[:2] == ("POST", "/ls/api/token/refresh/")
    assert rest == [("GET", "/ls/api/users/", "Bearer access-1")] * 2


def test_an_expired_access_token_is_replaced(server: FakeServer) -> None:
    """A request answered with 401 is sent again, whole, with a new access token."""
    labels = client(server, PERSONAL)
    labels.get("/api/users/")
    server.n_access_tokens += 1  # the token that the client holds has expired

    assert labels.post("/api/projects/1/import", [{"data": {}}]) == {"id": 7}

    assert [signature for _, _, signature in server.asked[-3:]] == [
        "Bearer access-1",
        None,
        "Bearer access-3",
    ]
    assert server.bodies[-3:] == [[{"data": {}}], {"refresh": PERSONAL}, [{"data": {}}]]


@pytest.mark.parametrize("token", ["wrong", PERSONAL])
def test_a_token_that_the_server_refuses_is_named_as_the_cause(server: FakeServer, token: str) -> None:
    """An unknown legacy token and a revoked personal access token both end after one 401."""
    server.is_revoked = True

    with (
        pytest.raises(ServiceAuthError, match=r"answered 401.*check that the token"),
        translated("url", "push"),
    ):
        client(server, token).get("/api/users/")

    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_no_request_is_sent_twice(server: FakeServer, status: int) -> None:
    """A POST that seems to have failed may have been carried out, so it is not repeated."""
    server.status = status

    with pytest.raises(httpx.HTTPStatusError):
        client(server).post("/api/projects/1/import", [])

    assert len(server.asked) == 1


@pytest.mark.parametrize("token", [LEGACY, PERSONAL])
def test_a_server_that_hangs_is_given_up(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """The timeout holds for the request itself and for the one that fetches an access token."""
    monkeypatch.setattr(label_studio_client, "TIMEOUT_S", 0.2)
    server.is_hung = True

    with pytest.raises(ServiceUnreachableError, match="did not answer within"), translated("url", "push"):
        client(server, token).post("/api/projects/1/import", [])

    assert len(server.asked) == 1


def test_every_page_of_a_list_is_read(server: FakeServer) -> None:
    """The client requests pages by number: only a proxy may reach the next page's address."""
    rows = client(server).pages("/api/projects/", {"title": "a & b"})

    assert [row["id"] for row in rows] == [1, 2, 3]
    queries = [parse_qs(urlsplit(path).query) for _, path, _ in server.asked]
    assert [(query["title"], query["page"]) for query in queries] == [(["a & b"], ["1"]), (["a & b"], ["2"])]


def test_a_reply_without_content_is_none(server: FakeServer) -> None:
    """Deleting and changing return the reply of the server, which may be empty."""
    labels = client(server)

    labels.delete("/api/dm/views/1/")
    assert labels.patch("/api/projects/1/", {"title": "new"}) == {"id": 7}

    assert [(method, path) for method, path, _ in server.asked] == [
        ("DELETE", "/ls/api/dm/views/1/"),
        ("PATCH", "/ls/api/projects/1/"),
    ]
    assert server.bodies == [None, {"title": "new"}]


def test_an_address_that_is_none_is_refused() -> None:
    """A malformed address is one of goldloop's errors before anything is sent."""
    with pytest.raises(ServiceError, match="could not be understood when asked to sign in"):
        LabelStudioClient("http://[broken", LEGACY)
