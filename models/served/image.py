"""The loader of image classifiers: encoded pictures in, their bytes or base64."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.labels import LabelSet
from goldloop.modalities.image.decode import Reason
from goldloop.modalities.image.forms import Form
from goldloop.modalities.image.square import decoded_for, squared
from models import saved_head
from models.image.backbone import MINIBATCH, Backbone
from models.image.presets import FORMS, FROZEN
from models.saved_model import preset_of, read_labels
from models.served.answers import ServedClassifier, folders_of
from models.session import Runtime

COLUMN = "image"
NETWORK = "network.onnx"
"""The frozen backbone of a head, or else the whole model from pictures to probabilities."""


def _load_pyfunc(model: str) -> ServedClassifier:
    """Return the model in the folder `model`, for MLflow."""
    return load(*folders_of(model))


def load(saved: Path, beside: Path) -> ServedClassifier:
    """Return the model saved in `saved`, with its network in `beside`."""
    preset = preset_of(saved)
    runtime = Runtime((beside / NETWORK).read_bytes())
    if preset in FROZEN:
        scorer = saved_head.load(saved, FROZEN)
        backbone = Backbone(FROZEN[preset], runtime)
        return _classifier(
            scorer.labels, FORMS[preset], lambda some: scorer(list(backbone.features(some))).probs
        )
    return _classifier(read_labels(saved), FORMS[preset], partial(_probs, runtime))


def _classifier(
    labels: LabelSet, form: Form, score: Callable[[Sequence[Any]], npt.ArrayLike]
) -> ServedClassifier:
    return ServedClassifier(labels, partial(_picture, form=form), score)


def _picture(row: Mapping[str, Any], *, form: Form) -> npt.NDArray[np.uint8]:
    """Return the picture of a row in `form`."""
    content = row[COLUMN]
    if isinstance(content, str):
        try:
            content = base64.b64decode("".join(content.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise UnreadableSampleError(Reason.NOT_AN_IMAGE, f"it is no base64: {error}") from error
    if not isinstance(content, (bytes, bytearray, memoryview)):
        raise UnreadableSampleError(
            Reason.NOT_AN_IMAGE, f"it is a {type(content).__name__}; send the bytes of the file, or base64"
        )
    return squared(decoded_for(bytes(content), form).rgb, form)


def _probs(runtime: Runtime, pictures: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
    starts = range(0, len(pictures), MINIBATCH)
    return np.concatenate(runtime(np.stack(pictures[start : start + MINIBATCH]) for start in starts))
