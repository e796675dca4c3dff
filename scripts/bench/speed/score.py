#!/usr/bin/env python3
"""How fast a folder is scored and how much memory that takes, against a plain DataLoader loop.

goldloop    hashing, quarantine, fingerprints, lanes and the tables included
DataLoader  the same model behind torch's loader with two worker processes; keeps nothing but the probs

Each measurement is a process of its own, the two sides taking turns; its peak memory counts its workers too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from _common import Report, parser, say

LABELS = tuple(f"label {number}" for number in range(10))
MINIBATCH = 128
N_WORKERS = 2
N_PICTURES = 200
PER_FOLDER = 1000
MEMORY_EVERY_S = 0.05


# --- preparation, in a child so that this process stays small


def prepare(root: Path, n: int, seed: int) -> None:
    """Write a small trained model, and n small JPEG files of which no two have the same bytes."""
    import io

    import numpy as np
    from PIL import Image

    from goldloop.core.labels import LabelSet
    from goldloop.core.samples import Decoded
    from models.image.trainer import TorchTrainer

    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (N_PICTURES, 4, 4, 3), dtype=np.uint8).repeat(8, axis=1).repeat(8, axis=2)
    pairs: list[Any] = [(str(row), row % len(LABELS)) for row in range(N_PICTURES)]
    TorchTrainer(epochs=1, seed=seed).train(
        pairs,
        [],
        labels=LabelSet(LABELS),
        load=lambda row: Decoded(pictures[int(row)]),
        folder=root / "model",
    )
    encoded = []
    for picture in pictures:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG")
        encoded.append(buffer.getvalue())
    for row in range(n):
        folder = root / f"images-{n}" / f"{row // PER_FOLDER:04}"
        if row % PER_FOLDER == 0:
            folder.mkdir(parents=True)
        jpeg = encoded[row % N_PICTURES]
        comment = b"\xff\xfe" + (10).to_bytes(2, "big") + f"{row:08}".encode()
        (folder / f"{row:08}.jpg").write_bytes(jpeg[:2] + comment + jpeg[2:])


# --- the two sides, each in a child


def with_goldloop(root: Path, images: Path) -> float:
    """Return the seconds that scoring `images` takes, tables included."""
    from datetime import UTC, datetime

    from goldloop.routing.policies import Band
    from goldloop.scoring.score import score_source
    from goldloop.scoring.writer import Model
    from goldloop.settings.workspace import Workspace
    from goldloop.wiring import Wiring

    with tempfile.TemporaryDirectory(dir=root) as folder:
        parts = Wiring(Workspace.create(Path(folder) / "workspace", labels=list(LABELS)))
        reader, tables, model = parts.reader, parts.tables, Model("1", parts.trainer.scorer(root / "model"))
        started = time.perf_counter()
        report = score_source(
            str(images),
            reader=reader,
            model=model,
            policy=Band(0.4, 0.7),
            tables=tables,
            clock=lambda: datetime.now(UTC),
        )
        took_s = time.perf_counter() - started
    expected = sum(1 for _ in images.rglob("*.jpg"))
    if report.n_files != expected or sum(report.lanes.values()) != expected:
        raise SystemExit(f"scored {sum(report.lanes.values())} of {expected} images: {report}")
    return took_s


def with_dataloader(root: Path, images: Path) -> float:
    """Return the seconds that a plain DataLoader loop takes over `images`."""
    import numpy as np
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset

    from models.image.network import Normalise
    from models.saved_model import load

    class Folder(Dataset[torch.Tensor]):
        def __init__(self) -> None:
            self.paths = sorted(str(path) for path in images.rglob("*.jpg"))

        def __len__(self) -> int:
            return len(self.paths)

        def __getitem__(self, row: int) -> torch.Tensor:
            with Image.open(self.paths[row]) as image:
                return torch.from_numpy(np.array(image.convert("RGB").resize((32, 32))))

    network, card = load(root / "model")
    normalise = Normalise()
    network = network.to(memory_format=torch.channels_last)
    started = time.perf_counter()
    probs = []
    with torch.inference_mode():
        for batch in DataLoader(Folder(), batch_size=MINIBATCH, num_workers=N_WORKERS):
            logits, _ = network(normalise(batch).contiguous(memory_format=torch.channels_last))
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


# --- the bench


def child(*arguments: str) -> dict[str, float]:
    """Run this file as a child with `arguments`; return what its last line says."""
    command = [sys.executable, __file__, "--child", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def bench(options: argparse.Namespace) -> None:
    """Measure both sides at every size and print them side by side."""
    report = Report("score", options)
    sizes = options.sizes or ([1000, 4000] if options.quick else [1000, 10_000, 100_000])
    repeats = 1 if options.quick else options.repeats
    memory: dict[str, list[float]] = {side: [] for side in SIDES}
    for n in sizes:
        with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as root:
            say(f"writing {n:,} images")
            child("prepare", root, str(n), str(options.seed))
            found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
            for _ in range(repeats):
                for side in SIDES:
                    found[side].append(child(side, root, f"{root}/images-{n}"))
        for side, runs in found.items():
            rates = [n / run["seconds"] for run in runs]
            report.add(f"score/{side}/{n}/rate", rates, "images/s", seed=options.seed)
            peak = report.add(
                f"score/{side}/{n}/memory", [run["megabytes"] for run in runs], "MB", seed=options.seed
            )
            memory[side].append(peak.value)
        ratios = [
            plain["seconds"] / ours["seconds"]
            for ours, plain in zip(found["goldloop"], found["DataLoader"], strict=True)
        ]
        report.add(
            f"score/speed_ratio/{n}", ratios, "times", seed=options.seed, note="above 1: goldloop is faster"
        )
    for side, peaks in memory.items():
        report.add(
            f"score/{side}/memory_growth",
            peaks[-1] / peaks[0],
            "times",
            note=f"{sizes[0]:,} to {sizes[-1]:,} images",
        )
    report.finish()


def main() -> None:
    """Run the bench, or one measurement of it as a child."""
    found = parser(__doc__.splitlines()[0])
    found.add_argument("--sizes", type=int, nargs="+", metavar="N", help="numbers of images")
    found.add_argument(
        "--repeats", type=int, default=3, help="measurements of each side and size (default 3)"
    )
    found.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = found.parse_args()
    if options.child is None:
        bench(options)
    elif options.child[0] == "prepare":
        _, root, n, seed = options.child
        prepare(Path(root), int(n), int(seed))
        print("{}")
    else:
        side, root, images = options.child
        print(json.dumps(measured(side, Path(root), Path(images))))


if __name__ == "__main__":
    main()
