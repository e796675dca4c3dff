"""The answers of a served model: label, confidence and probabilities by label, or the problem of a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

import numpy.typing as npt

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.labels import LabelSet
from goldloop.core.probs import Probs, checked_probs, likeliest, restored

SAVED, BESIDE = "extra_files", "beside"
"""Folders of a registered model: what the trainer saved, and what a server needs beside it."""

Answer = dict[str, Any]
"""`label`, `confidence` and `probabilities` by label; for a row that cannot be read `problem` alone."""

_MINIBATCH = 32  # rows that are in memory at a time


@dataclass(frozen=True, slots=True)
class ServedClassifier:
    """A loaded model, as MLflow asks it.

    `read` turns a row into what the model takes, or raises UnreadableSampleError; `score` returns
    probabilities (n, n_labels) of n of these.
    """

    labels: LabelSet
    read: Callable[[Mapping[str, Any]], Any]
    score: Callable[[Sequence[Any]], npt.ArrayLike]

    def predict(self, rows: Any) -> list[Answer]:
        """Return an answer for each row of the data frame `rows`, in its order."""
        asked = rows.to_dict("records")
        parts = (asked[start : start + _MINIBATCH] for start in range(0, len(asked), _MINIBATCH))
        return [answer for part in parts for answer in self._answers(part)]

    def _answers(self, rows: Sequence[Mapping[str, Any]]) -> list[Answer]:
        payloads: list[Any] = []
        answers: list[Answer] = []
        for row in rows:
            try:
                payloads.append(self.read({name: _given(value) for name, value in row.items()}))
                answers.append({})
            except UnreadableSampleError as error:
                answers.append({"problem": error.detail or str(error.reason)})
        if payloads:
            probs = restored(checked_probs(self.score(payloads), self.labels))
            scored = iter(_labelled(probs, self.labels))
            answers = [answer or next(scored) for answer in answers]
        return answers


def _given(value: Any) -> Any:
    """Return a value of a data frame; None where it is missing, for which pandas has a number."""
    return None if isinstance(value, float) and isnan(value) else value


def _labelled(probs: Probs, labels: LabelSet) -> list[Answer]:
    return [
        {
            "label": labels[column],
            "confidence": row[column],
            "probabilities": dict(zip(labels.names, row, strict=True)),
        }
        for column, row in zip(likeliest(probs).tolist(), probs.tolist(), strict=True)
    ]


def folders_of(model: str) -> tuple[Path, Path]:
    """Return the folders of the registered model in the folder `model`: of what was saved, and beside it."""
    return Path(model) / SAVED, Path(model) / BESIDE
