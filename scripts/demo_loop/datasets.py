"""Which samples the demo takes, and the preset that suits them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.demo_loop.clothing import CLOTHING, fetched
from scripts.demo_loop.github import GitHub, UnavailableError
from scripts.demo_loop.labelled import LabelledSamples
from scripts.demo_loop.made_payments import made_payments
from scripts.demo_loop.made_posts import made_posts
from scripts.demo_loop.payments import Payments
from scripts.demo_loop.picture_set import PictureSet
from scripts.demo_loop.pictures import Pictures, digits, label_folders, own_images
from scripts.demo_loop.posts import Posts, own_posts, voted_posts

PHOTOGRAPHS_PRESET, PRESET = "efficientnet_lite0", "tiny"
POSTS_PRESET, PAYMENTS_PRESET = "words", "lightgbm"

Say = Callable[[str], None]


def chosen(
    options: argparse.Namespace,
    root: Path,
    *,
    say: Say,
    clothing: PictureSet = CLOTHING,
    github: GitHub | None = None,
) -> tuple[LabelledSamples[Any], str]:
    """Return the samples that `options` name and a preset; digits where the clothing cannot be had.

    `root` is the folder of the workspace, in which the digits are written.

    Raises:
        SourceError: the samples are not what they should be.
    """
    if options.kind == "text":
        return _posts(options, say), options.preset or POSTS_PRESET
    if options.kind == "records":
        return _payments(options, say), options.preset or PAYMENTS_PRESET
    return _pictures(options, root, say, clothing, github)


def _posts(options: argparse.Namespace, say: Say) -> Posts:
    seed, limit = options.seed, options.limit
    if options.votes:
        say(f"people: a user for each annotator of {options.votes.name} gives that annotator's real answers")
        return voted_posts(
            options.posts, options.votes, labels=tuple(options.label_set), seed=seed, limit=limit, say=say
        )
    if options.posts:
        return own_posts(options.posts, seed=seed, limit=limit)
    found = made_posts(seed=seed, n=limit)
    n = len(found.pool) + len(found.test)
    say(f"posts: {n:,} that this demo makes from templates; they are not real, and the groups are invented")
    return found


def _payments(options: argparse.Namespace, say: Say) -> Payments:
    found = made_payments(seed=options.seed, n=options.limit)
    every = (*found.pool, *found.test)
    n_frauds = sum(one.label == "fraud" for one in every)
    say(
        f"payments: {len(every):,} that this demo simulates, {n_frauds} of them frauds; neither customers "
        "nor merchants nor rates are real"
    )
    return found


def _pictures(
    options: argparse.Namespace, root: Path, say: Say, clothing: PictureSet, github: GitHub | None
) -> tuple[Pictures, str]:
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
