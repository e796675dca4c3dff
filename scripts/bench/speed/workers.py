"""How fast a folder is scored past one process: CPU time an image, and images a second.

process   one goldloop process
shards    two goldloop processes, each `--shard` of two, one torch thread each
ray       two workers on Ray with goldloop's callable for blocks
killed    the same, but one worker is killed when a third of the images is scored; Ray starts another
ray data  the same model in Ray Data's map_batches with two workers; it reads and predicts, and keeps nothing

The sides take turns. CPU time is that of all processes together, Ray's own included. A start costs the same
for every size, so that the rate is that of the second size beyond the first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from scripts.bench.common import Report, say
from scripts.bench.speed.score import LABELS, MINIBATCH

N_WORKERS = 2
LOOK_EVERY_S = 0.1


def run(report: Report, options: argparse.Namespace) -> None:
    """Measure every side at the first and the last size; report what the difference costs."""
    few, many = min(options.sizes), max(options.sizes)
    with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as root:
        for size in (few, many):
            say(f"writing {size:,} images")
            _module("scripts.bench.speed.score", "prepare", f"{root}/{size}", str(size), str(options.seed))
        figures: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
        for _ in range(options.n):
            for side in SIDES:
                small, large = (_module(__name__, side, f"{root}/{size}") for size in (few, many))
                took = {name: large[name] - small[name] for name in large}
                start = {f"start {name}": small[name] - few / (many - few) * took[name] for name in took}
                figures[side].append(took | start)
    n = many - few
    for side, measured in figures.items():
        report.median(f"workers/{side}", [n / one["seconds"] for one in measured], "images/s")
        report.median(f"workers/{side}/CPU", [1000 * one["cpu"] / n for one in measured], "ms an image")
        report.median(f"workers/{side}/start", [one["start seconds"] for one in measured], "s")
        pairs = zip(figures["process"], measured, strict=True)
        report.median(
            f"workers/{side}/rate per core of one process", [a["cpu"] / b["cpu"] for a, b in pairs], "times"
        )


def _module(name: str, *arguments: str) -> dict[str, float]:
    """Run a module with `arguments` and return what its last line says."""
    command = [sys.executable, "-m", name, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def scoring_in(workspace: str) -> Any:
    """Return what a process of the workspace scores with."""
    from goldloop.routing.policies import Band
    from goldloop.scoring.passes import Scoring
    from goldloop.scoring.writer import Model
    from goldloop.settings.workspace import Workspace
    from goldloop.wiring import Wiring

    parts = Wiring(Workspace.open(Path(workspace)))
    reader = parts.modality.for_preset("tiny").reader
    model = Model("1", parts.trainer.scorer(Path(workspace).parent / "model"))
    return Scoring(reader, model, Band(0.4, 0.7), parts.tables, parts.ports.clock)


def block_scorer(workspace: str, batch: Any) -> Any:
    """Return what a worker scores its blocks with."""
    from goldloop.scoring.blocks import BlockScorer

    return BlockScorer(scoring_in(workspace), batch, "bench")


def with_process(workspace: str, images: str) -> None:
    """Score in one process."""
    from goldloop.scoring.score import score_whole

    score_whole(scoring_in(workspace), images)


def with_shards(workspace: str, images: str) -> None:
    """Score in two processes."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", __spec__.name, "shard", workspace, images]
    numbers = range(1, N_WORKERS + 1)
    processes = [subprocess.Popen([*command, f"{one}/{N_WORKERS}"], env=environment) for one in numbers]
    if any(process.wait() for process in processes):
        raise SystemExit("a shard failed")


def with_ray(workspace: str, images: str) -> None:
    """Score with two workers on Ray."""
    from goldloop.adapters.ray_workers import RayWorkers
    from goldloop.scoring.blocks import score_with
    from goldloop.scoring.score import batch_of

    make = partial(block_scorer, workspace, batch_of(images))
    score_with(RayWorkers(make, N_WORKERS), scoring_in(workspace), images)


