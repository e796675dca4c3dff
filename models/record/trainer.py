"""The trainer of records: from labelled rows to a saved, calibrated model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from goldloop.core.ports import Scorer
from goldloop.core.record_form import FieldKind, RecordForm
from goldloop.stats.metrics import Columns
from goldloop.training.ports import InputColumn, ServedModel
from models.linear_trainer import LinearTrainer
from models.record.boosting import Trees
from models.record.encoding import checked_records
from models.record.logistic import Logistic
from models.record.presets import LIGHTGBM
from models.record.saved import load_scorer, save
from models.served.records import write_form


@dataclass(frozen=True, slots=True)
class RecordTrainer(LinearTrainer):
    """Trains boosted trees or a logistic regression. Satisfies `goldloop.training.ports.Trainer`."""

    preset: str = LIGHTGBM
    corrects_shares: ClassVar[bool] = True
    """What people are asked about has many times the frauds of all payments."""

    def rows(self, payloads: Sequence[Any]) -> Any:
        """Return `payloads`, which are values by field, as an array."""
        return checked_records(payloads)

    def fit(self, rows: Any, columns: Columns, n_labels: int) -> Trees | Logistic:
        """Return a fitted model."""
        form = Trees if self.preset == LIGHTGBM else Logistic
        return form.fitted(rows, columns, n_labels, seed=self.seed)

    def save(self, folder: Path, model: Trees | Logistic, **card: Any) -> None:
        """Write a model of records."""
        save(folder, model, **card)

    def scorer(self, folder: Path) -> Scorer:
        """Return the model saved in `folder`, of any preset; raises ModelError where there is none."""
        return load_scorer(folder)

    def served(self, folder: Path, beside: Path, *, form: RecordForm) -> ServedModel:
        """Write `form` to `beside`; return that a server takes its fields, each of which may lack."""
        write_form(beside, form)
        columns = [
            InputColumn(name, "double" if form.fields[name].kind is FieldKind.NUMBER else "string", True)
            for name in form.learnt_from
        ]
        return ServedModel("models.served.records", beside, tuple(columns))
