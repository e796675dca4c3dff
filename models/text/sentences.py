"""A head on sentence embeddings, averaged with a model of words where that is better, and their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.special import log_softmax

from goldloop.core.errors import ModelError
from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scores
from goldloop.modalities.features import WithFeatures
from goldloop.stats.calibration import Calibration
from goldloop.stats.metrics import Columns
from models.frozen_preset import FrozenPreset
from models.head import Head
from models.linear import Values
from models.saved_head import HeadCard, checked_card, checked_features, read_head, write_head
from models.saved_model import saving
from models.text.presets import FROZEN
from models.text.words import WordModel, checked_texts, features_of, read_weights, write_weights

WORDS_FILE = "words.npz"


@dataclass(frozen=True, slots=True)
class SentenceRows:
    """Texts row by row: sentence embeddings (n, n_features) and hashed words (n, n_words)."""

    features: npt.NDArray[np.float32]
    words: csr_matrix

    def __getitem__(self, rows: Any) -> Self:
        """Return some of the rows: a slice, positions or a mask."""
        return type(self)(self.features[rows], self.words[rows])


@dataclass(frozen=True, slots=True)
class SentenceModel:
    """A head on sentence embeddings, averaged with `words` if any. Satisfies `models.cross_fit.Fit`.

    `losses` are the cross-validated log losses of the head alone and of both; None where none are known.
    """

    head: Head
    words: WordModel | None = None
    losses: tuple[float, float] | None = None

    @classmethod
    def fitted(cls, rows: SentenceRows, columns: Columns, n_labels: int) -> Self:
        """Fit the head, and the words where the average of both has less log loss.

        Both are judged on the samples that they learn from, by fits that did not learn from the sample.
        """
        head = Head.fitted(rows.features, columns, n_labels, roots=False)  # they have length 1 as they are
        words = WordModel.fitted(rows.words, columns, n_labels)
        if head.held_out is None or words.held_out is None:
            return cls(head)
        alone, both = head.held_out, (head.held_out + words.held_out) / 2
        losses = _log_loss(alone, columns), _log_loss(both, columns)
        return cls(head, words if losses[1] < losses[0] else None, losses)

    @property
    def n_labels(self) -> int:
        """Number of labels."""
        return self.head.n_labels

    @property
    def trust(self) -> Values | None:
        """How much each sample counted for the head; for the words all count alike."""
        return self.head.trust

    def reduced(self, rows: SentenceRows) -> SentenceRows:
        """Return `rows` with the components of the head."""
        return SentenceRows(self.head.reduced(rows.features), rows.words)

    def refitted(self, reduced: SentenceRows, columns: Columns, trust: Values | None = None) -> Self:
        """Return the same model with weights fitted on other samples."""
        words = None if self.words is None else self.words.refitted(reduced.words, columns)
        return replace(self, head=self.head.refitted(reduced.features, columns, trust), words=words)

    def logits(self, rows: SentenceRows) -> Values:
        """Return logits (n, n_labels); the mean of two models' is the geometric mean of their probs."""
        logits = self.head.logits(rows.features)
        return logits if self.words is None else (logits + self.words.logits(rows.words)) / 2


def _log_loss(logits: Values, columns: Columns) -> float:
    return -float(log_softmax(logits, axis=1)[np.arange(len(columns)), columns].mean())


def rows_of(payloads: Sequence[Any], preset: FrozenPreset) -> SentenceRows:
    """Return texts with their features as rows; raises ModelError where a payload is something else."""
    for row, payload in enumerate(payloads):
        if not isinstance(payload, WithFeatures):
            raise ModelError(
                f"payload {row} is a {type(payload).__name__}, a model on {preset.name!r} takes texts with "
                "their features; read the samples with `Modality.for_preset`"
            )
    texts = checked_texts([payload.content for payload in payloads])
    features = checked_features([payload.features for payload in payloads], preset)
    return SentenceRows(features, features_of(texts))


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceCard(HeadCard):
    """The card of a model on sentence embeddings: also whether words are averaged in, and why.

    `losses` are those of the model; `words_regularisation` is what cross-validation chose for the words.
    """

    words_regularisation: float | None = None
    losses: tuple[float, ...] = ()


def save(folder: Path, model: SentenceModel, card: SentenceCard) -> None:
    """Write `model` and `card` into `folder`; raises ModelError where it holds a model already."""
    with saving(folder, card):
        write_head(folder, model.head)
        if model.words is not None:
            write_weights(folder / WORDS_FILE, model.words)


@dataclass(frozen=True, slots=True)
class SentenceScorer:
    """A saved model on sentence embeddings. Satisfies `goldloop.core.ports.Scorer`."""

    backbone: FrozenPreset
    model: SentenceModel
    labels: LabelSet
    calibration: Calibration

    @property
    def preset(self) -> str:
        """Preset of the backbone."""
        return self.backbone.name

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return probs, and the features as embeddings; raises ModelError where a payload has none."""
        rows = rows_of(payloads, self.backbone)
        return Scores(self.calibration.apply(self.model.logits(rows)), rows.features)


def load_sentences(folder: Path) -> SentenceScorer:
    """Return the model saved in `folder`; raises ModelError where it is damaged or of another backbone."""
    card, preset = checked_card(folder, FROZEN, SentenceCard)
    words = None
    if card.words_regularisation is not None:
        words = read_weights(folder / WORDS_FILE, len(card.labels), card.words_regularisation)
    model = SentenceModel(read_head(folder, card, preset), words)
    return SentenceScorer(preset, model, card.label_set, card.calibration)
