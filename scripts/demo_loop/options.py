"""The command line of `scripts/demo`."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goldloop.core.labels import parsed_labels

ROUNDS, BUDGET = 4, 200
PAYMENTS_ROUNDS, PAYMENTS_BUDGET = 3, 500  # one payment in sixty is a fraud, and a model needs some
DATASETS = ("digits", "clothing")

_DESCRIPTION = """\
Run the whole loop on real servers, in a few minutes: create a workspace, start Label Studio, Prefect and
MLflow on free ports of this machine, score pictures, posts or payments with known labels, and run rounds.
Three simulated annotators (for payments six) and an adjudicator answer as Label Studio users; with --votes a
user for each real annotator gives their real answers again. The demo ends with a table, a page and addresses.
"""
_EXAMPLES = """\
examples:
  scripts/demo                                           1,797 handwritten digits, no download
  scripts/demo --dataset clothing --workspace clothing   3,781 photographs, fetched once (106 MB)
  scripts/demo --images DIR --labels labels.csv --preset efficientnet_lite0 --workspace try
  scripts/demo --kind text --workspace posts             2,000 posts in four categories, made by the demo
  scripts/demo --kind text --posts posts.csv --votes votes.csv --workspace replay
  scripts/demo --kind records --workspace payments       6,000 payments, simulated by the demo
  scripts/demo --people                                  you are the annotator

The posts of --kind text are made by the demo from templates; they are not real, and the groups in them are
invented. --posts takes your own: CSV, JSONL or Parquet with id and text, perhaps thread, author and at, and
either a column label, which annotators do not see, or --votes FILE.csv with the columns id,annotator,label:
one row for each real answer. Each user then answers only what this annotator answered, with that label; a
post is true to the label of most of its votes. How long an answer takes is simulated. Where all votes for a
post are given, a request for one more stays open, and the demo goes on.

The payments of --kind records are simulated: neither customers nor merchants nor rates are real. Six
simulated analysts of different accuracy and speed answer; chargebacks come weeks later, into outcomes-NNN.csv
of the workspace. The demo ends with what decisions cost on payments that came after those of the loop.

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
    _add_posts(parser.add_argument_group("posts"))
    _add_loop(parser.add_argument_group("loop"))
    _add_outcome(parser.add_argument_group("servers and files"))
    found = parser.parse_args(words)
    found.kind = found.kind or ("text" if found.posts or found.votes else "image")
    if found.rounds is None:
        found.rounds = PAYMENTS_ROUNDS if found.kind == "records" else ROUNDS
    found.budget = found.budget or (PAYMENTS_BUDGET if found.kind == "records" else BUDGET)
    _refuse_contradictions(parser, found)
    return found


def _setting(words: str) -> tuple[str, str, Any]:
    """Return section, key and value of a setting as `goldloop.toml` has it; a word needs no quotes."""
    name, mark, value = words.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (mark and dot and section and key):
        raise argparse.ArgumentTypeError(f"{words!r} is no setting; write it as consensus.repeat_share=0.25")
    try:
        return section, key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return section, key, value.strip()


def _refuse_contradictions(parser: argparse.ArgumentParser, found: argparse.Namespace) -> None:
    if bool(found.images) != bool(found.labels):
        parser.error("--images and --labels go together")
    if found.images and found.dataset:
        parser.error(f"--images names your own pictures; leave out --dataset {found.dataset}")
    if found.kind == "text" and (found.images or found.dataset):
        parser.error("--kind text takes posts; leave out --images, --labels and --dataset")
    if found.kind == "records" and (found.images or found.dataset or found.posts or found.votes):
        parser.error(
            "--kind records simulates payments; leave out --images, --labels, --dataset, --posts, --votes"
        )
    if found.kind == "image" and (found.posts or found.votes):
        parser.error("--kind image takes pictures; leave out --posts and --votes")
    if found.votes and not found.posts:
        parser.error("--votes needs --posts FILE, the posts that the votes are about")
    if found.votes and found.people:
        parser.error("--votes gives real people's answers; leave out --people, which waits for yours")
    if found.label_set and not found.votes:
        parser.error("--label-set names the labels of --votes FILE; give it too")


def _add_posts(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--kind",
        choices=("image", "text", "records"),
        help="pictures (default), posts that the demo makes, or payments that it simulates",
    )
    group.add_argument(
        "--posts", metavar="FILE", type=Path, help="your own posts instead; column label, or --votes"
    )
    group.add_argument(
        "--votes",
        metavar="CSV",
        type=Path,
        help="real people's answers to them: columns id,annotator,label; a user gives each of them again",
    )
    group.add_argument(
        "--label-set",
        metavar="A,B",
        type=parsed_labels,
        default=[],
        help="labels that may be voted for, in this order (default those of the votes, sorted)",
    )


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
        help="use only N of the clothing, of your own pictures or of the posts, drawn by chance",
    )


def _add_loop(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--rounds",
        metavar="N",
        type=int,
        help=f"rounds to run (default {ROUNDS}, with payments {PAYMENTS_ROUNDS})",
    )
    group.add_argument(
        "--budget",
        metavar="N",
        type=int,
        help=f"answers a round (default {BUDGET}, for payments {PAYMENTS_BUDGET})",
    )
    group.add_argument(
        "--preset",
        help="preset of the model (default efficientnet_lite0 for clothing, tiny for other pictures, "
        "words for posts)",
    )
    group.add_argument(
        "--audit-rate",
        metavar="SHARE",
        type=float,
        default=0.25,
        help="share reserved for the audit (default 0.25)",
    )
    group.add_argument("--seed", metavar="N", type=int, default=0, help="seed of every draw (default 0)")
    group.add_argument(
        "--set",
        metavar="SECTION.KEY=VALUE",
        type=_setting,
        action="append",
        default=[],
        dest="settings",
        help="a setting of the new workspace, such as consensus.repeat_share=0.25; several are allowed",
    )
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
