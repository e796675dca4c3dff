"""How fast a folder is scored and how much memory that takes, against a plain DataLoader loop.

goldloop    hashing, quarantine, fingerprints, lanes and the tables included
DataLoader  the same model behind torch's loader with two worker processes; it keeps nothing but the probs

Each measurement is a process of its own, the two sides taking turns; its peak memory counts its workers too.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from scripts.bench.common import Report, say
from scripts.bench.model import saved
from scripts.bench.outputs import numbered_labels

LABELS = numbered_labels(10)
MINIBATCH, N_WORKERS = 128, 2
N_PICTURES, PER_FOLDER = 200, 1000
MEMORY_EVERY_S = 0.05


def run(report: Report, options: argparse.Namespace) -> None:
    """Measure both sides at every size and report rates, memory and their ratios."""
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as root:
            say(f"writing {size:,} images")
            _child("prepare", root, str(size), str(options.seed))
            runs: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
            for _ in range(options.n):
                for side, measurements in runs.items():
                    measurements.append(_child(side, root, f"{root}/images"))
        for side, measurements in runs.items():
            rates = [size / measured["seconds"] for measured in measurements]
            report.median(f"score/{size:,} files/{side}", rates, "images/s")
            peaks = [measured["megabytes"] for measured in measurements]
            report.median(f"score/{size:,} files/peak memory of {side}", peaks, "MB")
        pairs = zip(runs["goldloop"], runs["DataLoader"], strict=True)
        ratios = [plain["seconds"] / ours["seconds"] for ours, plain in pairs]
        report.median(f"score/{size:,} files/goldloop is faster", ratios, "times")


def _child(*arguments: str) -> dict[str, float]:
    """Run this module as a child with `arguments`; return what its last line says."""
    command = [sys.executable, "-m", "scripts.bench.speed.score", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def prepare(root: Path, n: int, seed: int) -> None:
    """Write a small trained model, and `n` small JPEG files of which no two have the same bytes."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (N_PICTURES, 4, 4, 3), dtype=np.uint8).repeat(8, axis=1).repeat(8, axis=2)
    columns = np.arange(N_PICTURES) % len(LABELS)
    saved(images, columns, LABELS, n_validation=0, seed=seed, folder=root)
    encoded = []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG")
        encoded.append(buffer.getvalue())
    for row in range(n):
        folder = root / "images" / f"{row // PER_FOLDER:04}"
        folder.mkdir(parents=True, exist_ok=True)
        jpeg = encoded[row % N_PICTURES]
        comment = b"\xff\xfe" + (10).to_bytes(2, "big") + f"{row:08}".encode()
        (folder / f"{row:08}.jpg").write_bytes(jpeg[:2] + comment + jpeg[2:])


def with_goldloop(root: Path, images: Path) -> float:
    """Return the seconds that scoring `images` takes, tables included."""
    from goldloop.routing.policies import Band
    from goldloop.scoring.score import score_source
    from goldloop.scoring.writer import Model
    from goldloop.settings.workspace import Workspace
    from goldloop.wiring import Wiring

    with tempfile.TemporaryDirectory(dir=root) as folder:
        settings = {"labels": list(LABELS), "model": {"preset": "tiny"}}
        parts = Wiring(Workspace.create(Path(folder) / "workspace", **settings))
        reader, tables = parts.modality.for_preset(parts.settings.model.preset).reader, parts.tables
        model, clock = Model("1", parts.trainer.scorer(root / "model")), parts.ports.clock
        common = {"policy": Band(0.4, 0.7), "tables": tables, "clock": clock}
        started = time.perf_counter()
        report = score_source(str(images), reader=reader, model=model, **common)
        took_s = time.perf_counter() - started
    expected = sum(1 for _ in images.rglob("*.jpg"))
    if report.n_files != expected or sum(report.lanes.values()) != expected:
        raise SystemExit(f"scored {sum(report.lanes.values())} of {expected} images: {report}")
    return took_s


def with_dataloader(root: Path, images: Path) -> float:
    """Return the seconds that a plain DataLoader loop takes over `images`."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    from models.image.saved import load

    class Folder(Dataset[torch.Tensor]):
        def __init__(self) -> None:
            self.paths = sorted(str(path) for path in images.rglob("*.jpg"))

        def __len__(self) -> int:
            return len(self.paths)

        def __getitem__(self, row: int) -> torch.Tensor:
            with Image.open(self.paths[row]) as image:
                return torch.from_numpy(np.array(image.convert("RGB").resize((32, 32))))

    network, card = load(root / "model")
    network = network.to(memory_format=torch.channels_last)
    started = time.perf_counter()
    probs = []
    with torch.inference_mode():
        for batch in DataLoader(Folder(), batch_size=MINIBATCH, num_workers=N_WORKERS):
            logits, _ = network(network.normalised(batch))
            probs.append((logits / card.temperature).softmax(dim=1).numpy())
    np.concatenate(probs)
    return time.perf_counter() - started


SIDES = {"goldloop": with_goldloop, "DataLoader": with_dataloader}


def measured(side: str, root: Path, images: Path) -> dict[str, float]:
    """Return seconds and the largest memory in MB that this process and its children held together."""
    import psutil

    done = threading.Event()
    peak_bytes = [0]
    this = psutil.Process()

    def watch() -> None:
        while not done.wait(MEMORY_EVERY_S):
            held = 0
            for process in (this, *this.children()):
                try:
                    held += process.memory_full_info().pss
                except psutil.Error:  # a worker that just ended
                    continue
            peak_bytes[0] = max(peak_bytes[0], held)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    took_s = SIDES[side](root, images)
    done.set()
    watcher.join()
    return {"seconds": took_s, "megabytes": peak_bytes[0] / 2**20}


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
        print("{}")
    else:
        print(json.dumps(measured(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))))
