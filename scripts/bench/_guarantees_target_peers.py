# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["mapie==1.6.0", "numpy>=2"]
# ///
"""Thresholds that MAPIE [cordier2023] certifies for audits in a file; runs in uv's environment.

uv run --script _guarantees_target_peers.py IN.npz OUT.npz

IN holds `sure/NAME` and `right/NAME` (repeats, n), `target/NAME` and `delta`; OUT gets `METHOD/NAME`
(repeats,), NaN where no threshold is certified. What is accepted is a "positive" here, so that its accuracy
is MAPIE's precision.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
from mapie.risk_control import BinaryClassificationController

METHODS = {
    # its default: 100 thresholds from 0 to 0.99
    "mapie_default": ("bonferroni_holm", np.linspace(0, 0.99, 100)),
    # the same thresholds, tested from the surest down
    "mapie_fixed_sequence": ("fixed_sequence", np.linspace(0.99, 0, 100)),
}


def threshold(sure: np.ndarray, right: np.ndarray, *, target: float, delta: float, method: str) -> float:
    """Return the threshold that accepts most, NaN for none."""
    procedure, grid = METHODS[method]
    controller = BinaryClassificationController(
        lambda column: np.column_stack([1 - column[:, 0], column[:, 0]]),
        risk="precision",
        target_level=target,
        confidence_level=1 - delta,
        list_predict_params=grid,
        fwer_method=procedure,
    )
    controller.calibrate(sure[:, None], right.astype(int))
    best = controller.best_predict_param
    return float("nan") if best is None else float(best)


def main() -> None:
    """Read IN, find every threshold, write OUT."""
    warnings.simplefilter("ignore")
    given = np.load(sys.argv[1])
    found = {}
    for name in (key.removeprefix("sure/") for key in given.files if key.startswith("sure/")):
        for method in METHODS:
            found[f"{method}/{name}"] = np.array(
                [
                    threshold(
                        sure,
                        right,
                        target=float(given[f"target/{name}"]),
                        delta=float(given["delta"]),
                        method=method,
                    )
                    for sure, right in zip(given[f"sure/{name}"], given[f"right/{name}"], strict=True)
                ]
            )
    np.savez(sys.argv[2], **found)


if __name__ == "__main__":
    main()
