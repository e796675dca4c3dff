"""Measure whether the promises about accuracy hold, over resamples of model outputs whose truth is known.

audit        bias and coverage of the estimates of accuracy that audits give, and the labels they save
gate         how often a challenger that is no better is promoted, and one that is better is refused
guard        how often, and how soon, a year of weekly looks suspends policies of known shares of errors
target       how often the accuracy of what is accepted misses its target, and how much is accepted
routing      what tuned policies save against the default band
calibration  bias and coverage of the calibration error
drift        how often the drift check raises a false alarm in a year, and which changes it sees
cross_fit    coverage of intervals from audits that also train the head of a frozen backbone
clusters     whether intervals hold where samples belong to authors, and what the sides of authors cost
decisions    EUR per 1,000 payments of rules that decide, over draws of the audits (needs --data)
losses       how often the gate on losses promotes a model that never says fraud, an equal one, a better one
quarter      how often the intervals of the quarter's figures hold the truth (needs --data)
sheets       bias and coverage of what people overlook on sheets, and when sheets are switched off
succession   what the gate costs and spares in the first rounds of a workspace

The outputs come from models that never saw the picture (scripts/bench/outputs.py), or are simulated.
"""

from __future__ import annotations

import os
from pathlib import Path

from scripts.bench.common import Report, add_picture_options, options_of
from scripts.bench.guarantees import (
    audit,
    calibration,
    clusters,
    cross_fit,
    decisions,
    drift,
    gate,
    guard,
    losses,
    quarter,
    routing,
    sheets,
    succession,
    target,
)
from scripts.bench.outputs import REAL, SIMULATED, outputs

OF_OUTPUTS = {"audit": audit, "gate": gate, "target": target, "routing": routing, "calibration": calibration}
OF_NOTHING = {
    "guard": guard,
    "drift": drift,
    "cross_fit": cross_fit,
    "clusters": clusters,
    "succession": succession,
    "decisions": decisions,
    "losses": losses,
    "quarter": quarter,
    "sheets": sheets,
}


def main() -> None:
    """Run the parts asked for."""
    parser = options_of(__doc__, n=1000, counted="resamples; years for guard and drift")
    add_picture_options(parser)
    parser.add_argument("--part", choices=[*OF_OUTPUTS, *OF_NOTHING], nargs="+", required=True)
    parser.add_argument(
        "--outputs",
        nargs="+",
        default=["cifar10"],
        metavar="NAME",
        help=f"{', '.join([*REAL, SIMULATED])}, or FILE.npz with logits and truth of a model of your own, "
        "or with features (python -m scripts.bench.features)",
    )
    parser.add_argument(
        "--features",
        type=Path,
        metavar="FILE",
        help="for cross_fit and succession: .npz with x (n, d) and y (n,)",
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="number of processes of these two"
    )
    options = parser.parse_args()
    report = Report(options)
    for part in options.part:
        if part in OF_NOTHING:
            OF_NOTHING[part].run(report, options)
        else:
            for name in options.outputs:
                OF_OUTPUTS[part].run(report, f"{part}/{Path(name).stem}", outputs(name, options), n=options.n)
    report.close()


if __name__ == "__main__":
    main()
