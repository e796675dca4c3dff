"""A server on loopback that has a small set of pictures as GitHub has it, and may break off or refuse."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

from scripts.demo_loop.git_tree import blob_id, tree_id
from scripts.demo_loop.github import GitHub
from scripts.demo_loop.picture_set import PictureSet

REPOSITORY, COMMIT, TREE = "someone/coats", "c" * 40, "7" * 40
ARCHIVE = f"/{REPOSITORY}/tar.gz/{COMMIT}"
LIST = f"/repos/{REPOSITORY}/git/trees/{TREE}?recursive=1"
PART = {"train": 6, "test": 2}
LABELS = ("coat", "t-shirt")


def picture(seed: int) -> bytes:
    """Return a JPEG of noise, 90 kB: a break loses what stands in buffers, little beside an archive."""
    pixels = np.random.default_rng(seed).integers(0, 256, (384, 384, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


FILES = {
    f"{part}/{label}/{number:02d}.jpg": picture(100 * seed + number)
    for seed, (part, label) in enumerate((part, label) for part in PART for label in LABELS)
    for number in range(PART[part])
}


def _below(part: str) -> dict[str, str]:
    return {
        path.removeprefix(f"{part}/"): blob_id(content)
        for path, content in FILES.items()
        if path.startswith(f"{part}/")
    }


COATS = PictureSet(
    name="coats",
    repository=REPOSITORY,
    commit=COMMIT,
    tree=TREE,
    parts={part: tree_id(_below(part)) for part in PART},
    n_pictures=len(FILES),
    n_bytes=sum(map(len, FILES.values())),
    licence="CC0 1.0",
)


def archive(files: dict[str, bytes], *extra: tarfile.TarInfo) -> bytes:
    """Return a .tar.gz of `files` in one folder, after `extra` entries without content."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for entry in extra:
            tar.addfile(entry)
        for path, content in {"README.md": b"coats", **files}.items():
            entry = tarfile.TarInfo(f"coats-{COMMIT[:7]}/{path}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def listing(files: dict[str, bytes]) -> bytes:
    """Return GitHub's list of `files`."""
    folders = [{"type": "tree", "path": part, "sha": COATS.parts[part]} for part in PART]
    blobs = [{"type": "blob", "path": path, "sha": blob_id(content)} for path, content in files.items()]
    return json.dumps({"sha": TREE, "tree": [*folders, *blobs], "truncated": False}).encode()


@dataclass
class Server:
    """What it answers, by path; a share of a reply below 1 is followed by the end of the connection."""

    url: str
    replies: dict[str, bytes]
    shares: dict[str, float] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def github(self) -> GitHub:
        """Its addresses."""
        return GitHub(archives=self.url, lists=self.url, files=self.url)


@contextmanager
def picture_server() -> Iterator[Server]:
    """Yield a server that has everything."""
    replies = {f"/{REPOSITORY}/{COMMIT}/{path}": content for path, content in FILES.items()}
    server = Server("", {**replies, ARCHIVE: archive(FILES), LIST: listing(FILES)})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append(self.path)
            content = server.replies.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if content:
                self.wfile.write(content[: int(server.shares.get(self.path, 1) * len(content))])

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        server.url = f"http://127.0.0.1:{httpd.server_port}"
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            httpd.shutdown()
            thread.join()
