"""The loader of models of records: rows of fields in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from goldloop.core.record_form import FieldForm, FieldKind, RecordForm
from goldloop.modalities.record.fields import record_of
from goldloop.modalities.record.payload import Payload, payload_of
from goldloop.modalities.rows.pseudonyms import Pseudonyms
from models.record.saved import load_scorer
from models.served.answers import ServedClassifier, folders_of

FORM = "form.json"


def _load_pyfunc(model: str) -> ServedClassifier:
    """Return the model in the folder `model`, for MLflow."""
    return load(*folders_of(model))


def load(saved: Path, beside: Path) -> ServedClassifier:
    """Return the model saved in `saved`, which takes records of the form in `beside`."""
    scorer, form = load_scorer(saved), read_form(beside)
    return ServedClassifier(scorer.labels, partial(_payload, form=form), lambda some: scorer(some).probs)


def write_form(beside: Path, form: RecordForm) -> None:
    """Write `form` into the folder `beside`."""
    (beside / FORM).write_text(json.dumps(asdict(form), ensure_ascii=False, indent=2), encoding="utf-8")


def read_form(beside: Path) -> RecordForm:
    """Return the form that `write_form` wrote."""
    values = json.loads((beside / FORM).read_text(encoding="utf-8"))
    fields = {
        name: FieldForm(FieldKind(one["kind"]), one["words"], one["unit"])
        for name, one in values.pop("fields").items()
    }
    return RecordForm(fields, tuple(values.pop("ignore")), **values)


def _payload(row: Mapping[str, Any], *, form: RecordForm) -> Payload:
    """Return what the model learns from of a row, which has no id here and names nobody."""
    asked = {name: row.get(name) for name in form.learnt_from}
    return payload_of(record_of({"id": "served", **asked}, form, Pseudonyms()), form)
