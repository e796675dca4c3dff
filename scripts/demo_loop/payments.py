"""Payments with known labels, the chargebacks that come weeks later, and what a decision on one costs."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldloop.core.samples import sample_id_of
from goldloop.modalities.record.fields import record_of
from goldloop.modalities.rows.pseudonyms import Pseudonyms
from goldloop.settings.records import RecordSettings
from scripts.demo_loop.labelled import TEST_SHARE, LabelledSample, LabelledSamples

if TYPE_CHECKING:
    from goldloop.wiring import Wiring

LABELS = ("genuine", "fraud")
FEE, CONTACT = 15.0, 5.0
"""Costs in EUR: what a missed fraud costs beside its amount, and a genuine customer who is stopped."""
OUTCOME_COLUMNS = ("id", "kind", "label", "observed_at", "known_at")
CORRECTED_AFTER = timedelta(days=10)  # after which an honest customer's dispute is found to be one

RECORDS: dict[str, Any] = {
    "fields": {
        "amount": {"kind": "number", "words": "Amount", "unit": "EUR"},
        "at": "time",
        "customer": "name",
        "merchant": "name",
        "category": "category",
        "country": "category",
        "channel": "category",
        "account_age_days": {"kind": "number", "words": "age of the account", "unit": "days"},
        "is_abroad": {"kind": "flag", "words": "abroad"},
        "is_new_device": {"kind": "flag", "words": "new device"},
        "password_reset_24h": {"kind": "flag", "words": "password reset in the last day"},
        "payments_1h": {"kind": "number", "words": "payments in the last hour"},
        "amount_24h": {"kind": "number", "words": "amount of the last day", "unit": "EUR"},
        "amount_over_usual": {"kind": "number", "words": "amount over the usual one"},
        "times_at_merchant": {"kind": "number", "words": "times at this merchant"},
    },
    "stake": "amount",
    "entity": "customer",
    "time": "at",
}
SECTIONS: dict[str, dict[str, Any]] = {
    "records": RECORDS,
    "policy": {"kind": "cost"},
    "selection": {"strategy": "saving"},
    "cost": {
        "errors": {"fraud": {"genuine": {"plus": FEE, "factor": 1.0}}, "genuine": {"fraud": CONTACT}},
        "quick_s": 30.0,
        "full_s": 120.0,
    },
}
"""Sections of goldloop.toml in the demo's workspace."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Chargeback:
    """A customer asks the money back: `observed_at` the bank, `known_at` the merchant.

    `is_honest` says that the payment was genuine; that is found out later.
    """

    observed_at: datetime
    known_at: datetime
    is_honest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment(LabelledSample):
    """A payment whose true label is known; `fields` are its columns, without the label."""

    fields: Row
    chargeback: Chargeback | None = None

    @property
    def amount(self) -> float:
        """What is at stake, in EUR."""
        return float(self.fields["amount"])


class Payments(LabelledSamples[Payment]):
    """Payments with known labels, the later ones as test.

    Satisfies `scripts.demo_loop.labelled.LabelledSamples`.
    """

    kind, noun = "records", "payments"

    @property
    def sections(self) -> dict[str, dict[str, Any]]:
        """Sections of goldloop.toml that these samples need."""
        return SECTIONS

    def write_pool(self, folder: Path) -> Path:
        """Write the pool as a CSV file, without the labels."""
        return _write_rows([one.fields for one in self.pool], folder / "pool.csv")

    def payloads(self, parts: Wiring, samples: Sequence[Payment]) -> list[Any]:
        """Return what models learn of the payments, which are kept apart from the workspace."""
        from goldloop.wiring import Wiring

        apart = Wiring(replace(parts.workspace, root=parts.workspace.root / "judged"))
        with tempfile.TemporaryDirectory() as folder:
            source = _write_rows([one.fields for one in samples], Path(folder) / "payments.csv")
            arrived = {
                one.sample_id: one.decoded.payload
                for one in apart.modality.reader.arrivals(str(source), is_known=lambda _: False)
                if one.decoded
            }
        return [arrived[one.sample_id] for one in samples]

    def write_outcomes(self, path: Path, until: datetime) -> int:
        """Write what is known by `until` of the chargebacks of the pool; return the number of rows.

        A dispute of an honest customer is a chargeback like others, and is contradicted by hand later.
        """
        rows = sorted(
            (row for one in self.pool for row in _outcomes(one) if row["known_at"] <= until.isoformat()),
            key=lambda row: (row["known_at"], row["id"]),
        )
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, OUTCOME_COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        return len(rows)

    @property
    def ended_at(self) -> datetime:
        """When the last payment of the pool was made."""
        return datetime.fromisoformat(self.pool[-1].fields["at"])


def payments_of(rows: Sequence[tuple[str, Row, Chargeback | None]]) -> Payments:
    """Return payments of triples of label, columns and chargeback, in the order of their times."""
    form, nobody = RecordSettings.model_validate(RECORDS).form, Pseudonyms(lambda: b"")
    found = [
        Payment(
            sample_id=sample_id_of(record_of(row, form, nobody).canonical.encode()),
            label=label,
            row_id=str(row["id"]),
            fields=row,
            chargeback=chargeback,
        )
        for label, row, chargeback in rows
    ]
    n_pool = len(found) - round(TEST_SHARE * len(found))
    return Payments(LABELS, found[:n_pool], found[n_pool:])


def _outcomes(payment: Payment) -> list[dict[str, str]]:
    asked = payment.chargeback
    if asked is None:
        return []

    def row(kind: str, label: str, later: timedelta = timedelta(0)) -> dict[str, str]:
        moments = {
            "observed_at": (asked.observed_at + later).isoformat(timespec="seconds"),
            "known_at": (asked.known_at + later).isoformat(timespec="seconds"),
        }
        return {"id": str(payment.fields["id"]), "kind": kind, "label": label, **moments}

    first = row("chargeback", "fraud")
    return [first, row("manual", "genuine", CORRECTED_AFTER)] if asked.is_honest else [first]


def _write_rows(rows: Sequence[Row], path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(
            {name: "" if value is None else value for name, value in row.items()} for row in rows
        )
    return path