def with_death(workspace: str, images: str) -> None:
    """Score with two workers on Ray, one of which is killed when a third of the images is scored."""
    import psutil

    tables, ended = scoring_in(workspace).tables, threading.Event()
    enough = sum(1 for _ in Path(images).rglob("*.jpg")) // 3
    killed: list[int] = []

    def kill_one() -> None:
        while not killed and not ended.wait(LOOK_EVERY_S):
            counted = "SELECT count(*) AS n FROM predictions"
            if tables.engine.query(counted, predictions=tables.predictions)["n"][0].as_py() >= enough:
                children = psutil.Process().children(recursive=True)
                for worker in [one for one in children if one.name().startswith("ray::_Worker")][:1]:
                    worker.kill()
                    killed.append(worker.pid)

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    try:
        with_ray(workspace, images)
    finally:
        ended.set()
        killer.join()
    if not killed:
        raise SystemExit("the pass ended before a worker was killed; take more images")


class Predictor:
    """Reads and predicts a batch of paths, in a process of Ray Data's."""

    def __init__(self, model: str) -> None:
        from models.image.saved import load

        self.network, self.card = load(Path(model))

    def __call__(self, batch: Any) -> Any:
        """Return the probs of the pictures."""
        import numpy as np
        import torch
        from PIL import Image

        pictures = []
        for path in batch["item"]:
            with Image.open(path) as image:
                pictures.append(np.array(image.convert("RGB").resize((32, 32))))
        with torch.inference_mode():
            logits, _ = self.network(self.network.normalised(torch.from_numpy(np.stack(pictures))))
        return {"probs": (logits / self.card.temperature).softmax(dim=1).numpy()}


def with_ray_data(workspace: str, images: str) -> None:
    """Predict with Ray Data."""
    from goldloop.adapters import ray_workers

    paths = sorted(str(path) for path in Path(images).rglob("*.jpg"))
    with ray_workers._cluster(None, N_WORKERS + 1):
        import ray.data

        done = ray.data.from_items(paths, override_num_blocks=len(paths) // 512).map_batches(
            Predictor,
            fn_constructor_args=[str(Path(workspace).parent / "model")],
            batch_size=MINIBATCH,
            num_cpus=1,
            compute=ray.data.ActorPoolStrategy(size=N_WORKERS),
        )
        if sum(len(batch["probs"]) for batch in done.iter_batches()) != len(paths):
            raise SystemExit("Ray Data lost pictures")


SIDES: dict[str, Callable[[str, str], None]] = {
    "process": with_process,
    "shards": with_shards,
    "ray": with_ray,
    "killed": with_death,
    "ray data": with_ray_data,
}


def measured(side: str, root: Path) -> dict[str, float]:
    """Return seconds and CPU seconds that one side takes, all its processes together; check its tables."""
    import psutil

    from goldloop.settings.workspace import Workspace
    from goldloop.tables.counts import conservation
    from goldloop.wiring import Wiring

    done, spent = threading.Event(), dict[int, float]()
    this = psutil.Process()

    def watch() -> None:
        while not done.wait(LOOK_EVERY_S):
            for process in (this, *this.children(recursive=True)):
                try:
                    times = process.cpu_times()
                    spent[process.pid] = times.user + times.system
                except psutil.Error:
                    continue

    with tempfile.TemporaryDirectory(dir=root) as folder:
        workspace = Workspace.create(Path(folder), labels=list(LABELS), model={"preset": "tiny"})
        began, watcher = sum(os.times()[:2]), threading.Thread(target=watch, daemon=True)
        watcher.start()
        started = time.perf_counter()
        SIDES[side](str(workspace.root), str(root / "images"))
        took_s = time.perf_counter() - started
        time.sleep(2 * LOOK_EVERY_S)
        done.set()
        watcher.join()
        tables, n = Wiring(workspace).tables, sum(1 for _ in (root / "images").rglob("*.jpg"))
        where, kept = conservation(tables), (tables.samples, tables.predictions)
        rows = [table.read(["sample_id"]).num_rows for table in kept]
    if side != "ray data" and (where.n_files, where.n_missing, where.duplicate, *rows) != (n, 0, 0, n, n):
        raise SystemExit(f"{side} scored {where} of {n} images in {rows} rows")
    return {"seconds": took_s, "cpu": sum(spent.values()) - began}


def main() -> None:
    """Measure one side, or score one shard."""
    side, place, *rest = sys.argv[1:]
    if side == "shard":
        from goldloop.scoring.shards import Shard, score_shard

        score_shard(scoring_in(place), rest[0], Shard.of(rest[1]), has_rows=False)
    else:
        print(json.dumps(measured(side, Path(place))))


if __name__ == "__main__":
    main()
