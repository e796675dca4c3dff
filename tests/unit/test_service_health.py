"""Health of a server elsewhere: what answers there is the server, not a page before it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from goldloop.core.errors import ServiceUnreachableError
from goldloop.services import Endpoints, LabelStudioEndpoint, MlflowEndpoint, PrefectEndpoint
from goldloop.services.health import check_health

PERSONAL_TOKEN = "a.b.c"


@contextmanager
def answering(body: bytes) -> Iterator[Endpoints]:
    """Yield the endpoints of three servers that answer everything with `body`."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815  # names the base class asks for

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{httpd.server_port}"
        try:
            yield Endpoints(
                LabelStudioEndpoint(url, PERSONAL_TOKEN), PrefectEndpoint(url), MlflowEndpoint(url)
            )
        finally:
            httpd.shutdown()
            thread.join()


@pytest.mark.parametrize("name", ["label_studio", "prefect", "mlflow"])
def test_a_page_is_no_server(name: str) -> None:
    """Such as the login page of a proxy: `goldloop up` does not report a server there."""
    with (
        answering(b"\n<!doctype html><title>Log in</title>") as endpoints,
        pytest.raises(ServiceUnreachableError, match="answers with an HTML page; check the address"),
    ):
        check_health(name, endpoints)


@pytest.mark.parametrize("body", [b"true", b"[]", b"{}", b"OK"])
def test_what_gives_no_access_token_is_no_label_studio(body: bytes) -> None:
    """A personal access token is exchanged first; another answer is named, with the address."""
    with (
        answering(body) as endpoints,
        pytest.raises(ServiceUnreachableError, match=r"/api/token/refresh/ gives no access token; check"),
    ):
        check_health("label_studio", endpoints)
