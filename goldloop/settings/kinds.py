"""What the kinds of samples differ in: their presets, and the default of the band."""

from __future__ import annotations

from collections.abc import Mapping

from goldloop.core.presets import AUTO

PRESETS: Mapping[str, tuple[str, ...]] = {
    "image": (
        AUTO,
        "tiny",
        "efficientnet_lite0",
        "frozen_convnext_tiny",
        "dinov2_vits14",
        "resnet18",
        "convnext_tiny",
    ),
    "text": ("words", "minilm", "bge_small"),
    "records": ("lightgbm", "logistic"),
}
"""What `model.preset` may be for each kind of samples, the default first."""

BANDS: Mapping[str, tuple[float, float]] = {
    "image": (0.40, 0.70),
    "text": (0.0, 0.85),
    "records": (0.0, 0.85),
}
"""Default of `policy.band` for each kind: annotators see every row below the line, and nothing is held."""

RENAMED_PRESETS = {"ngrams": "words"}
"""Presets of texts by names that workspaces from before still have."""

FEATURE_PRESETS = ("efficientnet_lite0", "frozen_convnext_tiny", "dinov2_vits14", "minilm", "bge_small")
"""Presets whose models take features of a frozen backbone, which goldloop computes once and keeps."""
