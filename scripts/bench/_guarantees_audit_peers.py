# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["numpy>=2", "ppi-python==0.2.3"]
# ///
"""ppi-python's mean with its 95 % interval (PPI++ [angelopoulos2023]) on draws in a file, by uv.

uv run --script _guarantees_audit_peers.py IN.npz OUT.npz

IN holds `sure` and `hits` (n,), and for each name `drawn/NAME` (repeats, n) as packed bits and `chance/NAME`
(n,); OUT gets `NAME` (repeats, 3): value, low and high.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate


def main() -> None:
    """Read IN, estimate each draw, write OUT."""
    warnings.simplefilter("ignore")
    given = np.load(sys.argv[1])
    sure, hits = given["sure"], given["hits"].astype(float)
    found = {}
    for name in (key.removeprefix("drawn/") for key in given.files if key.startswith("drawn/")):
        chance = given[f"chance/{name}"]
        rows = []
        for bits in given[f"drawn/{name}"]:
            drawn = np.unpackbits(bits, count=len(sure)).astype(bool)
            weights = 1 / chance[drawn]
            told = (hits[drawn], sure[drawn], sure)
            value = ppi_mean_pointestimate(*told, w=weights)
            low, high = ppi_mean_ci(*told, alpha=0.05, w=weights)
            rows.append([np.ravel(one)[0] for one in (value, low, high)])
        found[name] = np.array(rows)
    np.savez(sys.argv[2], **found)


if __name__ == "__main__":
    main()
