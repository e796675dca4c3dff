"""Hints: the known samples of rare labels that the user gave; rows are only added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from goldloop.core.samples import SampleId
from goldloop.core.table_ports import Table
from goldloop.tables import codec


@dataclass(frozen=True, slots=True)
class Hint:
    """A sample that the user knows to have `label`, and where its file was; a later row may forget it."""

    label: str
    sample_id: SampleId
    uri: str
    at: datetime
    is_forgotten: bool = False

    @property
    def key(self) -> tuple[str, SampleId]:
        """What is kept once."""
        return self.label, self.sample_id


def read_hints(table: Table) -> list[Hint]:
    """Return the hints that are not forgotten, in the order in which they were given."""
    present: dict[tuple[str, SampleId], Hint] = {}
    for hint in codec.values_of(Hint, table.read().sort_by("seq")):
        present.pop(hint.key, None)
        if not hint.is_forgotten:
            present[hint.key] = hint
    return list(present.values())


def save_hints(table: Table, hints: Sequence[Hint]) -> Sequence[Hint]:
    """Add those of `hints` that are not known yet, each once; return them."""

    def new() -> list[Hint]:
        known = {hint.key for hint in read_hints(table)}
        return list({hint.key: hint for hint in hints if hint.key not in known}.values())

    return codec.append_values(table, new)


def forget_hints(table: Table, label: str, *, at: datetime) -> int:
    """Forget the hints of `label`; return how many there were."""

    def forgotten() -> list[Hint]:
        return [replace(hint, at=at, is_forgotten=True) for hint in read_hints(table) if hint.label == label]

    return len(codec.append_values(table, forgotten))
