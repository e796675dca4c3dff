"""docker-compose.yml read as processes of one machine."""

from __future__ import annotations

import contextlib
import re
import ssl
from pathlib import Path

import pytest

from scripts.topology.certificate import make_certificate
from scripts.topology.description import (
    PORTS,
    PUBLIC,
    Places,
    Server,
    database_script,
    proxy_files,
    read_compose,
    servers,
)
from scripts.topology.processes import new_secrets

PLACES = Places(
    Path("/somewhere"),
    {name: 20000 + row for row, name in enumerate(PORTS)},
    {name: 21000 + row for row, name in enumerate(PUBLIC)},
    new_secrets(),
)
FOUND = servers(PLACES)


def values(server: Server) -> list[str]:
    """Return everything that the process of a server is told."""
    return [*server.command, *server.environment.values()]


def test_every_service_has_a_port_and_is_a_process() -> None:
    """A service that is added must be placed, or the topology that tests run is not that of the file."""
    assert set(FOUND) == set(read_compose()["services"]) == set(PORTS)


@pytest.mark.parametrize("name", PORTS)
def test_a_process_is_told_nothing_of_compose_s_networks(name: str) -> None:
    """No variable of .env, no name of another service and no address that others could reach is left."""
    told = "\n".join(values(FOUND[name]))
    assert "${" not in told
    assert "0.0.0.0" not in told
    for other, port in PORTS.items():
        assert not re.search(rf"\b{other}:{port}\b", told)


def test_addresses_name_the_ports_of_this_machine() -> None:
    """In a URL, as host and port apart, and as what a server itself listens on."""
    label_studio, mlflow, worker = (FOUND[name] for name in ("label-studio", "mlflow", "worker"))
    database = (label_studio.environment["POSTGRE_HOST"], label_studio.environment["POSTGRE_PORT"])
    assert database == ("127.0.0.1", str(PLACES.ports["postgres"]))
    assert f"@127.0.0.1:{PLACES.ports['postgres']}/mlflow" in mlflow.environment["MLFLOW_BACKEND_STORE_URI"]
    assert mlflow.command[mlflow.command.index("--port") + 1] == str(PLACES.ports["mlflow"])
    assert worker.environment["PREFECT_API_URL"] == f"https://localhost:{PLACES.public['prefect']}/api"
    assert worker.environment["SSL_CERT_FILE"] == "/somewhere/secrets/tls_authority"
    assert worker.environment["GOLDLOOP_WORKSPACE"] == "/somewhere/workspace"


def test_nginx_listens_on_a_port_for_each_name() -> None:
    """On the loopback only, with the certificate and the logins of the topology, before its servers."""
    files = proxy_files(PLACES, Path("/somewhere/proxy"))
    text = files["goldloop.conf"]
    listens = re.findall(r"^\s*listen (\S+)( ssl)?;", text, flags=re.MULTILINE)
    own = (f"127.0.0.1:{PLACES.ports['proxy']}", "")
    assert listens == [own, *((f"127.0.0.1:{port}", " ssl") for port in PLACES.public.values())]
    assert "ssl_certificate /somewhere/secrets/tls_certificate;" in text
    assert "auth_basic_user_file /somewhere/proxy/mlflow-logins;" in text
    servers_behind = re.findall(r"set \$server http://127\.0\.0\.1:(\d+);", text)
    assert servers_behind == [str(PLACES.ports[service]) for service in PUBLIC.values()]
    assert files["mlflow-logins"] == f"goldloop:{{PLAIN}}{PLACES.secrets['MLFLOW_PASSWORD']}\n"
    assert "${" not in text


def test_clients_trust_the_authority_and_nobody_else(tmp_path: Path) -> None:
    """The certificate is good for this machine's name under the strictest rules, and for nobody else."""
    make_certificate(tmp_path, "localhost")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "tls_certificate", tmp_path / "tls_key")
    told = ssl.create_default_context(cafile=str(tmp_path / "tls_authority"))
    told.verify_flags |= ssl.VERIFY_X509_STRICT
    handshake(told, server, "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(ssl.create_default_context(), server, "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(told, server, "labels.example.com")


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    """Shake hands in memory."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(back, there, server_hostname=name),
        server.wrap_bio(there, back, server_side=True),
    ]
    for end in (*ends, *ends):
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()


def test_the_script_of_the_databases_comes_as_the_shell_reads_it() -> None:
    """Compose writes $$ for a dollar sign of the shell."""
    script = database_script(PLACES)
    assert "$$" not in script
    assert '"${!variable}"' in script
