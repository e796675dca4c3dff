"""Commands beside a proxy: the servers of this machine are asked directly."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from goldloop.services import Endpoints
from tests.e2e.commands import Loop
from tests.e2e.people import answer_all
from tests.images import write_good

pytestmark = pytest.mark.servers


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a proxy that refuses everything, and what it was asked for."""
    requests: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def answer(self) -> None:
            requests.append(f"{self.requestline} {self.headers.get('Authorization', '')}")
            self.send_error(502)

        do_GET = do_POST = do_PATCH = do_PUT = do_CONNECT = answer  # noqa: N815 (the standard library's)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", requests
        server.shutdown()
        thread.join()


def test_no_command_asks_a_proxy_for_a_server_of_this_machine(
    make_loop: Callable[..., Loop],
    services: Endpoints,
    asked: tuple[str, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With HTTP_PROXY set and NO_PROXY not, every command works and the proxy hears of no password."""
    loop = make_loop("beside-a-proxy", labels=["cat", "dog"])
    pictures = write_good(tmp_path / "pictures", 6)[0].parent
    proxy, requests = asked
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")  # httpx alone would refuse to work with it
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, proxy)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    loop.run("up")
    loop.run("score", str(pictures))
    loop.run("push")
    with monkeypatch.context() as direct:
        direct.setenv("NO_PROXY", "*")
        answer_all(services.label_studio, loop.queue(), lambda _: "cat")
    assert loop.json("pull")["n_new"] > 0
    loop.run("retrain", code=1)  # there is no holdout yet
    assert "unknown" not in loop.run("status").out

    assert requests == []
