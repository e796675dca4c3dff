"""Start the servers of docker-compose.yml as processes of this machine, and end them with Ctrl-C.

Data and logs are in a temporary folder. The settings of a workspace on these servers, and the environment of
its commands, are printed.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys

from scripts.topology.description import PUBLIC
from scripts.topology.processes import Topology, running
from scripts.topology.programs import TopologyError


def described(topology: Topology) -> str:
    """Return what a user needs to work with these servers."""
    environment = topology.servers["worker"].environment
    names = ("AWS_", "GOLDLOOP_", "MLFLOW_", "PREFECT_API_", "REQUESTS_", "SSL_")
    exports = [
        f"export {name}={shlex.quote(value)}" for name, value in environment.items() if name.startswith(names)
    ]
    urls = [
        f'{PUBLIC[name].replace("-", "_")}_url = "{topology.public_url(name)}"'
        for name in ("labels", "prefect", "mlflow")
    ]
    content = ["[content]", 'base = "s3://content/NAME"']
    return "\n".join(["", *exports, "", "[services]", *urls, "", *content, ""])


def main() -> None:
    """Start the servers and wait."""
    argparse.ArgumentParser(
        prog="python -m scripts.topology",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with running(without=("worker", "metrics")) as topology:
            print(described(topology), flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("ended", flush=True)
    except TopologyError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
