"""Pictures as features, kept in a folder, as `goldloop.wiring` connects them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from goldloop.adapters.feature_files import FeatureFiles
from goldloop.core.modality import Modality
from goldloop.modalities.features import Featured, FeaturedModality
from models.image.frozen import open_backbone
from models.image.presets import FROZEN


def with_features(folder: Path) -> Callable[[str, Modality], Modality]:
    """Return what turns images into the features that models of a preset take."""

    def featured(preset: str, images: Modality) -> Modality:
        if preset not in FROZEN:
            return images
        frozen = FROZEN[preset]
        kept = FeatureFiles(folder / "features" / frozen.key, frozen.n_features)
        return FeaturedModality(images, Featured(lambda: open_backbone(frozen), kept))

    return featured
