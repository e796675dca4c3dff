"""The saved model: a folder with a file of weights and card.json, which holds all else needed to use them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from goldloop.core.errors import LabelError, ModelError
from goldloop.core.labels import LabelSet
from goldloop.stats.calibration import Calibration

FORMAT_VERSION = 1
CARD = "card.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the weights of a model are of and how they came about; each kind adds its own fields."""

    labels: tuple[str, ...]
    preset: str
    temperature: float
    seed: int
    n_train: int
    n_validation: int
    notes: tuple[str, ...] = ()
    offsets: tuple[float, ...] = ()
    format_version: int = FORMAT_VERSION

    @property
    def label_set(self) -> LabelSet:
        """Label set whose order the columns of the probs follow."""
        return LabelSet(self.labels)

    @property
    def calibration(self) -> Calibration:
        """What turns the logits of the weights into probs; cards from before offsets have none."""
        return Calibration(self.temperature, self.offsets)


AnyCard = TypeVar("AnyCard", bound=Card)


def save_model(folder: Path, card: Card, write_weights: Callable[[Path], None]) -> None:
    """Write a model into `folder`: what `write_weights` makes of the folder, then `card`.

    Raises:
        ModelError: the folder holds a model already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / CARD).exists():
        raise ModelError(f"{folder} holds a model already; choose an empty folder")
    write_weights(folder)
    text = json.dumps(asdict(card), indent=2, ensure_ascii=False)
    with (folder / CARD).open("x", encoding="utf-8") as file:
        file.write(text + "\n")


def read_card(folder: Path, form: type[AnyCard]) -> AnyCard:
    """Return the checked card in `folder`, which is one of `form`.

    Raises:
        ModelError: it is missing or damaged, or not of this version.
    """
    path = folder / CARD
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        version = values["format_version"]
        if version != FORMAT_VERSION:
            raise ModelError(
                f"{path} has format version {version}, this goldloop reads {FORMAT_VERSION}; retrain"
            )
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        card = form(**fields)
        LabelSet(card.labels)
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing; this folder holds no model") from error
    except (OSError, ValueError, KeyError, TypeError, LabelError) as error:
        raise ModelError(
            f"{path} is no card of a model: {error}; download the model again or retrain"
        ) from error
    _check_calibration(path, card)
    return card


def _check_calibration(path: Path, card: Card) -> None:
    if not _is_finite(card.temperature) or card.temperature <= 0:
        raise ModelError(f"{path} has temperature {card.temperature!r}, a positive number is needed; retrain")
    if not all(map(_is_finite, card.offsets)) or len(card.offsets) not in (0, len(card.labels)):
        raise ModelError(
            f"{path} has offsets {list(card.offsets)}, one number for each of {len(card.labels)} labels is "
            "needed, or none; retrain"
        )


def _is_finite(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
