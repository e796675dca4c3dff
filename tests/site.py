"""A web server of a test, which serves files of weights."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from models.image.presets import FrozenPreset


@dataclass(frozen=True)
class Site:
    """A web server and the folder that it serves; it breaks off within the files named in `cut`."""

    url: str
    folder: Path
    cut: set[str] = field(default_factory=set)

    def publish(self, preset: FrozenPreset, state: dict[str, torch.Tensor]) -> FrozenPreset:
        """Serve a file of weights and return the preset that takes them."""
        path = self.folder / f"{preset.name}.pth"
        torch.save(state, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return replace(preset, url=f"{self.url}/{path.name}", weights_sha256=digest)


@contextmanager
def serving(folder: Path) -> Iterator[Site]:
    """Serve `folder` on a free port."""
    cut: set[str] = set()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def copyfile(self, source: object, outputfile: object) -> None:
            if Path(self.path).name in cut:
                outputfile.write(source.read(1000))  # type: ignore[attr-defined]
            else:
                super().copyfile(source, outputfile)  # type: ignore[type-var]

    folder.mkdir()
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Site(f"http://127.0.0.1:{server.server_port}", folder, cut)
        finally:
            server.shutdown()
            thread.join()
