"""Measure how fast goldloop scores files, chooses samples, pushes tasks and pulls answers.

score, push and pull run beside plain ways in the same run.

score        a folder of files, against the same model behind torch's DataLoader: images a second and memory
workers      a folder of files past one process: two shards, two workers on Ray, and Ray Data alone
photographs  the same at 224 px on a frozen backbone, also beside the bare network
push         tasks into Label Studio, against the server's own bulk import of the same payload
pull         100 changed annotations among many tasks, against a full export of the project
selection    500 samples of a pool, by strategy
decide       one live decision about a payment: ms
posts        a file of posts with hashed words: posts a second and memory
records      a CSV and a Parquet file of records with boosted trees: records a second and memory
features     a training on 10,000 gold samples, and scoring a pool anew, from kept features
pulls        a whole pull by the number of tasks and of changed answers: CPU seconds and peak memory
growth       each command by the number of samples that the workspace keeps: CPU seconds and peak memory

push and pull start servers of their own in a temporary folder and end them.
"""

from __future__ import annotations

from scripts.bench.common import Report, options_of
from scripts.bench.speed import (
    decide,
    features,
    growth,
    label_studio,
    photographs,
    posts,
    pulls,
    records,
    score,
    selection,
    workers,
)

_PARTS = {
    "score": score,
    "workers": workers,
    "photographs": photographs,
    "selection": selection,
    "features": features,
    "decide": decide,
    "posts": posts,
    "records": records,
    "growth": growth,
    "pulls": pulls,
}


def main() -> None:
    """Run the parts asked for."""
    parser = options_of(__doc__, n=3, counted="measurements of each side and size")
    servers = ("push", "pull")
    parser.add_argument("--part", choices=(*_PARTS, *servers), nargs="+", required=True)
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
    for name, part in _PARTS.items():
        if name in options.part:
            part.run(report, options)
    if set(servers) & set(options.part):
        label_studio.run(report, options)
    report.close()


if __name__ == "__main__":
    main()
