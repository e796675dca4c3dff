"""Which pictures the demo takes, and the preset that suits them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from scripts.demo_loop.clothing import CLOTHING, fetched
from scripts.demo_loop.github import GitHub, UnavailableError
from scripts.demo_loop.picture_set import PictureSet
from scripts.demo_loop.pictures import Pictures, digits, label_folders, own_images

PHOTOGRAPHS_PRESET, PRESET = "efficientnet_lite0", "tiny"


def chosen(
    options: argparse.Namespace,
    root: Path,
    *,
    say: Callable[[str], None],
    clothing: PictureSet = CLOTHING,
    github: GitHub | None = None,
) -> tuple[Pictures, str]:
    """Return the pictures that `options` name and a preset; digits where the clothing cannot be had.

    `root` is the folder of the workspace, in which the digits are written.

    Raises:
        SourceError: the pictures are not what they should be.
    """
    seed, limit = options.seed, options.limit
    if options.images:
        own = own_images(options.images, options.labels, seed=seed, limit=limit)
        return own, options.preset or PRESET
    if options.dataset == "clothing":
        try:
            paths = fetched(clothing, github=github, say=say)
        except UnavailableError as error:
            say(f"cannot fetch the clothing photographs: {error}")
            say("the demo takes the handwritten digits; for the photographs run it again with a connection")
        else:
            say(f"pictures: {clothing.page}, {clothing.licence}, {len(paths):,} photographs")
            return label_folders(paths, seed=seed, limit=limit), options.preset or PHOTOGRAPHS_PRESET
    return digits(root / "digits", seed=seed), options.preset or PRESET
