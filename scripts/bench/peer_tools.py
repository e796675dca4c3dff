"""Other people's tools on arrays in a file; scripts/bench/peers.py runs this in uv's environments.

python peer_tools.py FUNCTION IN.npz OUT.npz
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]
MAPIE = {
    "MAPIE default": ("bonferroni_holm", np.linspace(0, 0.99, 100)),
    "MAPIE fixed sequence": ("fixed_sequence", np.linspace(0.99, 0, 100)),  # from the surest down
}


def thresholds(given: Arrays) -> dict[str, npt.NDArray[Any]]:
    """Return by METHOD/NAME the thresholds (repeats,) that MAPIE [cordier2023] certifies, NaN for none.

    `given` holds `sure/NAME` and `right/NAME` (repeats, n), `target/NAME` and `delta`. What is accepted is a
    "positive" here, so that its accuracy is MAPIE's precision.
    """
    from mapie.risk_control import BinaryClassificationController

    certified = {}
    for name in _names(given, "sure/"):
        for method, (procedure, grid) in MAPIE.items():
            best = []
            for sure, right in zip(given[f"sure/{name}"], given[f"right/{name}"], strict=True):
                controller = BinaryClassificationController(
                    lambda column: np.column_stack([1 - column[:, 0], column[:, 0]]),
                    risk="precision",
                    target_level=float(given[f"target/{name}"]),
                    confidence_level=1 - float(given["delta"]),
                    list_predict_params=grid,
                    fwer_method=procedure,
                )
                controller.calibrate(sure[:, None], right.astype(int))
                best.append(controller.best_predict_param)
            certified[f"{method}/{name}"] = np.array([np.nan if one is None else float(one) for one in best])
    return certified


def means(given: Arrays) -> dict[str, npt.NDArray[Any]]:
    """Return by name value, low and high (repeats, 3) of PPI++'s mean [angelopoulos2023].

    `given` holds `sure` and `hits` (n,), and for each name `drawn/NAME` (repeats, n) as packed bits and
    `chance/NAME` (n,).
    """
    from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

    sure, hits = given["sure"], given["hits"].astype(float)
    estimates = {}
    for name in _names(given, "drawn/"):
        rows = []
        for bits in given[f"drawn/{name}"]:
            drawn = np.unpackbits(bits, count=len(sure)).astype(bool)
            weights = 1 / given[f"chance/{name}"][drawn]
            value = ppi_mean_pointestimate(hits[drawn], sure[drawn], sure, w=weights)
            low, high = ppi_mean_ci(hits[drawn], sure[drawn], sure, alpha=0.05, w=weights)
            rows.append([np.ravel(part)[0] for part in (value, low, high)])
        estimates[name] = np.array(rows)
    return estimates


def aggregated(given: Arrays) -> dict[str, npt.NDArray[Any]]:
    """Return `NAME/PEER/label` and `NAME/PEER/confidence`, both (n,), of crowd-kit and CROWDLAB [goh2022].

    `given` holds `votes/NAME` (n, k), a column counting as one person, and `probs` (n, n_labels). CROWDLAB
    needs two votes a picture.
    """
    import pandas as pd
    from cleanlab.multiannotator import get_label_quality_multiannotator
    from crowdkit.aggregation import DawidSkene

    labels = {}
    for name in _names(given, "votes/"):
        votes = given[f"votes/{name}"]
        n, k = votes.shape
        task, worker = np.repeat(np.arange(n), k), np.tile(np.arange(k), n)
        table = pd.DataFrame({"task": task, "worker": worker, "label": votes.ravel()})
        probs = DawidSkene(n_iter=100).fit_predict_proba(table).sort_index()
        labels[f"{name}/Dawid-Skene of crowd-kit/label"] = probs.columns.to_numpy()[
            probs.to_numpy().argmax(axis=1)
        ]
        labels[f"{name}/Dawid-Skene of crowd-kit/confidence"] = probs.to_numpy().max(axis=1)
        for peer, is_calibrated in (("CROWDLAB", False), ("CROWDLAB calibrated", True)) if k > 1 else ():
            quality = get_label_quality_multiannotator(
                pd.DataFrame(votes), given["probs"], calibrate_probs=is_calibrated,
                return_detailed_quality=False, return_annotator_stats=False, verbose=False,
            )["label_quality"]  # fmt: skip
            labels[f"{name}/{peer}/label"] = quality["consensus_label"].to_numpy()
            labels[f"{name}/{peer}/confidence"] = quality["consensus_quality_score"].to_numpy()
    return labels


def label_errors(given: Arrays) -> dict[str, npt.NDArray[Any]]:
    """Return by filter and rank the rows that cleanlab doubts of `labels` (n,), most doubted first."""
    from cleanlab.filter import find_label_issues

    return {
        f"cleanlab {method} {rank}": find_label_issues(
            given["labels"], given["probs"], filter_by=method, return_indices_ranked_by=rank, n_jobs=1
        )
        for method in ("confident_learning", "prune_by_noise_rate")
        for rank in ("self_confidence", "normalized_margin")
    }


def _names(given: Arrays, prefix: str) -> list[str]:
    return [key.removeprefix(prefix) for key in given if key.startswith(prefix)]


FUNCTIONS = {function.__name__: function for function in (thresholds, means, aggregated, label_errors)}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    chosen, source, target = sys.argv[1:]
    with np.load(source) as read:
        answer: dict[str, Any] = FUNCTIONS[chosen]({key: read[key] for key in read.files})
        np.savez(target, **answer)
