"""The payload of a record: what models learn from; training, scoring and serving share it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from goldloop.core.record_form import FieldKind, RecordForm
from goldloop.modalities.record.fields import Record, Value

Payload = Mapping[str, str | float]
"""What models learn from: numbers and flags as float, words as str; missing values are left out."""


def payload_of(record: Record, form: RecordForm) -> Payload:
    """Return what models learn from of a record of `form`; of a time they learn hour and day of the week."""
    learnt: dict[str, str | float] = {}
    for name in form.learnt_from:
        value = record.values.get(name)
        if value is not None:
            learnt |= _learnt(name, value, form.fields[name].kind)
    return learnt


def _learnt(name: str, value: Value, kind: FieldKind) -> dict[str, str | float]:
    if kind is FieldKind.CATEGORY:
        return {name: str(value)}
    if kind is FieldKind.TIME:
        moment = datetime.fromisoformat(str(value))
        return {f"{name}/hour": float(moment.hour), f"{name}/weekday": float(moment.weekday())}
    return {name: float(value)}
