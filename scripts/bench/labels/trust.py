"""What it brings that a label counts less where fits that did not learn from it doubt it.

Heads learn from labels of which a share is wrong, each wrong one any other label, with the trust of
cross-validation (models/linear.py) and without; all samples that they did not learn from judge them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from models.head import Head
from scripts.bench.common import Report, repeated
from scripts.bench.features import read_features
from scripts.bench.labels.efficiency import with_errors

SIZES, SHARES = (200, 600), (0.0, 0.05, 0.15)


def run(report: Report, options: argparse.Namespace) -> None:
    """Report the accuracy without trust, and what trust adds to it, by number of labels and wrong share."""
    if options.features is None:
        raise SystemExit("the part trust needs --features FILE.npz with arrays x and y")
    seeds = range(options.seed, options.seed + options.n)
    for size in SIZES:
        for share in SHARES:
            n = options.n
            settings = [options.features] * n, [size] * n, [share] * n
            found = np.array(repeated(accuracies, seeds, *settings, jobs=options.jobs))
            place = f"trust/{options.features.stem}/{size} labels, {share:.0%} wrong"
            report.mean(f"{place}/without", found[:, 0], "%")
            report.mean(f"{place}/gain", found[:, 1] - found[:, 0], "points")


def accuracies(seed: int, path: Path, size: int, share: float) -> tuple[float, float]:
    """Return the accuracy in % of a head without trust and of one with it, on the same labels."""
    kept = read_features(path)
    features, truth, n_labels = kept.plain, kept.truth, len(kept.labels)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(truth))
    learnt, rest = order[:size], order[size:]
    given = with_errors(truth[learnt], share, n_labels, rng)
    trusting = Head.fitted(features[learnt], given, n_labels)
    plain = trusting.refitted(trusting.reduced(features[learnt]), given)
    without, with_trust = (
        100 * float(np.mean(head.logits(features[rest]).argmax(axis=1) == truth[rest]))
        for head in (plain, trusting)
    )
    return without, with_trust
