"""How fast a file of records is scored with boosted trees, how much memory that takes, and what is kept.

The records are made payments of 15 columns, and no two are equal. Reading, checking, keeping, lanes and the
tables are included. Each measurement is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from goldloop.core.labels import LabelSet
from goldloop.core.samples import sample_id_of
from scripts.bench.common import Report, figures_of, say

LABELS = LabelSet.of(["genuine", "fraud"])
N_KNOWN, PART = 5000, 100_000  # labelled records; records written at a time
FORMS = ("csv", "parquet")
RECORDS: dict[str, Any] = {
    "fields": {
        "at": "time",
        "customer": "name",
        "merchant": "name",
        "category": "category",
        "country": "category",
        "channel": "category",
        "amount": {"kind": "number", "unit": "EUR"},
        "account_age_days": "number",
        "is_abroad": "flag",
        "is_new_device": "flag",
        "payments_1h": "number",
        "payments_24h": "number",
        "amount_24h": "number",
        "mean_amount_30d": "number",
    },
    "stake": "amount",
    "entity": "customer",
    "time": "at",
}


def run(report: Report, options: argparse.Namespace) -> None:
    """Measure every size and form, and report records a second, seconds, memory and the size of the store."""
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as root:
            say(f"writing {size:,} records")
            _child("prepare", root, str(size), str(options.seed))
            for form in FORMS:
                runs = [_child("score", root, str(size), form) for _ in range(options.n)]
                begin = f"records/{size:,} records/{form}"
                for figure in runs[0]:
                    report.median(f"{begin}/{figure}", [one[figure] for one in runs], _UNITS[figure])
                report.median(f"{begin}/rate", [size / one["seconds"] for one in runs], "records/s")


_UNITS = {
    "seconds": "s",
    "of processor": "s",
    "megabytes": "MB",
    "store": "MB",
    "tables": "MB",
    "files": "files",
}


def _child(*arguments: str) -> dict[str, float]:
    return figures_of("scripts.bench.speed.records", *arguments)


def made(first: int, n: int, seed: int) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
    """Return `n` payments, numbered from `first`, and which of them are frauds."""
    rng = np.random.default_rng([seed, first])
    fraud = rng.random(n) < 0.05
    moments = np.datetime64("2026-01-01T00:00:00") + (first + np.arange(n)).astype("timedelta64[s]")
    words = {
        "category": ["grocery", "travel", "fashion", "electronics", "games", "fuel"],
        "country": ["ES", "DE", "FR", "RO", "US", "PT", "IT"],
        "channel": ["card present", "online", "wallet"],
    }
    columns = {
        "id": [f"P{first + place:08}" for place in range(n)],
        "at": [f"{moment}Z" for moment in moments.astype(str)],
        "customer": [f"C{one:06}" for one in rng.integers(200_000, size=n)],
        "merchant": [f"M{one:05}" for one in rng.integers(20_000, size=n)],
        **{name: rng.choice(values, n) for name, values in words.items()},
        "amount": np.round(rng.lognormal(3.2 + 1.2 * fraud, 0.9), 2),
        "account_age_days": rng.integers(1, 4000, n),
        "is_abroad": rng.random(n) < 0.05 + 0.4 * fraud,
        "is_new_device": rng.random(n) < 0.08 + 0.5 * fraud,
        "payments_1h": rng.poisson(0.1 + 1.5 * fraud),
        "payments_24h": rng.poisson(0.8 + 2 * fraud),
        "amount_24h": np.round(rng.lognormal(2.5 + fraud, 1.2), 2),
        "mean_amount_30d": np.round(rng.lognormal(3.2, 0.6, n), 2),
    }
    return pa.table(columns), fraud


def prepare(root: Path, n: int, seed: int) -> None:
    """Write a trained model, and `n` records of which no two are equal, in each form."""
    _train(root, seed)
    schema = made(0, 1, seed)[0].schema
    with (
        pa.csv.CSVWriter(root / "records.csv", schema) as csv,
        pq.ParquetWriter(root / "records.parquet", schema) as parquet,
    ):
        for first in range(0, n, PART):
            table, _ = made(first, min(PART, n - first), seed)
            csv.write_table(table)
            parquet.write_table(table)


def _train(root: Path, seed: int) -> None:
    from goldloop.modalities.record.modality import RecordModality
    from goldloop.settings.records import RecordSettings
    from models.record.trainer import RecordTrainer

    form = RecordSettings.model_validate(RECORDS).form
    reader = RecordModality(root / "unused.sqlite", form).reader
    table, fraud = made(10**9, N_KNOWN, seed)
    decoded = [reader.sample_of(row).decoded for row in table.to_pylist()]
    known = {sample_id_of(str(number).encode()): one for number, one in enumerate(decoded)}
    pairs = [(key, int(is_fraud)) for key, is_fraud in zip(known, fraud, strict=True)]
    apart = N_KNOWN // 5
    RecordTrainer().train(
        pairs[apart:], pairs[:apart], labels=LABELS, load=known.__getitem__, folder=root / "model"
    )


def score(root: Path, n: int, form: str) -> dict[str, float]:
    """Return the seconds that scoring the `n` records takes, into a fresh workspace, and what that keeps."""
    from goldloop.routing.policies import Band
    from goldloop.scoring.score import score_source
    from goldloop.scoring.writer import Model
    from goldloop.settings.workspace import Workspace
    from goldloop.wiring import Wiring

    with tempfile.TemporaryDirectory(dir=root) as folder:
        place = Path(folder) / "workspace"
        parts = Wiring(Workspace.create(place, labels=list(LABELS), kind="records", records=RECORDS))
        model = Model("1", parts.trainer.scorer(root / "model"))
        started = time.perf_counter(), time.process_time()
        report = score_source(
            str(root / f"records.{form}"),
            reader=parts.modality.reader,
            model=model,
            policy=Band(0.0, 0.85),
            tables=parts.tables,
            clock=parts.ports.clock,
        )
        took = time.perf_counter() - started[0], time.process_time() - started[1]
        files = [path for path in place.rglob("*") if path.is_file()]
        store = sum(path.stat().st_size for path in files if path.name.startswith("records.sqlite"))
        tables = [path.stat().st_size for path in files if "tables" in path.relative_to(place).parts]
    if report.n_files != n or sum(report.lanes.values()) != n:
        raise SystemExit(f"scored {sum(report.lanes.values())} of {n} records: {report}")
    return {
        "seconds": took[0],
        "of processor": took[1],
        "store": store / 2**20,
        "tables": sum(tables) / 2**20,
        "files": len(tables),
    }


if __name__ == "__main__":
    place, number = Path(sys.argv[2]), int(sys.argv[3])
    if sys.argv[1] == "prepare":
        prepare(place, number, int(sys.argv[4]))
        print("{}")
    else:
        figures = score(place, number, sys.argv[4])
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        figures["megabytes"] = (
            int(status["VmHWM"].split()[0]) / 1024
        )  # getrusage would name the parent's peak
        print(json.dumps(figures))
