"""Logistic regression on records: the plain choice, on standardised numbers and a column for each word."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from goldloop.stats.metrics import Columns
from models.linear import Values, cross_validated, fit_linear
from models.record.encoding import Encoding, Records, Rows


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic regression; it satisfies `models.cross_fit.Fit`.

    A record becomes its numbers in standard deviations, logarithms of these, and a column of zeros and ones
    for what is missing and for each word; each row has the length 1.
    """

    encoding: Encoding
    weights: Values
    intercepts: Values
    inverse_regularisation: float
    trust: Values | None = None

    @classmethod
    def fitted(cls, records: Records, columns: Columns, n_labels: int, *, seed: int) -> Self:
        """Fit on `records`; `columns` (n,) are the labels, `seed` has no part in it."""
        encoding = Encoding.fitted(records)
        rows = expanded(encoding, encoding.rows(records))
        chosen = cross_validated(rows, columns, n_labels)
        start = cls(encoding, np.zeros((0, 0)), np.zeros(n_labels), chosen.inverse_regularisation)
        return start.refitted(rows, columns)

    @property
    def n_labels(self) -> int:
        """Number of labels."""
        return len(self.intercepts)

    def reduced(self, records: Records) -> Rows:
        """Return `records` as rows of numbers."""
        return expanded(self.encoding, self.encoding.rows(records))

    def refitted(self, rows: Rows, columns: Columns, trust: Values | None = None) -> Self:
        """Return the same regularisation with weights fitted on other rows."""
        weights, intercepts = fit_linear(
            rows, columns, self.n_labels, inverse_regularisation=self.inverse_regularisation, trust=trust
        )
        return replace(self, weights=weights, intercepts=intercepts)

    def logits(self, records: Records) -> Values:
        """Return the logits of `records`, float64 (n, n_labels)."""
        return np.asarray(self.reduced(records) @ self.weights.T + self.intercepts)

    def contributions_of_rows(self, rows: Rows) -> tuple[Values, Values]:
        """Return base (n, n_labels) and contributions (n, n_labels, n_fields) of encoded rows.

        A field contributes its columns times their weights; the base are the intercepts.
        """
        products = expanded(self.encoding, rows)[:, None, :] * self.weights[None]
        n_numbers = len(self.encoding.numbers)
        words = [len(words) for words in self.encoding.categories.values()]
        field_of = [*range(n_numbers)] * 3 + np.repeat(n_numbers + np.arange(len(words)), words).tolist()
        is_of = np.array(field_of)[:, None] == np.arange(n_numbers + len(words))
        return np.tile(self.intercepts, (len(rows), 1)), np.asarray(products @ is_of)


def expanded(encoding: Encoding, rows: Rows) -> Rows:
    """Return encoded rows as a linear model takes them, (n, n_columns)."""
    n_numbers = len(encoding.numbers)
    numbers, codes = rows[:, :n_numbers], rows[:, n_numbers:]
    is_missing = np.isnan(numbers)
    scaled = np.asarray(encoding.embeddings(rows), dtype=np.float64)[:, :n_numbers]
    logs = np.sign(scaled) * np.log1p(np.abs(scaled))
    parts = [
        np.where(is_missing, 0.0, scaled),
        np.where(is_missing, 0.0, logs),
        is_missing.astype(np.float64),
    ]
    for column, words in enumerate(encoding.categories.values()):
        parts.append((codes[:, column, None] == np.arange(len(words))).astype(np.float64))
    columns = np.concatenate(parts, axis=1)
    lengths = np.linalg.norm(columns, axis=1, keepdims=True)
    return np.asarray(columns / np.where(lengths > 0, lengths, 1.0))
