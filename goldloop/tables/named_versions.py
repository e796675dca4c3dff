"""Named gold versions: those that a round, a policy, an evaluation, a search or an export names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow.compute as pc

from goldloop.core.table_ports import Table, Tables
from goldloop.gold.records import GoldVersion
from goldloop.tables import codec


@dataclass(frozen=True, slots=True)
class Export:
    """An export of a gold version in the format `form`; the files may be anywhere."""

    gold_version: int
    digest: str
    form: str
    at: datetime


def save_export(table: Table, version: GoldVersion, form: str, *, at: datetime) -> None:
    """Record that a gold version is exported, so that it stays; call it before the version is read."""
    codec.append_values(table, lambda: [Export(version.version, version.digest, form, at)])


def named_versions(tables: Tables) -> frozenset[int]:
    """Return the numbers of the gold versions that stay for good."""
    naming = (tables.rounds, tables.policies, tables.evaluations, tables.label_errors, tables.exports)
    found = (pc.unique(table.read(["gold_version"])["gold_version"]).to_pylist() for table in naming)
    return frozenset(number for numbers in found for number in numbers if number is not None)
