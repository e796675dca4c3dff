#!/usr/bin/env python3
"""How many of the labels goldloop doubts are wrong, on real people's answers, beside cleanlab's filter.

Gold is one real answer a picture of CIFAR-10N, one in six of them wrong. The probabilities are those
of a network that learnt from those answers alone and never saw the picture it judges; the label bench trains
and keeps the same. cleanlab gets the same probabilities, in an environment of its own that uv makes. Prints
how many of the first n label_issues are wrong labels, and which share of all wrong labels is among them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _common import Report, say
from _labels_data import answers_parser, load_answers

from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.stats.calibration import Calibration, fit_temperature
from goldloop.stats.metrics import share_estimate
from goldloop.training.label_errors import find_label_issues

CLEANLAB = "cleanlab==2.9.0"
TOPS = (50, 100, 200, 500, 1000, 2000)
PEER = """
import sys
import numpy as np
from cleanlab.filter import find_label_issues
given = np.load(sys.argv[1])
for method in ("confident_learning", "prune_by_noise_rate"):
    for rank in ("self_confidence", "normalized_margin"):
        rows = find_label_issues(
            given["labels"], given["probs"], filter_by=method, return_indices_ranked_by=rank, n_jobs=1
        )
        np.save(f"{sys.argv[2]}/cleanlab {method} {rank}.npy", rows)
"""

Rows = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]


def ours(said: Rows, probs: Floats, labels: LabelSet) -> Rows:
    """Return the rows of our label_issues, most issue first."""
    ids = [SampleId(f"{row:06d}") for row in range(len(said))]
    return np.array([int(one.sample_id) for one in find_label_issues(ids, said, probs, labels=labels)])


def cleanlabs(said: Rows, probs: Floats) -> dict[str, Rows]:
    """Return the rows that cleanlab finds, most issue first, by filter and rank."""
    say("running cleanlab")
    with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as folder:
        given = Path(folder) / "given.npz"
        np.savez(given, labels=said, probs=probs)
        command = [sys.executable, "-m", "uv", "run", "--quiet", "--no-project", "--with", CLEANLAB]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        subprocess.run([*command, "python", "-c", PEER, str(given), folder], check=True, env=environment)
        return {one.stem: np.load(one) for one in sorted(Path(folder).glob("*.npy"))}


def main() -> None:
    """Run the bench."""
    chosen = answers_parser(__doc__.splitlines()[0]).parse_args()
    from _labels_model import cross_fitted_logits

    report = Report("label_errors", chosen)
    answers = load_answers(chosen.data, 2000 if chosen.quick else None)
    votes, labels = answers.in_order(chosen.seed)[:, :1], answers.labels
    logits = cross_fitted_logits(
        answers.pictures, votes, n_labels=len(labels), cache=chosen.cache, is_quick=chosen.quick
    )
    said, probs = votes[:, 0], Calibration(fit_temperature(logits, votes[:, 0])).apply(logits)
    is_wrong = said != answers.truth
    report.add("pictures", len(said), "", note=f"wrong labels {is_wrong.sum()}")
    report.add("the model is right", float((probs.argmax(axis=1) == answers.truth).mean()), "")
    for name, rows in {"goldloop": ours(said, probs, labels), **cleanlabs(said, probs)}.items():
        found = is_wrong[rows].sum() / is_wrong.sum()
        report.add(f"{name}: label_issues", len(rows), "", note=f"{found:.3f} of all wrong labels among them")
        for top in (*(one for one in TOPS if one < len(rows)), len(rows)):
            wrong = share_estimate(is_wrong[rows[:top]])
            report.add(f"{name}: wrong of the first {top}", wrong.value, "", note=str(wrong))
    report.finish()


if __name__ == "__main__":
    main()
