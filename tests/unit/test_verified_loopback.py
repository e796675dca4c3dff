"""A server of this machine that speaks TLS is verified like any other."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from goldloop.core.errors import ServiceAuthError, ServiceUnreachableError
from goldloop.services import Endpoints, LabelStudioEndpoint, MlflowEndpoint, PrefectEndpoint
from goldloop.services.health import check_health
from goldloop.services.prefect_runs import prefect_client
from scripts.topology.certificate import make_certificate

LOGIN = "Basic Z29sZGxvb3A6c2VjcmV0"  # goldloop:secret


class _BehindLogin(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer 200 with the login, 401 without it."""
        self.send_response(200 if self.headers.get("Authorization") == LOGIN else 401)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"OK")

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Endpoints]:
    """Yield the address of a server with TLS and a login, as nginx stands before MLflow."""
    make_certificate(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls_certificate", tmp_path / "tls_key")
    with ThreadingHTTPServer(("127.0.0.1", 0), _BehindLogin) as httpd:
        httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"https://localhost:{httpd.server_port}"
        try:
            yield Endpoints(
                LabelStudioEndpoint(url, "token"),
                PrefectEndpoint(url, "goldloop:secret"),
                MlflowEndpoint(url),
            )
        finally:
            httpd.shutdown()
            thread.join()


def test_an_unknown_authority_is_refused(server: Endpoints) -> None:
    """Nothing is sent to a server whose certificate nobody vouches for, on this machine too."""
    for name in ("label_studio", "prefect", "mlflow"):
        with pytest.raises(ServiceUnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
            check_health(name, server)


def test_an_authority_of_ssl_cert_file_is_trusted(
    server: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every client of goldloop reads the variable."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls_authority"))
    with prefect_client(server.prefect) as client:
        assert client.get("/health").text == "OK"


def test_mlflow_behind_a_login_is_healthy_with_its_own_variables(
    server: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those by which MLflow's client logs in; without them the check says what is missing."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls_authority"))
    with pytest.raises(ServiceAuthError, match="401"):
        check_health("mlflow", server)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "goldloop")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    check_health("mlflow", server)
