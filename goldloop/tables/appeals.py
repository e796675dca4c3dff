"""Appeals: authors who object to the label of a sample; rows are only added."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from goldloop.core.samples import SampleId
from goldloop.core.table_ports import Table
from goldloop.tables import codec


@dataclass(frozen=True, slots=True)
class Appeal:
    """An objection to a label, in the author's `words`.

    `label_before` is the label then, and `is_gold` tells that people had given it, not the machine alone.
    """

    sample_id: SampleId
    words: str
    at: datetime
    label_before: str
    is_gold: bool


def read_appeals(table: Table) -> list[Appeal]:
    """Return the appeals in the order in which they were made; the first about a sample counts."""
    made = dict[SampleId, Appeal]()
    for appeal in codec.values_of(Appeal, table.read().sort_by("seq")):
        made.setdefault(appeal.sample_id, appeal)
    return list(made.values())


def save_appeal(table: Table, appeal: Appeal) -> None:
    """Add an appeal, unless there is one about its sample."""

    def new() -> list[Appeal]:
        return [] if any(one.sample_id == appeal.sample_id for one in read_appeals(table)) else [appeal]

    codec.append_values(table, new)
