"""Hashed words and characters: texts as sparse rows, the linear model of them, and its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import sklearn
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from goldloop.core.errors import ModelError
from goldloop.stats.metrics import Columns
from models.linear import Values, cross_validated, fit_linear
from models.saved_model import CARD, Card, read_card, reading, saving

WEIGHTS = "weights.npz"
N_FEATURES = 2**18
"""Number of hashed n-grams of characters; there are as many of words behind them."""

NGRAMS = (2, 5)
"""Characters of an n-gram, within words."""

WORDS = (1, 2)
"""Words in a row; a sign that is neither letter, digit nor space is a word too.

Against n-grams of characters alone: docs/decisions/0040-text-models.md.
"""

N_EMBEDDING = 64
_N_ALL = 2 * N_FEATURES
_WORD = r"\w+|[^\w\s]"
_SEED = 20260105  # of the projection: drift compares embeddings of different models' passes


def checked_texts(payloads: Sequence[Any]) -> Sequence[str]:
    """Return `payloads`; raises ModelError where one is no text."""
    for row, payload in enumerate(payloads):
        if not isinstance(payload, str):
            raise ModelError(f"payload {row} is a {type(payload).__name__}, this model takes texts")
    return payloads


def features_of(texts: Sequence[str], words: tuple[int, ...] = WORDS) -> csr_matrix:
    """Return `texts` as rows of length 1, (n, 2 * N_FEATURES): log(1 + count) of each hashed n-gram.

    Without `words` only n-grams of characters count, as in models of the older preset `ngrams`.
    """
    if not len(texts):
        return csr_matrix((0, _N_ALL))
    characters = _characters(texts)
    pairs = _hashing("word", words).transform(texts) if words else csr_matrix((len(texts), N_FEATURES))
    rows = csr_matrix(hstack([characters, pairs]))
    rows.data = np.log1p(rows.data)
    return csr_matrix(normalize(rows, copy=False))


def _characters(texts: Sequence[str]) -> csr_matrix:
    """Return the counts of the n-grams of characters of `texts`, (n, N_FEATURES).

    Since they lie within words, each word of the minibatch is hashed once, however often it stands there.
    """
    words: dict[str, int] = {}
    numbers: list[int] = []
    ends = [0]
    for text in texts:
        numbers += [words.setdefault(word, len(words)) for word in text.lower().split()]
        ends.append(len(numbers))
    if not words:
        return csr_matrix((len(texts), N_FEATURES))
    times = csr_matrix((np.ones(len(numbers)), numbers, ends), shape=(len(texts), len(words)))
    counts = csr_matrix(times @ _hashing("char_wb", NGRAMS).transform(words))
    counts.sort_indices()  # sums of floats depend on the order
    return counts


@cache
def _hashing(analyzer: str, ngrams: tuple[int, int]) -> HashingVectorizer:
    return HashingVectorizer(
        analyzer=analyzer,
        ngram_range=ngrams,
        token_pattern=_WORD,
        n_features=N_FEATURES,
        alternate_sign=False,
        norm=None,
    )


def embeddings_of(features: csr_matrix) -> npt.NDArray[np.float32]:
    """Return a random projection of `features`, float32 (n, N_EMBEDDING), which keeps distances roughly.

    It does not depend on what was learned, so that it shows changes of the texts themselves.
    """
    numbers = np.zeros(_N_ALL, dtype=np.int32)
    numbers[features.indices] = 1
    used = np.flatnonzero(numbers)
    numbers[used] = np.arange(len(used))
    columns = numbers[features.indices]
    compact = csr_matrix((features.data, columns, features.indptr), shape=(features.shape[0], len(used)))
    return np.asarray(compact @ _signs()[used].astype(np.float64) / N_EMBEDDING**0.5, dtype=np.float32)


@cache
def _signs() -> npt.NDArray[np.int8]:
    signs = np.random.default_rng(_SEED).integers(0, 2, (_N_ALL, N_EMBEDDING), dtype=np.int8)
    return np.asarray(2 * signs - 1, dtype=np.int8)


@dataclass(frozen=True, slots=True)
class WordModel:
    """A linear model of hashed words. Satisfies `models.cross_fit.Fit`.

    `weights` (2 * N_FEATURES, n_labels) and `intercepts` (n_labels,) make logits of features;
    `inverse_regularisation` is what cross-validation chose. `held_out` (n, n_labels) are the logits of the
    samples it was fitted on, by fits that did not learn from them; None for a model that was saved.
    """

    weights: Values
    intercepts: Values
    inverse_regularisation: float
    held_out: Values | None = None
    trust: Values | None = None

    @classmethod
    def fitted(cls, features: csr_matrix, columns: Columns, n_labels: int) -> Self:
        """Fit on `features` (n, 2 * N_FEATURES); `columns` (n,) are the labels."""
        used = np.unique(features.indices)
        chosen = cross_validated(features[:, used], columns, n_labels)
        empty = np.zeros((_N_ALL, n_labels))
        start = cls(empty, np.zeros(n_labels), chosen.inverse_regularisation, chosen.logits)
        return start.refitted(features, columns)

    @property
    def n_labels(self) -> int:
        """Number of labels."""
        return len(self.intercepts)

    def reduced(self, features: csr_matrix) -> csr_matrix:
        """Return `features` as they are."""
        return features

    def refitted(self, features: csr_matrix, columns: Columns, trust: Values | None = None) -> Self:
        """Return the same regularisation with weights fitted on other samples."""
        used = np.unique(features.indices)  # of the others the weights stay 0; they only make steps slower
        rows, intercepts = fit_linear(
            features[:, used],
            columns,
            self.n_labels,
            inverse_regularisation=self.inverse_regularisation,
            trust=trust,
        )
        weights = np.zeros((_N_ALL, self.n_labels))
        weights[used] = rows.T.astype(np.float32)
        return replace(self, weights=weights, intercepts=intercepts.astype(np.float32).astype(np.float64))

    def logits(self, features: csr_matrix) -> Values:
        """Return the logits of `features` (n, 2 * N_FEATURES), float64 (n, n_labels)."""
        return np.asarray(features @ self.weights + self.intercepts)


@dataclass(frozen=True, slots=True, kw_only=True)
class WordCard(Card):
    """The card of a model of words: also how texts become features; models of `ngrams` have no words."""

    n_features: int = N_FEATURES
    ngrams: tuple[int, ...] = NGRAMS
    words: tuple[int, ...] = ()
    inverse_regularisation: float = 30.0
    sklearn: str = sklearn.__version__


def write_weights(path: Path, model: WordModel) -> None:
    """Write the weights of `model` to `path`.

    Only those with a value are written: n-grams that no training text has weigh nothing.
    """
    columns = np.flatnonzero(model.weights.any(axis=1)).astype(np.int32)
    weights, intercepts = (one.astype(np.float32) for one in (model.weights[columns].T, model.intercepts))
    np.savez_compressed(path, columns=columns, weights=weights, intercepts=intercepts)


def read_weights(path: Path, n_labels: int, inverse_regularisation: float) -> WordModel:
    """Return the model whose weights are in `path`; raises ModelError where they do not fit `n_labels`."""
    flaw = f"does not hold weights of {n_labels} labels"
    with reading(path, flaw), path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        weights = np.zeros((_N_ALL, n_labels))
        weights[arrays["columns"]] = arrays["weights"].T
        intercepts = arrays["intercepts"].astype(np.float64).reshape(n_labels)
    return WordModel(weights, intercepts, inverse_regularisation)


def save(folder: Path, model: WordModel, card: WordCard) -> None:
    """Write `model` and `card` into `folder`; raises ModelError where it holds a model already."""
    with saving(folder, card):
        write_weights(folder / WEIGHTS, model)


def load(folder: Path) -> tuple[WordModel, WordCard]:
    """Return the model saved in `folder` and its card.

    Raises:
        ModelError: a file is missing or damaged, or card and weights do not fit each other or this version.
    """
    card = read_card(folder, WordCard)
    if (card.n_features, card.ngrams) != (N_FEATURES, NGRAMS) or card.words not in ((), WORDS):
        raise ModelError(
            f"{folder / CARD} has {card.n_features} features of {card.ngrams} characters and {card.words} "
            f"words, this goldloop has {N_FEATURES} of {NGRAMS} and {WORDS}; use the goldloop that trained "
            "it, or retrain"
        )
    return read_weights(folder / WEIGHTS, len(card.labels), card.inverse_regularisation), card
