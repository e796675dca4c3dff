"""Records for tests: made payments whose fraud is to be seen in their fields, and their form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from goldloop.core.record_form import RecordForm
from goldloop.core.samples import Arrival
from goldloop.modalities.record.modality import RecordModality
from goldloop.modalities.rows.pseudonyms import Pseudonyms
from goldloop.settings.records import RecordSettings
from tests.texts import write_json

SECTION: dict[str, Any] = {
    "fields": {
        "amount": {"kind": "number", "words": "Amount", "unit": "EUR"},
        "at": "time",
        "customer": "name",
        "merchant": "name",
        "country": "category",
        "is_new_device": "flag",
        "n_last_hour": {"kind": "number", "words": "payments in the last hour"},
    },
    "ignore": ("chargeback_at",),
    "stake": "amount",
    "entity": "customer",
    "time": "at",
}


def form() -> RecordForm:
    """Return the form of the payments."""
    return replace(RecordSettings.model_validate(SECTION).form, usual="genuine")


def records_in(folder: Path) -> RecordModality:
    """Return payments kept in `folder`."""
    return RecordModality(folder / "records.sqlite", form(), Pseudonyms(lambda: b"key"))


def payment(number: int | str = 1, **changes: Any) -> dict[str, Any]:
    """Return a genuine payment with these changes; None removes a field."""
    fields: dict[str, Any] = {
        "id": f"P{number}",
        "amount": 25.5,
        "at": "2026-03-01T09:30:00Z",
        "customer": "C7",
        "merchant": "M1",
        "country": "ES",
        "is_new_device": False,
        "n_last_hour": 0,
    }
    return {key: value for key, value in (fields | changes).items() if value is not None}


def made_payments(n: int, *, share: float = 0.2, seed: int = 0) -> list[tuple[dict[str, Any], str]]:
    """Return payments and whether each is genuine or fraud: frauds are larger and come in bursts."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(n):
        is_fraud = bool(rng.random() < share)
        fields = payment(
            number,
            amount=round(float(rng.lognormal(4.5 if is_fraud else 3.0, 0.8)), 2),
            customer=f"C{int(rng.integers(n // 4))}",
            merchant=f"M{int(rng.integers(40))}",
            country=str(rng.choice(["ES", "DE", "RO"], p=[0.2, 0.2, 0.6] if is_fraud else [0.5, 0.4, 0.1])),
            is_new_device=bool(rng.random() < (0.7 if is_fraud else 0.1)),
            n_last_hour=int(rng.poisson(2.0 if is_fraud else 0.2)),
            at=f"2026-03-{1 + number % 28:02d}T{int(rng.integers(24)):02d}:15:00Z",
        )
        made.append((fields, "fraud" if is_fraud else "genuine"))
    return made


def read_rows(modality: RecordModality, path: Path, *rows: dict[str, Any]) -> list[Arrival]:
    """Return the arrivals of rows, written to `path`."""
    return list(modality.reader.arrivals(str(write_json(path, *rows)), is_known=lambda _: False))
