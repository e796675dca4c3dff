"""A proxy on loopback between the commands and one server, which does harm to the requests it is told to."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_HOPS = {"connection", "keep-alive", "transfer-encoding", "content-length", "proxy-connection"}
_PATIENCE_S = 120.0  # of the proxy with a server; it outlives every command
HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Welcome</h1></body></html>"


class Ill(StrEnum):
    """What befalls a request and its reply."""

    LOST = "lost"  # the server did it; the connection closes without a reply
    HANG = "hang"  # no reply until the fault is lifted, and none then
    HELD = "held"  # the same, and the server gets the request only when it is released
    STATUS = "status"  # a 5xx answer
    HTML = "html"  # status 200 and a page
    CUT = "cut"  # half of the body
    DEED = "deed"  # something is done to the command or to a server


@dataclass
class Illness:
    """What befalls the `nth` request to `server` (all from there on, if it `lasts`), before or after it.

    `reached` is set where it happens first; `lifted` ends it; `released` lets held requests go on.
    """

    ill: Ill
    server: str
    nth: int
    lasts: bool = False
    is_after: bool = False
    status: int = 503
    deed: Callable[[], None] = lambda: None
    reached: threading.Event = field(default_factory=threading.Event)
    lifted: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    where: str = ""


class Ward:
    """What the proxies of one stack share: the present illness, if any, and the requests since `begin`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests: list[tuple[str, str]] = []
        self._illness: Illness | None = None
        self._late: list[threading.Thread] = []

    def begin(self, illness: Illness | None = None) -> None:
        """Forget the requests so far; let `illness` befall those that come."""
        with self._lock:
            self.requests, self._illness = [], illness

    def end(self) -> list[tuple[str, str]]:
        """Lift the illness; return the requests since `begin`: server, and method with path."""
        with self._lock:
            if self._illness:
                self._illness.lifted.set()
            self._illness = None
            return self.requests

    def release(self, illness: Illness) -> None:
        """Let the requests that are held go on to their server, and wait until it has answered them."""
        illness.released.set()
        for thread in self._late:
            thread.join(_PATIENCE_S)
        self._late.clear()

    def illness_of(self, server: str, request: str) -> Illness | None:
        """Note a request and return what befalls it."""
        with self._lock:
            self.requests.append((server, request))
            illness = self._illness
            if illness is None or illness.server != server:
                return None
            number = sum(one == server for one, _ in self.requests)
            if number < illness.nth or (number > illness.nth and not illness.lasts):
                return None
            if not illness.reached.is_set():
                illness.where = request
                illness.reached.set()
            return illness

    def hold(self, work: Callable[[], object]) -> None:
        """Do `work` in a thread that `release` waits for."""
        thread = threading.Thread(target=work, daemon=True)
        self._late.append(thread)
        thread.start()


class Proxy:
    """Stands before the server `name` at `url`, on a free port."""

    def __init__(self, name: str, url: str, ward: Ward) -> None:
        handler = type("Handler", (_Handler,), {"name": name, "upstream": urlsplit(url).netloc, "ward": ward})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def close(self) -> None:
        """End the proxy."""
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class _Handler(BaseHTTPRequestHandler):
    name: str
    upstream: str
    ward: Ward
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # the command has gone away
            super().handle_one_request()
            return
        self.close_connection = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._pass
        raise AttributeError(name)

    def _pass(self) -> None:
        if "upgrade" in self.headers.get("connection", "").lower():
            self._tunnel()
            return
        body = self._body()
        request = f"{self.command} {urlsplit(self.path).path}"
        illness = self.ward.illness_of(self.name, request)
        try:
            reply = self._forward(body) if illness is None else self._ail(illness, body)
        except (OSError, http.client.HTTPException):  # the server is gone
            reply = None
        if reply is None:
            self._hang_up()
        else:
            self._send(reply)

    def _ail(self, illness: Illness, body: bytes) -> _Reply | None:
        if illness.ill is Ill.HELD:
            self.ward.hold(lambda: illness.released.wait(_PATIENCE_S) and self._forward(body))
        elif illness.ill is Ill.DEED and not illness.is_after:
            illness.deed()
        needs_reply = illness.ill in {Ill.LOST, Ill.CUT, Ill.DEED} or illness.is_after
        reply = self._forward(body) if needs_reply and illness.ill is not Ill.HELD else None
        if illness.ill in {Ill.HANG, Ill.HELD}:
            illness.lifted.wait(_PATIENCE_S)
            return None
        if illness.ill is Ill.DEED:
            if illness.is_after:
                illness.deed()
            return reply
        if illness.ill is Ill.STATUS:
            return _Reply(illness.status, [("Content-Type", "text/plain")], b"upstream connect error\n")
        if illness.ill is Ill.HTML:
            return _Reply(200, [("Content-Type", "text/html; charset=utf-8")], HTML)
        if illness.ill is Ill.CUT and reply is not None:
            self._send(reply, cut=True)
        return None

    def _forward(self, body: bytes) -> _Reply:
        return _ask(self.upstream, body, command=self.command, path=self.path, headers=self._headers())

    def _headers(self) -> dict[str, str]:
        kept = {name: value for name, value in self.headers.items() if name.lower() not in _HOPS | {"host"}}
        return kept | {"Host": self.upstream, "Connection": "close"}

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("transfer-encoding", "").lower():
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, reply: _Reply, *, cut: bool = False) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers:
            if name.lower() not in _HOPS:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body) + (10 if cut and not reply.body else 0)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[: len(reply.body) // 2] if cut else reply.body)
        if cut:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _tunnel(self) -> None:
        """Pass on a WebSocket, which Prefect's client opens for its events."""
        host, _, port = self.upstream.partition(":")
        with socket.create_connection((host, int(port)), timeout=_PATIENCE_S) as server:
            lines = [self.requestline, *(f"{name}: {value}" for name, value in self.headers.items()), "", ""]
            server.sendall("\r\n".join(lines).encode())
            back = threading.Thread(target=_pump, args=(server, self.connection), daemon=True)
            back.start()
            _pump(self.connection, server)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _ask(upstream: str, body: bytes, *, command: str, path: str, headers: dict[str, str]) -> _Reply:
    connection = http.client.HTTPConnection(upstream, timeout=_PATIENCE_S)
    try:
        connection.request(command, path, body or None, headers | {"Content-Length": str(len(body))})
        answer = connection.getresponse()
        return _Reply(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
