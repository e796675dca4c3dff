"""Payments for benchmarks: simulated ones with analysts' answers, and real ones with anonymous fields.

Both lie in the folder of data (`--data`): payments_simulated and payments_ulb.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from models.record.encoding import Records

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Columns = npt.NDArray[np.intp]

QUICK, FULL = "quick", "deep"  # the paths, as the file of answers calls them
NOT_LEARNT = ("id", "at", "customer", "merchant", "chargeback_at", "label", "scenario", "is_disputed_honest")
ULB_WEIGHTS = (72.9, 1.03)  # how many payments of the whole set a genuine row and a fraud stand for


@dataclass(frozen=True, slots=True)
class Answer:
    """One analyst's look at a payment."""

    is_fraud: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Payments:
    """Payments (n,): values by field, day, amount in EUR, truth, day of the chargeback (or inf), weights.

    A chargeback of an honest customer counts as none. `answers` hold, by path, the looks at each payment that
    somebody looked at, by row.
    """

    records: Records
    day: Floats
    amount: Floats
    is_fraud: Flags
    reported: Floats
    weights: Floats
    answers: Mapping[str, Mapping[int, tuple[Answer, ...]]] = field(default_factory=dict)

    @property
    def truth(self) -> Columns:
        """Columns of the true labels, 1 for fraud, (n,)."""
        return self.is_fraud.astype(np.intp)


@cache
def simulated(folder: Path) -> Payments:
    """Return the simulated payments below the folder of data."""
    place = folder / "payments_simulated"
    table = pq.read_table(place / "payments.parquet")
    begin = table["at"].to_numpy().min()

    def days(name: str) -> Floats:
        passed = (table[name].to_numpy() - begin) / np.timedelta64(1, "D")
        return np.where(np.isnan(passed), np.inf, passed)

    honest = table["is_disputed_honest"].to_numpy() == 1
    return Payments(
        records=_records(table.select([name for name in table.column_names if name not in NOT_LEARNT])),
        day=days("at"),
        amount=table["amount"].to_numpy(),
        is_fraud=np.array(table["label"].to_pylist()) == "fraud",
        reported=np.where(honest, np.inf, days("chargeback_at")),
        weights=np.ones(len(table)),
        answers=_answers(place / "analyst_answers.csv", table["id"].to_pylist()),
    )


@cache
def ulb(folder: Path) -> Payments:
    """Return the real payments below the folder of data."""
    table = pyarrow.csv.read_csv(folder / "payments_ulb" / "payments.csv")
    is_fraud = np.array(table["label"].to_pylist()) == "fraud"
    return Payments(
        records=_records(table.drop_columns(["id", "label", "seconds"])),
        day=table["seconds"].to_numpy() / 86_400,
        amount=table["amount_eur"].to_numpy().astype(np.float64),
        is_fraud=is_fraud,
        reported=np.full(len(table), np.inf),
        weights=np.where(is_fraud, ULB_WEIGHTS[1], ULB_WEIGHTS[0]),
    )


def _records(table: pa.Table) -> Records:
    rows: list[dict[str, Any]] = [
        {name: value for name, value in row.items() if value is not None} for row in table.to_pylist()
    ]
    records: Records = np.empty(len(rows), dtype=object)
    records[:] = rows
    return records


def _answers(file: Path, ids: list[str]) -> dict[str, dict[int, tuple[Answer, ...]]]:
    at = {one: row for row, one in enumerate(ids)}
    found: dict[str, dict[int, tuple[Answer, ...]]] = {QUICK: {}, FULL: {}}
    with file.open(encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines):
            given, row = found[line["path"]], at[line["id"]]
            given[row] = (*given.get(row, ()), Answer(line["decision"] == "fraud", float(line["seconds"])))
    return found
