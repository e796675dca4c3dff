"""No request to this machine goes through a proxy."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import getproxies, proxy_bypass

import httpx
import pytest
import requests

from flows.environment import prefect_environment
from goldloop.adapters.label_studio import LabelStudioQueue, Projects
from goldloop.core.errors import ServiceError
from goldloop.core.labels import LabelSet
from goldloop.core.loopback import direct_loopback, is_loopback
from goldloop.services.servers import server_environment
from goldloop.settings.workspace import Workspace

PROXY = "http://proxy.example:3128"
PROXIES = ("HTTP_PROXY", "https_proxy", "ALL_PROXY")


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Yield what a proxy that answers everything was asked for; the environment names it for every scheme."""
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.append(f"{self.requestline} {self.headers.get('Authorization', '')}")
            self.send_response(200)
            self.end_headers()

        do_GET = do_POST = do_PATCH = do_CONNECT = answer  # noqa: N815 (names the standard library calls)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        for name in PROXIES:
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield asked
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4200/api",
        "http://localhost",
        "https://[::1]:80",
        "http://127.1.2.3",
        "http://0.0.0.0:1",
    ],
)
def test_this_machine_has_several_addresses(url: str) -> None:
    """Each of them is this machine."""
    assert is_loopback(url)


@pytest.mark.parametrize("url", ["http://10.0.0.1", "http://127.0.0.1.example", "", "host:1"])
def test_other_machines_are_others(url: str) -> None:
    """A name that only begins like one of ours, or no name, is none of ours."""
    assert not is_loopback(url)


def test_what_is_no_address_is_refused() -> None:
    """The clients turn that into an error of goldloop."""
    with pytest.raises(ValueError, match="Invalid"):
        is_loopback("http://[broken")


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"])
def test_whatever_names_the_proxy_this_machine_is_excepted(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exceptions of the user stay; both clients that read the environment leave the proxy out."""
    for other in (*PROXIES, "no_proxy", "NO_PROXY", name):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, PROXY)
    monkeypatch.setenv("NO_PROXY", "intern.example")

    made = direct_loopback(os.environ, "http://127.0.0.9:5000")
    for variable, value in made.items():
        monkeypatch.setenv(variable, value)

    assert set(made) == {"no_proxy", "NO_PROXY"}
    assert made["no_proxy"] == "intern.example,127.0.0.1,localhost,::1,127.0.0.9"
    assert getproxies()
    for host in ("127.0.0.1:4200", "localhost", "127.0.0.9:5000", "a.intern.example"):
        assert proxy_bypass(host)
        assert requests.utils.should_bypass_proxies(f"http://{host}/", no_proxy=None)
    assert not proxy_bypass("example.org")


def test_without_a_proxy_nothing_is_set() -> None:
    """And an exception from everything stays one."""
    assert direct_loopback({"NO_PROXY": "a"}) == {}
    assert direct_loopback({"http_proxy": ""}) == {}
    assert direct_loopback({"http_proxy": PROXY, "NO_PROXY": "*"}) == {"no_proxy": "*", "NO_PROXY": "*"}


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "http://proxy:port", "ftp://proxy"])
def test_a_proxy_that_httpx_cannot_use_does_not_stop_it(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """httpx refuses to make a client for it, although nothing would go through it; elsewhere that is told."""
    for name in (*PROXIES, "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises((ImportError, ValueError, httpx.InvalidURL)):
        httpx.Client()

    for variable, value in direct_loopback(os.environ, "http://127.0.0.1:4200").items():
        monkeypatch.setenv(variable, value)

    httpx.Client().close()
    assert "ALL_PROXY" not in direct_loopback({"ALL_PROXY": proxy}, "http://servers.example")


def test_servers_and_prefect_get_the_exception(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The servers that goldloop starts, and Prefect's client in every command and deployed run."""
    monkeypatch.setenv("http_proxy", PROXY)
    urls = dict.fromkeys(("label_studio_url", "prefect_url", "mlflow_url"), "http://127.0.0.5:1")
    monkeypatch.setenv("GOLDLOOP_LABEL_STUDIO_TOKEN", "token")
    workspace = Workspace.create(tmp_path / "w", labels=["cat", "dog"], services=urls)

    assert "127.0.0.1" in server_environment()["NO_PROXY"].split(",")
    assert "127.0.0.5" in prefect_environment(workspace)["no_proxy"].split(",")


def test_clients_ask_this_machine_directly(proxy: list[str], tmp_path: Path) -> None:
    """The clients of Label Studio, MLflow and Prefect tell the proxy nothing: above all no token."""
    from goldloop.adapters.mlflow_registry import MlflowRegistry

    address = "http://127.0.0.1:9"
    with pytest.raises(ServiceError, match=address):
        LabelStudioQueue(address, "secret", Projects(1, 2, 3), LabelSet.of(["cat", "dog"])).counts()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(_mlflow_environment(), "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with pytest.raises(ServiceError, match=address):
            MlflowRegistry(address, "pets", cache=tmp_path).version_at("champion")
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in direct_loopback(os.environ).items():
            patch.setenv(variable, value)
        with httpx.Client() as client, pytest.raises(httpx.ConnectError):
            client.get(address, auth=("user", "secret"))

    assert proxy == []


def _mlflow_environment() -> dict[str, str]:
    from goldloop.adapters.mlflow_connection import ENVIRONMENT

    return ENVIRONMENT
