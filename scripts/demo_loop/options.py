"""The command line of `scripts/demo`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

DATASETS = ("digits", "clothing")

_DESCRIPTION = """\
Run the whole loop on real servers, in a few minutes: create a workspace, start Label Studio, Prefect and
MLflow on free ports of this machine, score pictures with known labels, and run rounds. Three simulated
annotators and an adjudicator answer as Label Studio users. The demo ends with a table, a page and addresses.
"""
_EXAMPLES = """\
examples:
  scripts/demo                                           1,797 handwritten digits, no download
  scripts/demo --dataset clothing --workspace clothing   3,781 photographs, fetched once (106 MB)
  scripts/demo --images DIR --labels labels.csv --preset efficientnet_lite0 --workspace try
  scripts/demo --people                                  you are the annotator

The photographs are Alexey Grigorev's clothing dataset (subset), CC0 1.0 (public domain):
https://github.com/alexeygrigorev/clothing-dataset-small. The demo keeps them in the user's cache, or in
$GOLDLOOP_CACHE, and compares every file with a fixed commit. A broken download goes on at the next run.
Without a connection the demo says so and takes the digits.
"""


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options in `words`, by default those of the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_pictures(parser.add_argument_group("pictures"))
    _add_loop(parser.add_argument_group("loop"))
    _add_outcome(parser.add_argument_group("servers and files"))
    found = parser.parse_args(words)
    if bool(found.images) != bool(found.labels):
        parser.error("--images and --labels go together")
    if found.images and found.dataset:
        parser.error(f"--images names your own pictures; leave out --dataset {found.dataset}")
    return found


def _add_pictures(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--dataset", choices=DATASETS, help="digits (default), or photographs of clothing, which are fetched"
    )
    group.add_argument("--images", metavar="DIR", type=Path, help="your own pictures instead")
    group.add_argument(
        "--labels",
        metavar="CSV",
        type=Path,
        help="their labels: columns file,label (and human_1.. for people's real answers)",
    )
    group.add_argument(
        "--limit",
        metavar="N",
        type=int,
        help="use only N of the clothing or your own pictures, drawn by chance",
    )


def _add_loop(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--rounds", metavar="N", type=int, default=4, help="rounds to run (default 4)")
    group.add_argument("--budget", metavar="N", type=int, default=200, help="answers a round (default 200)")
    group.add_argument(
        "--preset",
        help="preset of the model (default efficientnet_lite0 for clothing, tiny for all other pictures)",
    )
    group.add_argument(
        "--audit-rate",
        metavar="SHARE",
        type=float,
        default=0.25,
        help="share reserved for the audit (default 0.25)",
    )
    group.add_argument("--seed", metavar="N", type=int, default=0, help="seed of every draw (default 0)")
    group.add_argument("--people", action="store_true", help="leave the tasks to real people; implies --keep")


def _add_outcome(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--workspace",
        metavar="DIR",
        type=Path,
        default=Path("demo-workspace"),
        help="folder of the workspace, one for each set of labels (default ./demo-workspace)",
    )
    group.add_argument("--keep", action="store_true", help="leave the servers up")
    group.add_argument(
        "--json",
        metavar="FILE",
        type=Path,
        dest="json_file",
        help="write the closing table to this file as well",
    )
