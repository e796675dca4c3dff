"""Samples left out of training by the user, each with the reason; rows are only added."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from goldloop.core.samples import SampleId
from goldloop.core.table_ports import Table
from goldloop.tables import codec


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A sample that trains no model, and why; a later row may put it back."""

    sample_id: SampleId
    reason: str
    at: datetime
    is_back: bool = False


def read_left_out(table: Table) -> dict[SampleId, LeftOut]:
    """Return the samples that are left out now."""
    newest = {entry.sample_id: entry for entry in codec.values_of(LeftOut, table.read().sort_by("seq"))}
    return {sample_id: entry for sample_id, entry in newest.items() if not entry.is_back}


def save_left_out(table: Table, entry: LeftOut) -> None:
    """Leave a sample out, or change the reason."""

    def new() -> list[LeftOut]:
        known = read_left_out(table).get(entry.sample_id)
        return [] if known is not None and known.reason == entry.reason else [entry]

    codec.append_values(table, new)


def put_back(table: Table, sample_id: SampleId, *, at: datetime) -> bool:
    """Let a sample train again; return whether it was left out."""

    def back() -> list[LeftOut]:
        known = read_left_out(table).get(sample_id)
        return [] if known is None else [replace(known, at=at, is_back=True)]

    return bool(codec.append_values(table, back))
