"""Image classifiers for servers: the network as an ONNX file, and how a server asks it."""

from __future__ import annotations

from pathlib import Path

import torch

from goldloop.training.ports import InputColumn, ServedModel
from models.image.frozen import backbone_file
from models.image.presets import FROZEN
from models.image.saved import Exportable, load
from models.runtime import exported
from models.saved_model import preset_of
from models.served.image import COLUMN, NETWORK


def served(folder: Path, beside: Path) -> ServedModel:
    """Write the network of the model saved in `folder`, of any preset, to `beside`; return how to ask it.

    Of a head it is the frozen backbone, the same file that scores here; else the whole model.

    Raises:
        ModelError: there is no such model, or the weights of its backbone cannot be had.
    """
    preset = preset_of(folder)
    graph = backbone_file(FROZEN[preset]) if preset in FROZEN else _whole(folder)
    (beside / NETWORK).write_bytes(graph)
    return ServedModel("models.served.image", beside, (InputColumn(COLUMN, "binary"),))


def _whole(folder: Path) -> bytes:
    network, card = load(folder)
    example = torch.zeros(2, card.size, card.size, 3, dtype=torch.uint8)  # one would fix the batch size
    return exported(Exportable(network, card).eval(), example)
