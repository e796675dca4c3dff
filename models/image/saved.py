"""The saved image classifier: weights.pt (tensors only) beside its card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from goldloop.core.errors import ModelError
from models.image.backbones import empty_network
from models.image.network import Classifier
from models.image.presets import IMAGENET_MEAN, IMAGENET_STD, PRESETS
from models.saved_model import CARD, Card, read_card, saving

WEIGHTS = "weights.pt"
RESIZE = "fit into a square, pad with 124, 116, 104; bilinear, antialiased"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCard(Card):
    """The card of an image classifier: also where its weights came from and how pictures are fed to it."""

    weights_origin: str
    is_mirrored: bool
    size: int = 0
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    resize: str = RESIZE
    torch: str = torch.__version__


def save(folder: Path, network: Classifier, card: ImageCard) -> None:
    """Write `network` and `card` into `folder`; raises ModelError where it holds a model already."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with saving(folder, card):
        torch.save(state, folder / WEIGHTS)


def load(folder: Path) -> tuple[Classifier, ImageCard]:
    """Return the classifier saved in `folder`, ready to score on the CPU, and its card.

    Raises:
        ModelError: a file is missing or damaged, or card and weights do not fit each other or this version.
    """
    card = read_card(folder, ImageCard)
    if card.preset not in PRESETS or card.size != PRESETS[card.preset].size or card.resize != RESIZE:
        raise ModelError(
            f"{folder / CARD} names preset {card.preset!r} at {card.size} px, resized by {card.resize!r}, "
            f"which this goldloop does not have (it has {', '.join(PRESETS)}); use the goldloop that trained "
            "it, or retrain"
        )
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
