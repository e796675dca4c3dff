"""Measure how good labels and the measures of annotators are, on real answers and simulated people.

consensus        accuracy of labels made of 1, 2 and 3 real answers, and of answers bought one at a time
label_errors     how many of the labels that goldloop doubts are wrong, beside cleanlab's filter
spammer          what a spammer who joins in the second round does to gold (simulated people)
automation_bias  the adoption gap, its interval and the switch (simulated annotators)
efficiency       labels that a choice of samples saves against a random choice, on features of a file
trust            what it brings that a head counts doubtful labels less, on features of a file
rare             whether labels of 1 % and 5 % are found within 300 answers, on features of a file
outlook          how often the forecasts of the stop rule hold, on features of a file
outcomes         what chargebacks are worth beside people's answers, by their age, on simulated payments
"""

from __future__ import annotations

import os
from pathlib import Path

from scripts.bench.common import Report, add_picture_options, options_of
from scripts.bench.labels import (
    automation_bias,
    consensus,
    efficiency,
    label_errors,
    outcomes,
    outlook,
    rare,
    spammer,
    trust,
)

PARTS = {
    "consensus": consensus,
    "label_errors": label_errors,
    "spammer": spammer,
    "automation_bias": automation_bias,
    "efficiency": efficiency,
    "rare": rare,
    "trust": trust,
    "outcomes": outcomes,
    "outlook": outlook,
}


def main() -> None:
    """Run the parts asked for."""
    parser = options_of(__doc__, n=100, counted="repeats; vote orders for consensus")
    add_picture_options(parser)
    parser.add_argument("--part", choices=list(PARTS), nargs="+", required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="number of processes")
    parser.add_argument(
        "--features",
        type=Path,
        metavar="FILE",
        help=".npz of scripts.bench.features: for efficiency, rare, trust and outlook, and for consensus and "
        "label_errors in place of pictures",
    )
    group = parser.add_argument_group("efficiency")
    source = group.add_mutually_exclusive_group()
    source.add_argument("--error", type=float, default=0.0, help="share of answers that are wrong")
    source.add_argument("--crowd", action="store_true", help="the answers are real ones of the file")
    group.add_argument(
        "--strategies", choices=list(efficiency.PAIRS), nargs="+", default=list(efficiency.PAIRS)
    )
    options = parser.parse_args()
    report = Report(options)
    for part in options.part:
        PARTS[part].run(report, options)
    report.close()


if __name__ == "__main__":
    main()
