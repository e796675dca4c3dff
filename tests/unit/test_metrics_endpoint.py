"""The endpoint at which Prometheus asks for metrics: who is answered, and with what."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from goldloop.adapters.prometheus import MetricsServer, exposition
from goldloop.core.errors import ServiceError, SettingsError
from goldloop.core.metrics import Metric, Reading, gauge
from goldloop.settings.metrics import MetricsAddress, check_token, parsed_address

LOCAL = MetricsAddress("127.0.0.1", 0)


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    """Yield an endpoint on this machine."""
    made = MetricsServer(LOCAL, lambda: [gauge("round", "The round.", 3)])
    yield made
    made.close()


def test_prometheus_is_answered(server: MetricsServer) -> None:
    """The text has help and type; any other path is none."""
    answer = httpx.get(f"http://127.0.0.1:{server.port}/metrics", trust_env=False)

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert (
        answer.text == "# HELP goldloop_round The round.\n# TYPE goldloop_round gauge\ngoldloop_round 3.0\n"
    )
    assert httpx.get(f"http://127.0.0.1:{server.port}/", trust_env=False).status_code == 404


def test_a_web_page_cannot_read_metrics_of_this_machine(server: MetricsServer) -> None:
    """A page whose name leads here (DNS rebinding) is refused by that name."""
    address = f"http://127.0.0.1:{server.port}/metrics"

    assert httpx.get(address, headers={"Host": "evil.example"}, trust_env=False).status_code == 403
    assert httpx.get(address, headers={"Host": "localhost:1"}, trust_env=False).status_code == 200


def test_beyond_this_machine_the_token_counts() -> None:
    """Without it, and with another one, nothing is told."""
    token = "a long random secret"
    server = MetricsServer(MetricsAddress("0.0.0.0", 0), lambda: [gauge("round", "Of it.", 3)], token=token)
    try:
        address = f"http://127.0.0.1:{server.port}/metrics"
        for given, status in ((None, 401), ("Bearer other", 401), (f"Bearer {token}", 200)):
            headers = {"Authorization": given} if given else {}
            assert httpx.get(address, headers=headers, trust_env=False).status_code == status
    finally:
        server.close()


def test_an_open_port_needs_a_token() -> None:
    """The sentence says what is needed."""
    with pytest.raises(
        SettingsError,
        match=r"other machines can reach metrics at 0\.0\.0\.0:9477, and GOLDLOOP_METRICS_TOKEN is not set\. "
        r"Set it to a random secret .* a proxy with TLS",
    ):
        check_token(parsed_address("0.0.0.0:9477"), "")
    with pytest.raises(SettingsError, match="is shorter than 16 characters"):
        check_token(parsed_address("prom.example.com:9477"), "short")
    check_token(parsed_address("0.0.0.0:9477"), "a long random secret")
    for local in ("9477", "127.0.0.1:9477", "[::1]:9477", "localhost:9477"):
        check_token(parsed_address(local), "")


@pytest.mark.parametrize("wrong", ["", "port", "127.0.0.1:", "0", "70000", "http://a:1"])
def test_what_is_no_address(wrong: str) -> None:
    """The value seen is in the sentence."""
    with pytest.raises(SettingsError, match=rf"metrics need a port such as 9477.*{re.escape(repr(wrong))}"):
        parsed_address(wrong)


def test_a_port_that_is_taken(server: MetricsServer) -> None:
    """The error names the address and what to do."""
    taken = MetricsAddress("127.0.0.1", server.port)
    with pytest.raises(ServiceError, match=rf"cannot be served at 127\.0\.0\.1:{server.port} .*--metrics"):
        MetricsServer(taken, list)


def test_labels_are_escaped() -> None:
    """A reason or a version with quotes and line ends cannot forge a figure."""
    evil = 'a"} 9\ngoldloop_forged 1 #\\'
    (family,) = text_string_to_metric_families(
        exposition([Metric("files", "Files.", (Reading(2, {"place": evil}),))]).decode()
    )
    assert [(sample.labels, sample.value) for sample in family.samples] == [({"place": evil}, 2)]
