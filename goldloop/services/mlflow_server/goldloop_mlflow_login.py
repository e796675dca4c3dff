"""The login before the embedded MLflow: without it, or from a foreign page or host, a request gets nothing.

MLflow's own login needs a package that MLflow does not install, and asks a database at every request.
"""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOGIN_VARIABLE = "GOLDLOOP_MLFLOW_AUTH"
PORT_VARIABLE = "GOLDLOOP_MLFLOW_PORT"
HEALTH = "/health"  # tells nothing but that the server runs
FOREIGN = (b"cross-site", b"same-site")  # another port of this machine is the same site


class Login:
    """ASGI application that passes to `app` what the holder of `auth` ("user:password") asks on `port`."""

    def __init__(self, app: App, auth: str, port: int) -> None:
        self._app = app
        self._expected = b"Basic " + base64.b64encode(auth.encode())
        self._hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost")}
        self._origins = {b"http://" + host for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 to foreign hosts and pages, 401 without the login; pass all else on."""
        if scope["type"] == "websocket":  # MLflow has none
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http" or (status := self._refusal(scope)) is None:
            await self._app(scope, receive, send)
        else:
            headers = [(b"content-type", b"text/plain")]
            if status == 401:
                headers.append((b"www-authenticate", b'Basic realm="MLflow of goldloop"'))
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b"goldloop up prints the login of MLflow\n"})

    def _refusal(self, scope: Scope) -> int | None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if headers.get(b"host") not in self._hosts:
            return 403
        if headers.get(b"origin", next(iter(self._origins))) not in self._origins:
            return 403
        is_link = headers.get(b"sec-fetch-mode") == b"navigate" and scope["method"] == "GET"
        if headers.get(b"sec-fetch-site") in FOREIGN and not is_link:
            return 403
        is_known = hmac.compare_digest(headers.get(b"authorization", b""), self._expected)
        return None if is_known or scope["path"] == HEALTH else 401


def create_app() -> Login:
    """Return MLflow's application behind the login that the environment names."""
    from mlflow.server.fastapi_app import app

    return Login(app, os.environ[LOGIN_VARIABLE], int(os.environ[PORT_VARIABLE]))
