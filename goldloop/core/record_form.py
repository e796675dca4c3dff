"""The form of records: which fields they have, of which kind, and which say stake, entity and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class FieldKind(StrEnum):
    """What the values of a field are; models learn from all but names."""

    NUMBER = "number"
    CATEGORY = "category"
    FLAG = "flag"
    TIME = "time"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class FieldForm:
    """A field: its kind, the `words` for it on the screen, and the `unit` of a number."""

    kind: FieldKind
    words: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class RecordForm:
    """The `fields` of records by column, and the columns to `ignore`; any other column is refused.

    `stake` is the number that is at stake, `entity` the name of whom the record is about, `time` its time;
    None where there is none. `usual` is the label of records that nobody need worry about: pages mark others.
    """

    fields: Mapping[str, FieldForm] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    stake: str | None = None
    entity: str | None = None
    time: str | None = None
    usual: str | None = None

    @property
    def learnt_from(self) -> tuple[str, ...]:
        """The fields that models learn from."""
        return tuple(name for name, one in self.fields.items() if one.kind is not FieldKind.NAME)


NO_FIELDS = RecordForm()
"""The form of records that have an id alone."""
