"""How many of the labels that goldloop doubts are wrong, on real people's answers, beside cleanlab's filter.

Gold is one real answer a picture of CIFAR-10N, one in six of them wrong. The probabilities are those of a
network that learnt from those answers alone and never saw the picture it judges; cleanlab gets the same.
"""

from __future__ import annotations

import argparse

import numpy as np

from goldloop.core.samples import SampleId
from goldloop.training.label_errors import find_label_issues
from scripts.bench.common import Report
from scripts.bench.labels.consensus import voted_pictures
from scripts.bench.peers import run_peers

TOPS = (50, 100, 200, 500, 1000, 2000)


def run(report: Report, options: argparse.Namespace) -> None:
    """Report how many of the first n doubted labels are wrong, and which share of all wrong ones is found."""
    pictures, probs = voted_pictures(options)
    columns, labels = pictures.answers_in_order(options.seed)[:, 0], pictures.labels
    is_wrong = columns != pictures.truth
    ids = [SampleId(f"{row:06d}") for row in range(len(columns))]
    issues = find_label_issues(ids, columns, probs, labels=labels)
    ranked = {"goldloop": np.array([int(issue.sample_id) for issue in issues], dtype=np.intp)}
    ranked |= run_peers("label_errors", {"labels": columns, "probs": probs})
    for name, rows in ranked.items():
        report.add(f"label errors/{name}/doubted", len(rows), "", n=len(columns))
        is_found = np.isin(np.flatnonzero(is_wrong), rows)
        report.share(f"label errors/{name}/of all wrong labels", is_found)
        for top in (top for top in TOPS if top <= len(rows)):
            report.share(f"label errors/{name}/wrong of the first {top}", is_wrong[rows[:top]])
