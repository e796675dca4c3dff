"""The login before MLflow: who gets an answer, by host, origin and password."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from goldloop.services import servers

PORT = 5055


def basic(auth: str) -> str:
    """Return the header of a login."""
    return "Basic " + base64.b64encode(auth.encode()).decode()


OURS = {"host": f"127.0.0.1:{PORT}", "authorization": basic("goldloop:pass:word")}


@pytest.fixture(scope="module")
def login() -> Any:
    """Return the module, which runs inside MLflow's server."""
    path = Path(servers.__file__).parent / "mlflow_server" / "goldloop_mlflow_login.py"
    spec = importlib.util.spec_from_file_location("goldloop_mlflow_login", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answer(login: Any, headers: dict[str, str], *, path: str = "/api", **scope: str) -> int:
    """Return the status of a request; 200 comes from the application behind the login."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    asked = {"type": "http", "method": "GET", "path": path, "headers": raw, **scope}
    asyncio.run(login.Login(app, "goldloop:pass:word", PORT)(asked, None, send))
    return int(sent[0].get("status", 0))


def test_the_login_opens_and_nothing_else_does(login: Any) -> None:
    """A wrong or missing password is 401; only the health check needs none."""
    assert answer(login, OURS) == 200
    assert answer(login, {**OURS, "host": f"localhost:{PORT}"}) == 200
    for header in ("", "Basic", basic("goldloop:"), basic("goldloop:pass"), "Bearer goldloop:pass:word"):
        assert answer(login, {**OURS, "authorization": header}) == 401, header
    assert answer(login, {"host": OURS["host"]}) == 401
    assert answer(login, {"host": OURS["host"]}, path="/health") == 200
    assert answer(login, {"host": OURS["host"]}, path="/health/../api") == 401
    assert answer(login, OURS, type="websocket") == 0


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", ""])
def test_a_foreign_host_gets_nothing(login: Any, host: str) -> None:
    """A name that a stranger's DNS points at this machine is refused, with the login too."""
    assert answer(login, {**OURS, "host": host}) == 403
    assert answer(login, {**OURS, "host": host}, path="/health") == 403


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1:1", "file://"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
def test_a_foreign_page_gets_nothing(login: Any, origin: str, method: str) -> None:
    """Also one that another program serves on loopback; a browser would add the login that it knows."""
    assert answer(login, {**OURS, "origin": origin}, method=method) == 403
    assert answer(login, {**OURS, "origin": f"http://127.0.0.1:{PORT}"}, method=method) == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_foreign_page_may_link_but_not_embed(login: Any, site: str) -> None:
    """A link, as in the page of a round, is followed; images, scripts and forms of others are refused."""
    assert answer(login, {**OURS, "sec-fetch-site": site, "sec-fetch-mode": "navigate"}) == 200
    assert answer(login, {**OURS, "sec-fetch-site": site, "sec-fetch-mode": "no-cors"}) == 403
    posted = {**OURS, "sec-fetch-site": site, "sec-fetch-mode": "navigate"}
    assert answer(login, posted, method="POST") == 403
