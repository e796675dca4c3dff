"""Measure how fast goldloop scores files, chooses samples, pushes tasks and pulls answers.

score, push and pull run beside plain ways in the same run.

score        a folder of files, against the same model behind torch's DataLoader: images a second and memory
photographs  the same at 224 px on a frozen backbone, also beside the bare network
push         tasks into Label Studio, against the server's own bulk import of the same payload
pull         100 changed annotations among many tasks, against a full export of the project
selection    500 samples of a pool, by strategy
decide       one live decision about a payment: ms
posts        a file of posts with hashed words: posts a second and memory
records      a CSV and a Parquet file of records with boosted trees: records a second and memory
features     a training on 10,000 gold samples, and scoring a pool anew, from kept features

push and pull start servers of their own in a temporary folder and end them.
"""

from __future__ import annotations

from scripts.bench.common import Report, options_of
from scripts.bench.speed import (
    decide,
    features,
    label_studio,
    photographs,
    posts,
    records,
    score,
    selection,
)


def main() -> None:
    """Run the parts asked for."""
    parser = options_of(__doc__, n=3, counted="measurements of each side and size")
    parts = ("score", "photographs", "push", "pull", "selection", "features", "posts", "records", "decide")
    parser.add_argument("--part", choices=parts, nargs="+", required=True)
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        default=[1000, 10_000],
        metavar="N",
        help="files, tasks, or samples of a pool",
    )
    options = parser.parse_args()
    report = Report(options)
    if "score" in options.part:
        score.run(report, options)
    if "photographs" in options.part:
        photographs.run(report, options)
    if "selection" in options.part:
        selection.run(report, options)
    if "features" in options.part:
        features.run(report, options)
    if "decide" in options.part:
        decide.run(report, options)
    if "posts" in options.part:
        posts.run(report, options)
    if "records" in options.part:
        records.run(report, options)
    if {"push", "pull"} & set(options.part):
        label_studio.run(report, options)
    report.close()


if __name__ == "__main__":
    main()
