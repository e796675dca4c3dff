"""The words of a record: its values as text, for pages and reports."""

from __future__ import annotations

from html import escape

from goldloop.core.record_form import FieldForm, FieldKind, RecordForm
from goldloop.modalities.record.fields import Record, Value

NOTHING = "–"
_SHOWN_CHARS = 80


def record_text(record: Record, form: RecordForm) -> str:
    """Return a record in one line, for reports."""
    parts = [
        f"{one.words} {plain(record.values[name], one)}"
        for name, one in form.fields.items()
        if name in record.values and name != form.entity
    ]
    return f"{record.id}: {', '.join(parts)}"


def shown(value: Value | None, field: FieldForm) -> str:
    """Return a value as escaped text for a page."""
    return escape(NOTHING if value is None else plain(value, field))


def plain(value: Value, field: FieldForm) -> str:
    """Return a value as text, with its unit."""
    if field.kind is FieldKind.FLAG:
        return "yes" if value else "no"
    if field.kind is FieldKind.TIME:
        return str(value).replace("T", " ").removesuffix("+00:00")
    if isinstance(value, float):
        digits = f"{value:,.2f}".removesuffix(".00")
        return f"{digits} {field.unit}".strip()
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…"
