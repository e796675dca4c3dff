"""Hashed character n-grams: texts as sparse rows, the linear model of them, and the files it is saved in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sklearn
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from goldloop.core.errors import ModelError
from models.saved_model import CARD, Card, read_card, reading, saving

WEIGHTS = "weights.npz"
N_FEATURES = 2**18
NGRAMS = (2, 5)
"""Characters of an n-gram, within words.

Macro-F1 of a linear model on 500 / 1,500 texts: SMS .90 / .96, chat turns .77 / .82; n-grams of one and two
words .80 / .93 and .71 / .79; both together no more than characters alone; inverse document frequencies .84 /
.95 and .76 / .81. One draw of the training texts each, judged on the rest.
"""

N_EMBEDDING = 64
_SEED = 20260105  # of the projection: drift compares embeddings of different models' passes


def features_of(texts: Sequence[str]) -> csr_matrix:
    """Return `texts` as rows of length 1, (n, N_FEATURES): log(1 + count) of each hashed n-gram."""
    hashing = HashingVectorizer(
        analyzer="char_wb", ngram_range=NGRAMS, n_features=N_FEATURES, alternate_sign=False, norm=None
    )
    if not len(texts):
        return csr_matrix((0, N_FEATURES))
    rows = csr_matrix(hashing.transform(texts))
    rows.data = np.log1p(rows.data)
    return csr_matrix(normalize(rows))


def embeddings_of(features: csr_matrix) -> npt.NDArray[np.float32]:
    """Return a random projection of `features`, float32 (n, N_EMBEDDING), which keeps distances roughly.

    It does not depend on what was learned, so that it shows changes of the texts themselves.
    """
    used, columns = np.unique(features.indices, return_inverse=True)
    compact = csr_matrix((features.data, columns, features.indptr), shape=(features.shape[0], len(used)))
    return np.asarray(compact @ _signs()[used].astype(np.float64) / N_EMBEDDING**0.5, dtype=np.float32)


@cache
def _signs() -> npt.NDArray[np.int8]:
    signs = np.random.default_rng(_SEED).integers(0, 2, (N_FEATURES, N_EMBEDDING), dtype=np.int8)
    return np.asarray(2 * signs - 1, dtype=np.int8)


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
    flaw = f"does not hold weights of {n_labels} labels"
    with reading(path, flaw), path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        weights = np.zeros((n_labels, N_FEATURES), dtype=np.float32)
        weights[:, arrays["columns"]] = arrays["weights"]
        intercepts = arrays["intercepts"].astype(np.float32).reshape(n_labels)
    return Linear(weights, intercepts), card
