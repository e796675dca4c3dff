"""Text classifiers for servers: the files of the backbone, if there is one, and how a server asks."""

from __future__ import annotations

from pathlib import Path

from goldloop.training.ports import InputColumn, ServedModel
from models.saved_model import preset_of
from models.served.words import COLUMN
from models.text.presets import FROZEN


def served(folder: Path, beside: Path) -> ServedModel:
    """Write what the model saved in `folder`, of any preset, needs beside it; return how to ask it.

    Raises:
        ModelError: there is no such model, or the weights of its backbone cannot be had.
    """
    preset, inputs = FROZEN.get(preset_of(folder)), (InputColumn(COLUMN, "string"),)
    if preset is None:
        return ServedModel("models.served.words", beside, inputs)
    from models.served.sentences import NETWORK, TOKENS
    from models.text.frozen import backbone_files

    graph, tokens = backbone_files(preset)
    (beside / NETWORK).write_bytes(graph)
    (beside / TOKENS).write_bytes(tokens)
    return ServedModel("models.served.sentences", beside, inputs)
