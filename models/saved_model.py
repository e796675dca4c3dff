"""The saved model: a folder with weights.pt (tensors only) and card.json (all else needed to use them)."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from goldloop.core.errors import LabelError, ModelError
from goldloop.core.labels import LabelSet
from goldloop.stats.calibration import Calibration
from models.image.backbones import empty_network
from models.image.network import Classifier
from models.image.presets import IMAGENET_MEAN, IMAGENET_STD, PRESETS

FORMAT_VERSION = 1
CARD, WEIGHTS = "card.json", "weights.pt"
RESIZE = "fit into a square, pad with 124, 116, 104; bilinear, antialiased"


@dataclass(frozen=True, slots=True)
class Card:
    """What one has to know to use the weights beside it, and how they came about."""

    labels: tuple[str, ...]
    preset: str
    temperature: float
    weights_origin: str
    seed: int
    n_train: int
    n_validation: int
    is_mirrored: bool
    notes: tuple[str, ...] = ()
    offsets: tuple[float, ...] = ()
    size: int = 0
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    resize: str = RESIZE
    torch: str = torch.__version__
    format_version: int = FORMAT_VERSION

    @property
    def label_set(self) -> LabelSet:
        """Label set whose order the columns of the probs follow."""
        return LabelSet(self.labels)

    @property
    def calibration(self) -> Calibration:
        """What turns the logits of the weights into probs; cards from before offsets have none."""
        return Calibration(self.temperature, self.offsets)


def save(folder: Path, network: Classifier, card: Card) -> None:
    """Write `network` and `card` into `folder`, weights first.

    Raises:
        ModelError: the folder holds a model already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / CARD).exists():
        raise ModelError(f"{folder} holds a model already; choose an empty folder")
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    torch.save(state, folder / WEIGHTS)
    text = json.dumps(asdict(card), indent=2, ensure_ascii=False)
    with (folder / CARD).open("x", encoding="utf-8") as file:
        file.write(text + "\n")


def load(folder: Path) -> tuple[Classifier, Card]:
    """Return the classifier saved in `folder`, ready to score on the CPU, and its card.

    Raises:
        ModelError: a file is missing or damaged, or card and weights do not fit each other or this version.
    """
    card = _card(folder / CARD)
    network = empty_network(PRESETS[card.preset], len(card.labels))
    try:
        state = torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True)
        network.load_state_dict(state)
    except FileNotFoundError as error:
        raise ModelError(f"{folder / WEIGHTS} is missing; download the model again or retrain") from error
    except Exception as error:  # torch's unpickler raises nearly everything on damaged data
        raise ModelError(
            f"{folder / WEIGHTS} does not hold weights of preset {card.preset!r} with {len(card.labels)} "
            f"labels: {type(error).__name__}: {str(error)[:200]}; download the model again or retrain"
        ) from error
    network.eval().requires_grad_(requires_grad=False)
    return network, card


def _card(path: Path) -> Card:
    """Return the checked card at `path`."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        found = values["format_version"]
        if found != FORMAT_VERSION:
            raise ModelError(
                f"{path} has format version {found}, this goldloop reads {FORMAT_VERSION}; retrain"
            )
        tuples = {key: tuple(values[key]) for key in ("labels", "notes", "mean", "std")}
        tuples["offsets"] = tuple(values.get("offsets", ()))
        card = Card(**{**values, **tuples})
        LabelSet(card.labels)
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing; this folder holds no model") from error
    except (OSError, ValueError, KeyError, TypeError, LabelError) as error:
        raise ModelError(
            f"{path} is no card of a model: {error}; download the model again or retrain"
        ) from error
    if card.preset not in PRESETS or card.size != PRESETS[card.preset].size or card.resize != RESIZE:
        raise ModelError(
            f"{path} names preset {card.preset!r} at {card.size} px, resized by {card.resize!r}, which this "
            f"goldloop does not have (it has {', '.join(PRESETS)}); use the one that trained it, or retrain"
        )
    temperature = card.temperature
    if not isinstance(temperature, (int, float)) or not math.isfinite(temperature) or temperature <= 0:
        raise ModelError(f"{path} has temperature {temperature!r}, a positive number is needed; retrain")
    numbers = [one for one in card.offsets if isinstance(one, (int, float)) and math.isfinite(one)]
    if len(numbers) != len(card.offsets) or len(numbers) not in (0, len(card.labels)):
        raise ModelError(
            f"{path} has offsets {list(card.offsets)}, one number for each of {len(card.labels)} labels is "
            "needed, or none; retrain"
        )
    return card
