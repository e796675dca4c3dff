"""Scoring tells nobody: ONNX Runtime would report each process to its maker."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SCRIPT = """
import sys, time
import numpy as np
from models.image.frozen import open_backbone
from models.image.presets import FROZEN
backbone = open_backbone(FROZEN["efficientnet_lite0"])
backbone.features([np.zeros((224, 224, 3), dtype=np.uint8)])
time.sleep(float(sys.argv[1]))
"""
PATIENCE_S = 16  # its first report came after 11


def test_features_are_computed_without_a_word_to_the_network(tmp_path: Path) -> None:
    """A proxy beside the process, which any report would have to ask, hears nothing."""
    requests: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def answer(self) -> None:
            requests.append(self.requestline)
            self.send_error(502)

        do_GET = do_POST = do_CONNECT = answer  # noqa: N815 (the standard library's)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), address)
        kept = {key: value for key, value in os.environ.items() if key.upper() not in ("NO_PROXY", "CI")}
        kept["XDG_CACHE_HOME"] = str(tmp_path)  # the export of the network is quiet too
        command = [sys.executable, "-c", SCRIPT, str(PATIENCE_S)]
        done = subprocess.run(command, env=kept | proxies, cwd=Path(__file__).parents[2], check=False)
        server.shutdown()
        thread.join()

    assert done.returncode == 0
    assert requests == []
