"""How long one live decision takes: made payments, boosted trees, own amounts, the journal forced to disk.

A decision reads and checks a record, scores and routes it, and writes it to the journal; bringing the journal
to the tables happens between decisions and is measured apart.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from goldloop.core.labels import LabelSet
from goldloop.core.samples import Decoded, sample_id_of
from goldloop.loop.decide import BATCH, LiveDecisions
from goldloop.modalities.rows.reader import RowReader
from goldloop.routing.fit import KnownPeople, cost_policy
from goldloop.scoring.journal import Journal
from goldloop.scoring.score import seen_samples
from goldloop.scoring.writer import Model, ScoreReport, ScoreWriter
from goldloop.settings import decisions_by_cost
from goldloop.settings.workspace import Workspace
from goldloop.wiring import Wiring
from models.record.trainer import RecordTrainer
from scripts.bench.common import Report

LABELS = LabelSet.of(["genuine", "fraud"])
FIELDS = {"amount": "number", "hour": "number", "country": "category", "is_new": "flag", "customer": "name"}
N_KNOWN = 2000


def run(report: Report, options: argparse.Namespace) -> None:
    """Report the median and the slowest hundredth of decisions, in ms."""
    rng = np.random.default_rng(options.seed)
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as root:
            decisions = _opened(Path(root), rng)
            took_ms = []
            for number in range(size):
                row = payment(f"live{number}", rng)
                started = time.perf_counter()
                decisions.decide(row)
                took_ms.append(1000 * (time.perf_counter() - started))
                decisions.flush_if_due()
            started = time.perf_counter()
            decisions.flush()
        for name, share in (("median", 50), ("99 of 100 within", 99), ("slowest", 100)):
            report.add(f"decide/{size:,} payments/{name}", float(np.percentile(took_ms, share)), "ms", n=size)


def payment(name: str, rng: np.random.Generator) -> dict[str, Any]:
    """Return a made payment."""
    return {
        "id": name,
        "amount": round(float(rng.lognormal(3, 1)), 2),
        "hour": int(rng.integers(24)),
        "country": str(rng.choice(["DE", "ES", "FR", "IT"])),
        "is_new": bool(rng.random() < 0.2),
        "customer": f"C{int(rng.integers(500))}",
    }


def _opened(root: Path, rng: np.random.Generator) -> LiveDecisions:
    """Return decisions by a model of made payments, in a fresh workspace."""
    settings = {"kind": "records", "labels": list(LABELS), "records": {"fields": FIELDS, "stake": "amount"}}
    parts = Wiring(Workspace.create(root / "workspace", **settings, **decisions_by_cost(LABELS.names)))
    reader = parts.modality.reader
    assert isinstance(reader, RowReader)
    known = {}
    for number in range(N_KNOWN):
        row = payment(f"known{number}", rng)
        arrival, _ = reader.row("known", row)
        assert arrival.decoded is not None
        known[sample_id_of(row["id"].encode())] = arrival.decoded.payload
    pairs = [(key, int(rng.random() < 0.1 + 0.3 * one["is_new"])) for key, one in known.items()]
    model = root / "model"
    RecordTrainer().train(pairs, [], labels=LABELS, load=lambda key: Decoded(known[key]), folder=model)
    ports = parts.ports
    policy, _ = cost_policy(ports.settings, KnownPeople())
    scorer = Model("1", parts.trainer.scorer(model))
    writer = ScoreWriter(BATCH, scorer, policy, ports.tables, ports.clock, None, ScoreReport(str(BATCH), "1"))
    assert ports.journal is not None
    return LiveDecisions(ports, reader, writer, Journal(ports.journal), seen_samples(ports.tables))
