"""Gradient boosted trees on records: LightGBM [ke2017], whose saved models are text that holds no code."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import ModelError
from goldloop.stats.metrics import Columns
from models.linear import ABSENT, N_FOLDS, Values
from models.record.encoding import Encoding, Records, Rows

ROUNDS = 400
"""Most trees of a model, for two labels; cross-validation chooses how many."""
PATIENCE = 40  # trees after which the search ends when the loss has not fallen
LEAVES = (4, 8, 16, 31)
"""Numbers of leaves among which cross-validation chooses."""
FEWEST, MOST = 40, 20_000
"""Fewest records for a choice by cross-validation, and the most that it looks at."""

_USUAL = {"rounds": 60, "leaves": 4}
_FIXED: Mapping[str, Any] = {
    "learning_rate": 0.05,
    "min_data_in_leaf": 5,
    "lambda_l2": 1.0,
    "feature_fraction": 0.7,
    "cat_smooth": 20.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # threads that wait for each other on a busy machine take many times as long
    "verbosity": -1,
}


@cache
def lightgbm() -> ModuleType:
    """Return the library.

    Raises:
        ModelError: it cannot be loaded.
    """
    try:
        found = find_spec("torch")
        beside = Path(found.origin or "").parent / "lib" / "libgomp.so.1" if found else Path()
        if beside.is_file():  # lightgbm needs OpenMP's library of the system, which slim machines do not have
            ctypes.CDLL(str(beside), mode=ctypes.RTLD_GLOBAL)
        import lightgbm as library
    except (ImportError, OSError) as error:
        raise ModelError(
            f"lightgbm cannot be loaded ({error}); install it, on Debian with libgomp1, or set "
            'model.preset = "logistic", which needs nothing'
        ) from error
    return library


@dataclass(frozen=True, slots=True)
class Trees:
    """Boosted trees over the labels `present`; they satisfy `models.cross_fit.Fit`.

    `rounds` trees of `leaves` leaves each, of records encoded by `encoding`. No label weighs more than
    others: costs are computed from the probabilities, and weights would make these wrong.
    """

    encoding: Encoding
    present: tuple[int, ...]
    n_labels: int
    rounds: int
    leaves: int
    text: str = ""
    trust: Values | None = None

    @classmethod
    def fitted(cls, records: Records, columns: Columns, n_labels: int, *, seed: int) -> Self:
        """Fit on `records`; `columns` (n,) are the labels."""
        encoding = Encoding.fitted(records)
        rows = encoding.rows(records)
        chosen = _chosen(rows, columns, encoding, seed=seed)
        start = cls(encoding, (), n_labels, chosen["rounds"], chosen["leaves"])
        return start.refitted(rows, columns, seed=seed)

    def reduced(self, records: Records) -> Rows:
        """Return `records` as rows of numbers."""
        return self.encoding.rows(records)

    def refitted(self, rows: Rows, columns: Columns, trust: Values | None = None, *, seed: int = 0) -> Self:
        """Return trees as many and as large, grown on other rows."""
        present = np.unique(columns)
        text = ""
        if len(present) > 1:
            data = _dataset(rows, np.searchsorted(present, columns), self.encoding, trust)
            booster = lightgbm().train(_parameters(len(present), self.leaves, seed), data, self.rounds)
            text = booster.model_to_string(num_iteration=-1)
        return replace(self, present=tuple(present.tolist()), text=text, trust=None)

    def logits(self, records: Records) -> Values:
        """Return the logits of `records`, float64 (n, n_labels)."""
        return self.logits_of_rows(self.encoding.rows(records))

    def logits_of_rows(self, rows: Rows) -> Values:
        """Return the logits of encoded rows, float64 (n, n_labels)."""
        logits = np.full((len(rows), self.n_labels), ABSENT)
        if not len(rows):
            return logits
        if not self.text:
            logits[:, list(self.present)] = 0.0
            return logits
        raw = _booster(self.text).predict(rows, raw_score=True)
        scores = np.stack([np.zeros(len(rows)), raw], axis=1) if len(self.present) == 2 else raw
        logits[:, list(self.present)] = scores
        return logits

    def contributions_of_rows(self, rows: Rows) -> tuple[Values, Values]:
        """Return base (n, n_labels) and contributions (n, n_labels, n_fields): their sums are the logits.

        They are Shapley values over the paths of the trees [lundberg2020], below 1 ms a row.
        """
        shape = (len(rows), self.n_labels)
        base, values = np.full(shape, ABSENT), np.zeros((*shape, rows.shape[1]))
        base[:, list(self.present)] = 0.0
        if not self.text or not len(rows):
            return base, values
        found = np.asarray(_booster(self.text).predict(rows, pred_contrib=True))
        parts = found.reshape(len(rows), -1, rows.shape[1] + 1)
        scored = list(self.present[1:] if len(self.present) == 2 else self.present)
        base[:, scored] = parts[:, :, -1]
        values[:, scored] = parts[:, :, :-1]
        return base, values


@cache
def _booster(text: str) -> Any:
    return lightgbm().Booster(model_str=text)


def _parameters(n_present: int, leaves: int, seed: int) -> dict[str, Any]:
    objective = (
        {"objective": "binary"} if n_present == 2 else {"objective": "multiclass", "num_class": n_present}
    )
    return {**_FIXED, **objective, "num_leaves": leaves, "seed": seed}


def _dataset(
    rows: Rows, columns: npt.NDArray[np.int64], encoding: Encoding, trust: Values | None = None
) -> Any:
    return lightgbm().Dataset(
        rows,
        columns,
        weight=trust,
        feature_name=[f"field_{place}" for place in range(rows.shape[1])],
        categorical_feature=list(range(len(encoding.numbers), rows.shape[1])),
        params={"verbosity": -1},
        free_raw_data=False,
    )


def _chosen(rows: Rows, columns: Columns, encoding: Encoding, *, seed: int) -> dict[str, int]:
    """Return the numbers of trees and leaves with the least log loss over N_FOLDS folds.

    The folds take turns over the records in the order of their labels, so that each
    label is in as many folds as it has records.
    """
    present = np.unique(columns)
    if len(columns) < FEWEST or len(present) < 2:
        return dict(_USUAL)
    if len(columns) > MOST:
        drawn = np.sort(np.random.default_rng(seed).choice(len(columns), MOST, replace=False))
        rows, columns = rows[drawn], columns[drawn]
        present = np.unique(columns)
    folds = np.empty(len(columns), dtype=np.int64)
    folds[np.argsort(columns, kind="stable")] = np.arange(len(columns)) % N_FOLDS
    found: list[tuple[float, int, int]] = []
    for leaves in LEAVES:
        losses = _losses(rows, np.searchsorted(present, columns), encoding, folds, leaves, seed=seed)
        best = int(losses.argmin())
        found.append((float(losses[best]), best + 1, leaves))
        if found[-1][0] > min(found)[0]:
            break
    _, rounds, leaves = min(found)
    return {"rounds": rounds, "leaves": leaves}


def _losses(
    rows: Rows,
    columns: npt.NDArray[np.int64],
    encoding: Encoding,
    folds: npt.NDArray[np.int64],
    leaves: int,
    *,
    seed: int,
) -> Values:
    """Return the log loss of held-out records after each number of trees."""
    n_present = int(columns.max()) + 1
    splits = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(N_FOLDS)]
    metric = "binary_logloss" if n_present == 2 else "multi_logloss"
    result = lightgbm().cv(
        _parameters(n_present, leaves, seed) | {"metric": metric},
        _dataset(rows, columns, encoding),
        ROUNDS,
        folds=splits,
        callbacks=[lightgbm().early_stopping(PATIENCE, verbose=False)],
    )
    return np.array(result[f"valid {metric}-mean"])
