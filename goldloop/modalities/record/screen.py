"""The screen of a record: its fields as escaped HTML, what is at stake in large."""

from __future__ import annotations

from html import escape

from goldloop.core.record_form import FieldForm, FieldKind, RecordForm
from goldloop.modalities.record.fields import Record, Value

NOTHING = "–"
_SHOWN_CHARS = 80


def record_html(record: Record, form: RecordForm) -> str:
    """Return a record as HTML for the labelling page: stake and time on top, then each field with its words.

    The entity is not shown.
    """
    top = [_top(record, form, name) for name in (form.stake, form.time) if name]
    rows = "".join(
        f"<tr><th>{escape(one.words)}</th><td>{shown(record.values.get(name), one)}</td></tr>"
        for name, one in form.fields.items()
        if name not in (form.stake, form.time, form.entity)
    )
    head = f"<p>{''.join(top)}<small>{escape(record.id)}</small></p>"
    return f'<div class="gl-record">{head}<table>{rows}</table></div>'


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


def _top(record: Record, form: RecordForm, name: str) -> str:
    tag = "b" if name == form.stake else "span"
    return f"<{tag}>{shown(record.values.get(name), form.fields[name])}</{tag}>"
