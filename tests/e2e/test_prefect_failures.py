"""Prefect fails in the middle of a command: one sentence with cause, value and next step."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from goldloop.services import Endpoints
from tests.e2e.commands import Loop

pytestmark = pytest.mark.servers

PAGE = b"<html><body><h1>Server Error (500)</h1></body></html>"
SMALL_WAITS = {"PREFECT_CLIENT_MAX_RETRIES": "0"}


class Broken:
    """The real Prefect behind a server that answers in its place where a test wants it to."""

    def __init__(self, url: str) -> None:
        self.real, self.path, self.code, self.body = url, "", 500, PAGE
        broken = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if broken.path and self.path.startswith(broken.path):
                    status, content, kind = broken.code, broken.body, "text/html"
                else:
                    passed = {"Authorization", "Content-Type", "X-PREFECT-API-VERSION"}
                    headers = {name: value for name, value in self.headers.items() if name in passed}
                    reply = httpx.request(
                        self.command, broken.real + self.path, content=body, headers=headers,
                        timeout=60, trust_env=False,
                    )  # fmt: skip
                    status, content = reply.status_code, reply.content
                    kind = reply.headers.get("Content-Type", "application/json")
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def broken(services: Endpoints) -> Iterator[Broken]:
    """Yield the real Prefect, about to break."""
    made = Broken(services.prefect.url)
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@dataclass(frozen=True)
class Case:
    """What Prefect answers to requests whose path begins so, and what goldloop says of it."""

    path: str
    code: int
    body: bytes
    told: str


@pytest.mark.parametrize(
    "case",
    [
        Case(
            "/api/flows/", 500, PAGE, "answered 500 to POST /api/flows/: an HTML page; see the server's log"
        ),
        Case(
            "/api/flow_runs/",
            500,
            b'{"exception_message": "database or disk is full"}',
            "disk .* is full: free",
        ),
        Case("/api/artifacts/", 502, b"", r"answered 502 to POST /api/artifacts/"),
        Case(
            "/api/flow_runs/",
            401,
            b'{"detail": "Unauthorized"}',
            "answered 401 .*check GOLDLOOP_PREFECT_AUTH",
        ),
        Case("/api/", 404, b'{"detail": "Not Found"}', "Prefect at .*services.prefect_url"),
        Case("/api/", 200, PAGE, "Prefect at "),
        Case("/api/flow_runs/", 200, b"{}", "Prefect at .*check that this address is a Prefect"),
    ],
    ids=lambda case: f"{case.path} {case.code}",
)
def test_an_answer_of_prefect_is_one_sentence(
    make_loop: Callable[..., Loop],
    services: Endpoints,
    broken: Broken,
    monkeypatch: pytest.MonkeyPatch,
    case: Case,
) -> None:
    """Exit code 1 and one line, whatever Prefect answers and wherever the command is."""
    for name, value in SMALL_WAITS.items():
        monkeypatch.setenv(name, value)
    behind = replace(services, prefect=replace(services.prefect, url=broken.url))
    loop = make_loop("prefect-breaks", labels=["cat", "dog"])
    settings = loop.root / "goldloop.toml"
    settings.write_text(settings.read_text().replace(services.prefect.url, behind.prefect.url))
    broken.path, broken.code, broken.body = case.path, case.code, case.body

    ended = loop.run("pull", code=1)

    lines = ended.err.splitlines()
    assert len(lines) == 1, ended.err
    assert lines[0].startswith("error: Prefect at ")
    assert re.search(case.told, lines[0]), lines[0]
