"""The /metrics endpoint: figures in Prometheus' text format, over HTTP."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from goldloop.adapters.http_server import HttpServer
from goldloop.core.metrics import Metric, MetricKind
from goldloop.settings.metrics import MetricsAddress

PREFIX = "goldloop_"
_FAMILIES = {MetricKind.GAUGE: GaugeMetricFamily, MetricKind.COUNTER: CounterMetricFamily}
_TIMEOUT_S = 30


def exposition(metrics: Iterable[Metric]) -> bytes:
    """Return the metrics in Prometheus' text format, their names with the prefix `goldloop_`."""
    registry = CollectorRegistry()
    registry.register(_Fixed(metrics))
    return generate_latest(registry)


class _Fixed(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Yield every metric."""
        for metric in self._metrics:
            names = list(metric.readings[0].labels) if metric.readings else []
            family = _FAMILIES[metric.kind](PREFIX + metric.name, metric.help, labels=names)
            for reading in metric.readings:
                family.add_metric([reading.labels[name] for name in names], reading.value)
            yield family


class MetricsServer(HttpServer):
    """Answers GET /metrics with what `read` returns, from threads of this process, until it is closed."""

    def __init__(
        self, address: MetricsAddress, read: Callable[[], Iterable[Metric]], *, token: str = ""
    ) -> None:
        """Listen at `address`; with a `token`, only requests that bear it are answered.

        Raises:
            ServiceError: the address is taken, or is none of this machine.
        """

        class Handler(_Handler):
            metrics = staticmethod(lambda: exposition(read()))
            bearer = token
            is_local = address.is_loopback

        super().__init__(address, Handler, what="metrics", option="--metrics")


class _Handler(BaseHTTPRequestHandler):
    metrics: Callable[[], bytes]
    bearer: str
    is_local: bool
    timeout = _TIMEOUT_S
    server_version, sys_version = "goldloop", ""

    def do_GET(self) -> None:
        """Answer with the metrics, or say what is missing."""
        if self.is_local and not self._is_asked_here():
            self._answer(403, "metrics of this machine are asked under its own name\n")  # DNS rebinding
        elif self.bearer and not self._bears_token():
            self._answer(401, "the authorization is missing: Bearer and the token\n")
        elif self.path.partition("?")[0] != "/metrics":
            self._answer(404, "metrics are at /metrics\n")
        else:
            self._answer(200, self.metrics(), CONTENT_TYPE_LATEST)

    def _is_asked_here(self) -> bool:
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        return host in ("127.0.0.1", "localhost", "[::1]")

    def _bears_token(self) -> bool:
        given = self.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self.bearer}".encode())

    def _answer(self, status: int, content: str | bytes, kind: str = "text/plain; charset=utf-8") -> None:
        body = content.encode() if isinstance(content, str) else content
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: a scrape every few seconds is no event."""
