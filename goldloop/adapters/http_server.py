"""An HTTP server in threads of this process: what metrics, the page and live suggestions are served by."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from goldloop.core.errors import ServiceError
from goldloop.settings.metrics import MetricsAddress


class HttpServer:
    """Answers requests by a handler, from threads of this process, until it is closed."""

    def __init__(
        self, address: MetricsAddress, handler: type[BaseHTTPRequestHandler], *, what: str, option: str
    ) -> None:
        """Listen at `address`; `what` is served there, and `option` of the command names the address.

        Raises:
            ServiceError: the address is taken, or is none of this machine.
        """

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET

        try:
            self._server = Server((address.host, address.port), handler)
        except OSError as error:
            raise ServiceError(
                f"{what} cannot be served at {address.host}:{address.port} ({error.strerror or error}); end "
                f"the program that uses the port, or choose another with {option}"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name=what, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port at which it listens."""
        return int(self._server.server_port)

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
