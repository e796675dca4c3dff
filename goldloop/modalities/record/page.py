"""The page of a record as escaped HTML: stake and risk in large, costs, reasons, fields and history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape

from goldloop.core.assessments import Assessment
from goldloop.core.record_form import FieldForm, FieldKind, RecordForm
from goldloop.modalities.record.fields import Record, Value
from goldloop.modalities.record.screen import NOTHING, plain, shown

_MOST_COLUMNS = 3  # of a record before this one, beside its time and what was at stake
_WIDEST = 100  # pixels of the bar of a reason
_FULL_BAR = 1.5
"""Log-odds that fill a bar, unless a reason is stronger: they multiply the odds by 4.5."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_PARTS_OF_TIME = {"hour": "hour", "weekday": "day of the week"}


def record_html(
    record: Record,
    form: RecordForm,
    *,
    earlier: Sequence[tuple[Record, str]] = (),
    assessment: Assessment | None = None,
    is_unhurried: bool = False,
) -> str:
    """Return a record as HTML for the labelling page.

    `earlier` are the records of the same entity before it, newest first, with their labels, "" where unknown.
    Without an `assessment` the page holds nothing of a model. The page shows how long a quick review takes
    unless it `is_unhurried`. The entity is not shown.
    """
    parts = [
        _head(record, form, assessment),
        "" if is_unhurried else '<div class="gl-pace"></div>',
        _costs(assessment) if assessment and assessment.costs else "",
        _reasons(record, form, assessment.reasons) if assessment and assessment.reasons else "",
        _earlier(earlier, form),
        _fields(record, form),
    ]
    return f'<div class="gl-record">{"".join(parts)}</div>'


def _head(record: Record, form: RecordForm, assessment: Assessment | None) -> str:
    top = [_top(record, form, name) for name in (form.stake, form.time) if name]
    text = f"<p>{''.join(top)}<small>{escape(record.id)}</small></p>"
    return f'<div class="gl-head">{text}{_risk(assessment.risk) if assessment else ""}</div>'


def _top(record: Record, form: RecordForm, name: str) -> str:
    tag = "b" if name == form.stake else "span"
    return f"<{tag}>{shown(record.values.get(name), form.fields[name])}</{tag}>"


def _risk(risk: float) -> str:
    percent = min(max(100 * risk, 0.0), 100.0)
    bar = f'<div class="gl-bar"><i style="left: {percent:.1f}%"></i></div>'
    return f'<div class="gl-risk"><b>{percent:.0f}</b> <small>risk of 100</small>{bar}</div>'


def _costs(assessment: Assessment) -> str:
    cheapest = assessment.cheapest
    named = list(zip(_actions(list(assessment.costs)), assessment.costs.items(), strict=True))
    shown = [
        f"<{tag}>{escape(words)} {amount:,.2f}</{tag}>"
        for words, (action, amount) in named
        for tag in ["b" if action == cheapest else "span"]
    ]
    return f'<p class="gl-costs">expected cost, {escape(assessment.currency)}: {" ".join(shown)}</p>'


def _actions(names: list[str]) -> list[str]:
    """Return the words for the actions: with two labels, approve takes a record for the first."""
    return ["approve", "decline", *names[2:]] if len(names) == 4 else names  # two labels and two reviews


def _reasons(record: Record, form: RecordForm, reasons: Mapping[str, float]) -> str:
    """Return the reasons as rows: the field, its value, and a bar to the right of a risk, left of none."""
    full = max(_FULL_BAR, *map(abs, reasons.values()))
    rows = "".join(
        f'<tr class="{"gl-up" if added > 0 else "gl-down"}"><th>{escape(words)}</th><td>{value}</td>'
        f'<td><i style="width: {max(2, round(_WIDEST * abs(added) / full))}px"></i></td>'
        f"<td>{f'{added:+.2f}'.replace('-', '−')}</td></tr>"
        for name, added in reasons.items()
        for words, value in [_said(record, form, name)]
    )
    return f'<h4>Why the model says so</h4><table class="gl-reasons">{rows}</table>'


def _said(record: Record, form: RecordForm, name: str) -> tuple[str, str]:
    """Return the words for a field of a model and its value as escaped text."""
    if name in form.fields:
        field = form.fields[name]
        return field.words, shown(record.values.get(name), field)
    of, _, part = name.rpartition("/")
    time = form.fields.get(of)
    if time is None or time.kind is not FieldKind.TIME or part not in _PARTS_OF_TIME:
        return name, NOTHING
    words = f"{time.words}, {_PARTS_OF_TIME[part]}"
    moment = record.values.get(of)
    return words, NOTHING if moment is None else _part_of(str(moment), part)


def _part_of(moment: str, part: str) -> str:
    at = datetime.fromisoformat(moment)
    return _DAYS[at.weekday()] if part == "weekday" else f"{at.hour}:00"


def _fields(record: Record, form: RecordForm) -> str:
    rows = "".join(
        f"<tr><th>{escape(one.words)}</th><td>{shown(record.values.get(name), one)}</td></tr>"
        for name, one in form.fields.items()
        if name not in (form.stake, form.time, form.entity)
    )
    return f'<h4>The record</h4><table class="gl-fields">{rows}</table>'


def _earlier(earlier: Sequence[tuple[Record, str]], form: RecordForm) -> str:
    if not earlier:
        return ""
    columns = [name for name in (form.time, form.stake, *_telling(form)) if name]
    heads = "".join(f"<th>{escape(form.fields[name].words)}</th>" for name in columns)
    rows = "".join(
        f"<tr>{''.join(_cell(record.values.get(name), form.fields[name]) for name in columns)}"
        f"<td><{tag}>{escape(label)}</{tag}></td></tr>"
        for record, label in earlier
        for tag in ["span" if label in ("", form.usual) else "b"]
    )
    whose = form.fields[form.entity].words if form.entity else "same"
    title = f"<h4>Before, of the same {escape(whose)}</h4>"
    return f'{title}<table class="gl-earlier"><tr>{heads}<th>label</th></tr>{rows}</table>'


def _telling(form: RecordForm) -> list[str]:
    """Return the fields that tell records apart at a glance: the first names and categories."""
    kinds = (FieldKind.NAME, FieldKind.CATEGORY)
    named = [name for name, one in form.fields.items() if one.kind in kinds and name != form.entity]
    return named[:_MOST_COLUMNS]


def _cell(value: Value | None, field: FieldForm) -> str:
    text = NOTHING if value is None else plain(value, field)
    tag = 'td class="gl-number"' if field.kind is FieldKind.NUMBER else "td"
    return f"<{tag}>{escape(text)}</td>"
