"""The saved model of records: text or arrays beside the card, which holds how records become numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from goldloop.core.labels import LabelSet
from goldloop.core.ports import Contributions, Scores
from goldloop.stats.calibration import Calibration
from models.record.boosting import Trees
from models.record.encoding import Encoding, checked_records
from models.record.logistic import Logistic
from models.record.presets import LIGHTGBM
from models.saved_model import Card, read_card, reading, saving

TREES, WEIGHTS = "trees.txt", "weights.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCard(Card):
    """The card of a model of records: `encoding` by its fields, and what `Trees` or `Logistic` need of it.

    `trees_sha256` is the digest of the trees: LightGBM ends the process when it reads damaged ones.
    """

    encoding: Mapping[str, Any]
    present: tuple[int, ...] = ()
    rounds: int = 0
    leaves: int = 0
    trees_sha256: str = ""
    inverse_regularisation: float = 1.0


def save(folder: Path, model: Trees | Logistic, **card: Any) -> None:
    """Write `model` and its card into `folder`; raises ModelError where it holds a model already."""
    encoding = {name: one for name, one in asdict(model.encoding).items() if not name.startswith("_")}
    if isinstance(model, Trees):
        own: dict[str, Any] = {"present": model.present, "rounds": model.rounds, "leaves": model.leaves}
        own["trees_sha256"] = _digest(model.text)
    else:
        own = {"inverse_regularisation": model.inverse_regularisation}
    with saving(folder, RecordCard(**card, encoding=encoding, **own)):
        if isinstance(model, Trees):
            (folder / TREES).write_text(model.text, encoding="utf-8")
        else:
            np.savez(folder / WEIGHTS, weights=model.weights, intercepts=model.intercepts)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class RecordScorer:
    """A saved model of records. Satisfies `goldloop.core.ports.ReasonedScorer`.

    Payloads are values by field.
    """

    model: Trees | Logistic
    labels: LabelSet
    calibration: Calibration
    preset: str = field(default=LIGHTGBM)

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return probs and embeddings of `payloads`; raises ModelError for one that is no record."""
        records = checked_records(payloads)
        probs = self.calibration.apply(self.model.logits(records))
        encoding = self.model.encoding
        return Scores(probs, encoding.embeddings(encoding.rows(records)))

    def contributions(self, payloads: Sequence[Any]) -> Contributions:
        """Return what each field adds to the calibrated logits; raises ModelError for what is no record."""
        encoding, how = self.model.encoding, self.calibration
        base, values = self.model.contributions_of_rows(encoding.rows(checked_records(payloads)))
        offsets = np.array(how.offsets or 0.0)
        return Contributions(encoding.fields, base / how.temperature + offsets, values / how.temperature)


def load_scorer(folder: Path) -> RecordScorer:
    """Return the model saved in `folder`.

    Raises:
        ModelError: a file is missing or damaged, or card and files do not fit each other.
    """
    card = read_card(folder, RecordCard)
    n_labels = len(card.labels)
    with reading(folder / "card.json", "names no encoding of records"):
        found = card.encoding
        categories = {name: tuple(words) for name, words in found["categories"].items()}
        moments = (tuple(found[name]) for name in ("means", "deviations"))
        encoding = Encoding(tuple(found["numbers"]), categories, *moments)
    model: Trees | Logistic
    if card.preset == LIGHTGBM:
        with reading(folder / TREES, "does not hold trees"):
            text = (folder / TREES).read_text(encoding="utf-8")
            if _digest(text) != card.trees_sha256:
                raise ValueError("it is not the text that was saved")
            model = Trees(encoding, card.present, n_labels, card.rounds, card.leaves, text)
            model.logits_of_rows(np.zeros((1, len(encoding.fields))))
    else:
        path, flaw = folder / WEIGHTS, "does not hold weights"
        with reading(path, flaw), path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            weights, intercepts = arrays["weights"], arrays["intercepts"].reshape(n_labels)
            model = Logistic(encoding, weights, intercepts, card.inverse_regularisation)
            model.logits(np.array([{}], dtype=object))
    return RecordScorer(model, card.label_set, card.calibration, card.preset)
