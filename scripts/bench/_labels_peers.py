# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["cleanlab==2.9.0", "crowd-kit==1.4.1", "numpy>=2", "pandas>=2"]
# ///
"""CROWDLAB [goh2022] and crowd-kit's Dawid-Skene on votes and probs in a file; runs in uv's environment.

uv run --script _labels_peers.py IN.npz OUT.npz

IN holds `probs` (n, n_labels) and `votes_K` (n, K) for one or more names; OUT gets `NAME/peer/label` and
`NAME/peer/confidence`, both (n,).
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pandas as pd
from cleanlab.multiannotator import get_label_quality_multiannotator
from crowdkit.aggregation import DawidSkene

Answer = tuple[np.ndarray, np.ndarray]


def crowdlab(votes: np.ndarray, probs: np.ndarray, *, calibrate: bool) -> Answer:
    """Return labels and consensus quality; needs two votes a picture."""
    found = get_label_quality_multiannotator(
        pd.DataFrame(votes),
        probs,
        calibrate_probs=calibrate,
        return_detailed_quality=False,
        return_annotator_stats=False,
        verbose=False,
    )["label_quality"]
    return found["consensus_label"].to_numpy(), found["consensus_quality_score"].to_numpy()


def dawid_skene(votes: np.ndarray) -> Answer:
    """Return labels and their probabilities; a column of `votes` counts as one person."""
    n, n_votes = votes.shape
    table = pd.DataFrame(
        {
            "task": np.repeat(np.arange(n), n_votes),
            "worker": np.tile(np.arange(n_votes), n),
            "label": votes.ravel(),
        }
    )
    probs = DawidSkene(n_iter=100).fit_predict_proba(table).sort_index()
    return probs.columns.to_numpy()[probs.to_numpy().argmax(axis=1)], probs.to_numpy().max(axis=1)


def main() -> None:
    """Read IN, run every peer on every set of votes it can bear, write OUT."""
    warnings.simplefilter("ignore")
    given = np.load(sys.argv[1])
    found: dict[str, np.ndarray] = {}
    for name in [key for key in given.files if key.startswith("votes")]:
        votes, probs = given[name], given[name.replace("votes", "probs", 1)]
        answers = {"crowdkit_dawid_skene": dawid_skene(votes)}
        if votes.shape[1] > 1:
            answers["crowdlab"] = crowdlab(votes, probs, calibrate=False)
            answers["crowdlab_calibrated"] = crowdlab(votes, probs, calibrate=True)
        for peer, (label, confidence) in answers.items():
            found[f"{name}/{peer}/label"], found[f"{name}/{peer}/confidence"] = label, confidence
    np.savez(sys.argv[2], **found)


if __name__ == "__main__":
    main()
