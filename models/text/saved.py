"""The saved text classifier: weights.npz (arrays only) beside its card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sklearn
from scipy.sparse import csr_matrix

from goldloop.core.errors import ModelError
from models.saved_model import CARD, Card, read_card, reading, saving
from models.text.ngrams import N_FEATURES, NGRAMS

WEIGHTS = "weights.npz"


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear model: weights float32 (n_labels, N_FEATURES) and intercepts float32 (n_labels,)."""

    weights: npt.NDArray[np.float32]
    intercepts: npt.NDArray[np.float32]

    def logits(self, features: csr_matrix) -> npt.NDArray[np.float64]:
        """Return the logits of `features` (n, N_FEATURES), float64 (n, n_labels)."""
        return np.asarray(features @ self.weights.T.astype(np.float64) + self.intercepts, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCard(Card):
    """The card of a text classifier: also how texts become features."""

    n_features: int = N_FEATURES
    ngrams: tuple[int, ...] = NGRAMS
    sklearn: str = sklearn.__version__


def save(folder: Path, model: Linear, card: TextCard) -> None:
    """Write `model` and `card` into `folder`; raises ModelError where it holds a model already.

    Of the weights only columns with a value are written: n-grams that no training text has weigh nothing.
    """
    columns = np.flatnonzero(model.weights.any(axis=0)).astype(np.int32)
    weights = model.weights[:, columns]
    with saving(folder, card):
        np.savez_compressed(folder / WEIGHTS, columns=columns, weights=weights, intercepts=model.intercepts)


def load(folder: Path) -> tuple[Linear, TextCard]:
    """Return the model saved in `folder` and its card.

    Raises:
        ModelError: a file is missing or damaged, or card and weights do not fit each other or this version.
    """
    card, path = read_card(folder, TextCard), folder / WEIGHTS
    if card.n_features != N_FEATURES or card.ngrams != NGRAMS:
        raise ModelError(
            f"{folder / CARD} has {card.n_features} features of {card.ngrams} characters, this goldloop has "
            f"{N_FEATURES} of {NGRAMS}; use the goldloop that trained it, or retrain"
        )
    n_labels = len(card.labels)
    with (
        reading(path, f"does not hold weights of {n_labels} labels"),
        path.open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        weights = np.zeros((n_labels, N_FEATURES), dtype=np.float32)
        weights[:, arrays["columns"]] = arrays["weights"]
        intercepts = arrays["intercepts"].astype(np.float32).reshape(n_labels)
    return Linear(weights, intercepts), card
