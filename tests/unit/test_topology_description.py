"""docker-compose.yml read as processes of one machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.topology.description import PORTS, Places, Server, database_script, read_compose, servers
from scripts.topology.processes import in_order, new_secrets

PLACES = Places(Path("/somewhere"), {name: 20000 + row for row, name in enumerate(PORTS)}, new_secrets())
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
    assert worker.environment["PREFECT_API_URL"] == f"http://127.0.0.1:{PLACES.ports['prefect']}/api"
    assert worker.environment["GOLDLOOP_WORKSPACE"] == "/somewhere/workspace"


def test_a_server_starts_after_those_that_it_waits_for() -> None:
    """Whatever their order in the file."""
    order = in_order(FOUND)
    assert sorted(order) == sorted(FOUND)
    for name, server in FOUND.items():
        assert all(order.index(before) < order.index(name) for before in server.waits_for)


def test_the_script_of_the_databases_comes_as_the_shell_reads_it() -> None:
    """Compose writes $$ for a dollar sign of the shell."""
    script = database_script(PLACES)
    assert "$$" not in script
    assert '"${!variable}"' in script
