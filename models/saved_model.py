"""The saved model: a folder with a file of weights and card.json, which holds all else needed to use them."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from goldloop.core.disk import disk_errors
from goldloop.core.errors import ModelError
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


@contextmanager
def saving(folder: Path, card: Card) -> Iterator[None]:
    """Let the block write weights, then write `card`; raises ModelError if `folder` holds a model already."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / CARD).exists():
        raise ModelError(f"{folder} holds a model already; choose an empty folder")
    with disk_errors("save the model", folder):
        try:
            yield
        except RuntimeError as error:
            if "PytorchStreamWriter" not in str(error):
                raise
            raise OSError(errno.ENOSPC, str(error), str(folder)) from error  # torch does not name the cause
        with (folder / CARD).open("x", encoding="utf-8") as file:
            file.write(json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n")


@contextmanager
def reading(path: Path, flaw: str) -> Iterator[None]:
    """Raise ModelError where `path` is missing, and with `flaw` for all else that goes wrong in the block.

    Unpicklers of damaged data raise nearly everything.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise ModelError(
            f"{path} is missing, this folder holds no whole model; download the model again or retrain"
        ) from error
    except Exception as error:
        raise ModelError(
            f"{path} {flaw}: {type(error).__name__}: {str(error)[:200]}; download the model again or retrain"
        ) from error


def preset_of(folder: Path) -> str:
    """Return the preset that the card in `folder` names; raises ModelError where it names none."""
    with reading(folder / CARD, "is no card of a model"):
        return str(json.loads((folder / CARD).read_text(encoding="utf-8"))["preset"])


def read_labels(folder: Path) -> LabelSet:
    """Return the labels that the card in `folder` names; raises ModelError where it names none."""
    with reading(folder / CARD, "is no card of a model"):
        return LabelSet(tuple(json.loads((folder / CARD).read_text(encoding="utf-8"))["labels"]))


def read_card(folder: Path, form: type[AnyCard]) -> AnyCard:
    """Return the card in `folder`; raises ModelError where it is missing, damaged or of another version."""
    with reading(folder / CARD, "is no card of a model"):
        values = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if (version := values["format_version"]) != FORMAT_VERSION:
            raise ValueError(f"it has format version {version}, this goldloop reads {FORMAT_VERSION}")
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        card = form(**fields)
        n_labels, n_offsets = len(card.label_set), len(card.calibration.offsets)
        if n_offsets not in (0, n_labels):
            raise ValueError(f"it has {n_offsets} offsets for {n_labels} labels")
    return card
