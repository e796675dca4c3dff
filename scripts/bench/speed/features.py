"""How long a model on kept features takes to be trained, and to score all samples anew, by their number.

The features are drawn, 10 labels around as many centres; a quarter of the gold is audited. Scoring runs on a
workspace of its own, with its tables and feature files, as after a promotion.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goldloop.adapters.feature_files import FeatureFiles
from goldloop.core.labels import LabelSet
from goldloop.core.samples import Arrived, Decoded, SampleId
from goldloop.core.splits import VALIDATION_FOLDS
from goldloop.routing.policies import Band
from goldloop.scoring.score import score_pool
from goldloop.scoring.writer import Model
from goldloop.settings.workspace import Workspace
from goldloop.wiring import Wiring
from models.image.frozen_trainer import FrozenTrainer
from models.image.presets import FROZEN
from scripts.bench.common import Report, say, seconds

PRESET = "efficientnet_lite0"
LABELS = LabelSet(tuple("abcdefghij"))
N_GOLD, N_DISTINCT = 10_000, 20_000
AUDITED = 4  # one gold sample in so many
_NOISE = 1.0

Rows = npt.NDArray[np.float16]


def run(report: Report, options: argparse.Namespace) -> None:
    """Report the seconds of a training on N_GOLD samples, and of scoring each size anew."""
    rows, columns = drawn(options.seed)
    with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as folder:
        times = [
            seconds(partial(train, rows, columns, Path(folder) / f"model-{number}"))
            for number in range(options.n)
        ]
        report.median(f"features/train on {N_GOLD:,} gold", times, "s")
        for size in options.sizes:
            took = rescored(size, rows, Path(folder) / "model-0", Path(folder) / f"{size}", options.n)
            report.median(f"features/score anew/{size:,}", took, "s")


def drawn(seed: int) -> tuple[Rows, npt.NDArray[np.intp]]:
    """Return N_DISTINCT rows of features around ten centres, and the column of each."""
    rng, n_features = np.random.default_rng(seed), FROZEN[PRESET].n_features
    columns = rng.integers(0, len(LABELS), N_DISTINCT)
    centres = np.abs(rng.normal(0, 0.15, (len(LABELS), n_features)))
    noise = np.abs(rng.normal(0, _NOISE, (N_DISTINCT, n_features)))
    return (centres[columns] + noise).astype(np.float16), columns


def train(rows: Rows, columns: npt.NDArray[np.intp], folder: Path) -> None:
    """Train and save a head on N_GOLD samples, a quarter of them audited."""
    pairs = [(SampleId(str(row)), int(columns[row])) for row in range(N_GOLD)]
    cut = N_GOLD - N_GOLD // AUDITED
    FrozenTrainer(PRESET).train(
        pairs[:cut],
        pairs[cut:],
        labels=LABELS,
        load=lambda sample_id: Decoded(rows[int(sample_id)]),
        folder=folder,
        folds=[row % VALIDATION_FOLDS for row in range(N_GOLD - cut)],
    )


def rescored(size: int, rows: Rows, model: Path, folder: Path, n: int) -> list[float]:
    """Return the seconds of `n` passes over `size` samples whose features are kept, by as many models."""
    workspace = Workspace.create(folder, labels=list(LABELS), model={"preset": PRESET})
    parts = Wiring(workspace)
    samples, preset = parts.modality.for_preset(PRESET), FROZEN[PRESET]
    kept = FeatureFiles(workspace.root / "features" / preset.key, preset.n_features)
    say(f"  writing {size:,} samples")
    for start in range(0, size, N_DISTINCT):
        ids = [_id(number) for number in range(start, min(size, start + N_DISTINCT))]
        kept.add(dict(zip(ids, rows, strict=False)))
        parts.tables.samples.append([_sample(sample_id, parts) for sample_id in ids])

    def score(version: str) -> None:
        scorer = parts.trainer.scorer(model)
        score_pool(
            reader=samples.reader,
            model=Model(version, scorer),
            policy=Band(0.4, 0.7),
            tables=parts.tables,
            clock=parts.ports.clock,
        )

    return [seconds(partial(score, f"{number}")) for number in range(n)]


def _id(number: int) -> SampleId:
    return SampleId(hashlib.sha256(f"{number}".encode()).hexdigest())


def _sample(sample_id: SampleId, parts: Wiring) -> dict[str, object]:
    return {
        "sample_id": sample_id,
        "batch": "drawn",
        "uri": f"/drawn/{sample_id}",
        "stamp": "1",
        "size": 1,
        "arrived": str(Arrived.SAMPLE),
        "arrived_at": parts.ports.clock(),
        "reason": None,
        "detail": None,
        "fingerprint": None,
        "metadata": "{}",
    }
