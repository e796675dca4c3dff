"""How fast photographs are scored on a frozen backbone, against a plain loop and the bare network.

goldloop    reading, hashing, quarantine, fingerprints, features, lanes and the tables
again       the same samples by another model: from kept features, without a picture
DataLoader  the same network in torch behind torch's loader with two worker processes; it keeps nothing
network     the same network in ONNX Runtime on pictures that lie decoded in memory: the limit

Each measurement is a process of its own; the sides take turns. The photographs are generated, 400 x 533.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from scripts.bench.common import Report, say
from scripts.bench.outputs import numbered_labels

LABELS = numbered_labels(10)
PRESET = "efficientnet_lite0"
WIDTH, HEIGHT = 400, 533
N_TRAIN, MINIBATCH, N_WORKERS = 60, 64, 2


def run(report: Report, options: argparse.Namespace) -> None:
    """Measure every side at every size; report rates and ratios."""
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as root:
            say(f"writing {size:,} photographs")
            write_photographs(Path(root) / "images", size, options.seed)
            write_photographs(Path(root) / "train", N_TRAIN, options.seed + 1)
            runs: dict[str, list[float]] = {}
            for _ in range(options.n):
                for side in SIDES:
                    for name, took_s in _child(side, root).items():
                        runs.setdefault(name, []).append(size / took_s)
        for name, rates in runs.items():
            report.median(f"photographs/{size:,}/{name}", rates, "images/s")
        for other in ("network", "DataLoader"):
            ratios = [ours / theirs for ours, theirs in zip(runs["goldloop"], runs[other], strict=True)]
            report.median(f"photographs/{size:,}/goldloop of {other}", ratios, "times")


def _child(side: str, root: str) -> dict[str, float]:
    command = [sys.executable, "-m", "scripts.bench.speed.photographs", side, root]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def write_photographs(folder: Path, n: int, seed: int) -> None:
    """Write n JPEG files of soft shapes, about as large as photographs of that size."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for number in range(n):
        shapes = Image.fromarray(rng.integers(0, 256, (24, 18, 3), dtype=np.uint8))
        photograph = np.asarray(shapes.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), dtype=np.int16)
        grain = rng.integers(-6, 7, photograph.shape, dtype=np.int16)
        buffer = io.BytesIO()
        Image.fromarray(np.clip(photograph + grain, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=85)
        (folder / f"{number:06}.jpg").write_bytes(buffer.getvalue())


def with_goldloop(root: Path) -> dict[str, float]:
    """Return the seconds that goldloop's scoring takes, first and then again by another model."""
    from goldloop.core.samples import SampleId
    from goldloop.routing.policies import Band
    from goldloop.scoring.score import score_pool, score_source
    from goldloop.scoring.writer import Model
    from goldloop.settings.workspace import Workspace
    from goldloop.wiring import Wiring

    with tempfile.TemporaryDirectory(dir=root) as folder:
        workspace = Workspace.create(
            Path(folder) / "workspace", labels=list(LABELS), model={"preset": PRESET}
        )
        parts = Wiring(workspace)
        samples = parts.modality.for_preset(PRESET)
        first = list(samples.reader.arrivals(str(root / "train"), is_known=lambda _: False))
        decoded = {SampleId(str(row)): one.decoded for row, one in enumerate(first) if one.decoded}
        pairs = [(sample_id, row % len(LABELS)) for row, sample_id in enumerate(decoded)]
        parts.trainer.train(
            pairs, [], labels=LABELS, load=decoded.__getitem__, folder=Path(folder) / "model", advance=print
        )
        model = Model("1", parts.trainer.scorer(Path(folder) / "model"))
        common = {"policy": Band(0.4, 0.7), "tables": parts.tables, "clock": parts.ports.clock}
        started = time.perf_counter()
        report = score_source(str(root / "images"), reader=samples.reader, model=model, **common)
        ended = time.perf_counter()
        again = score_pool(reader=samples.reader, model=replace(model, version="2"), **common)
        took_s = {"goldloop": ended - started, "again": time.perf_counter() - ended}
    if (sum(report.lanes.values()), sum(again.lanes.values())) != (len(_files(root)),) * 2:
        raise SystemExit(f"scored {report} and again {again}")
    return took_s


def with_dataloader(root: Path) -> dict[str, float]:
    """Return the seconds that a plain DataLoader loop takes."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    from goldloop.modalities.image.square import squared
    from models.image.frozen import FrozenNetwork
    from models.image.presets import FROZEN

    preset, paths = FROZEN[PRESET], _files(root)

    class Folder(Dataset[torch.Tensor]):
        def __len__(self) -> int:
            return len(paths)

        def __getitem__(self, row: int) -> torch.Tensor:
            with Image.open(paths[row]) as image:
                return torch.from_numpy(squared(image.convert("RGB"), preset.form))

    network = FrozenNetwork(preset).to(memory_format=torch.channels_last)
    started = time.perf_counter()
    with torch.inference_mode():
        for batch in DataLoader(Folder(), batch_size=MINIBATCH, num_workers=N_WORKERS):
            network(batch)
    return {"DataLoader": time.perf_counter() - started}


def with_network(root: Path) -> dict[str, float]:
    """Return the seconds that the network alone takes for as many pictures."""
    from models.image.frozen import open_backbone
    from models.image.presets import FROZEN

    backbone = open_backbone(FROZEN[PRESET])
    size = backbone.preset.form.size
    pictures = list(np.random.default_rng(0).integers(0, 256, (MINIBATCH, size, size, 3), dtype=np.uint8))
    backbone.features(pictures)
    left = len(_files(root))
    started = time.perf_counter()
    while left > 0:
        backbone.features(pictures[:left])
        left -= MINIBATCH
    return {"network": time.perf_counter() - started}


def _files(root: Path) -> list[Path]:
    return sorted((root / "images").iterdir())


SIDES: dict[str, Callable[[Path], dict[str, float]]] = {
    "goldloop": with_goldloop,
    "DataLoader": with_dataloader,
    "network": with_network,
}


if __name__ == "__main__":
    print(json.dumps(SIDES[sys.argv[1]](Path(sys.argv[2]))))
