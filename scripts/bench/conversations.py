"""Measure the loop on real posts with the real answers of each annotator: conversations_convabuse, replayed.

Each seed is one run of `scripts/demo --kind text --posts --votes` on real servers, with a user for each of
the eight annotators. A turn of a conversation is a post, the turns before it are its thread, and an answer is
"abusive" where its severity is below 0. The times of the answers are simulated, as the set has none.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scripts.bench.common import Report, options_of, say

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"
FOLDER = "conversations_convabuse"
BEFORE = (("bot", "prev_agent"), ("person", "prev_user"), ("bot", "agent"))
"""Who said what before the turn that is judged, the oldest first."""


def converted(data: Path, folder: Path) -> tuple[Path, Path]:
    """Write posts and votes of the set in `data` into `folder`, as the demo takes them; return both paths."""
    source = data / FOLDER
    if not (source / "items.csv").is_file():
        raise SystemExit(f"no items.csv in {source}; name the folder of {FOLDER}/ with --data")
    posts, votes = folder / "posts.csv", folder / "votes.csv"
    items = _rows(source / "items.csv")
    _write(posts, ({"id": row["id"], "text": row["user"], "thread": _thread(row)} for row in items))
    _write(
        votes,
        (
            {
                "id": row["id"],
                "annotator": f"annotator {row['annotator']}",
                "label": "abusive" if float(row["severity"]) < 0 else "not abusive",
            }
            for row in _rows(source / "votes.csv")
        ),
    )
    return posts, votes


def _thread(row: Mapping[str, str]) -> str:
    said = [{"author": who, "text": row[column]} for who, column in BEFORE if row[column].strip()]
    return json.dumps(said) if said else ""


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _write(path: Path, rows: Iterator[dict[str, str]]) -> None:
    first = next(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)


def replayed(
    posts: Path, votes: Path, seed: int, folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Return what one run of the demo wrote down."""
    written = folder / f"{seed}.json"
    words = ["--kind", "text", "--posts", posts, "--votes", votes, "--label-set", "not abusive,abusive"]
    words += ["--rounds", options.rounds, "--budget", options.budget, "--preset", options.preset]
    words += ["--seed", seed, "--workspace", folder / f"workspace-{seed}", "--json", written]
    command = [sys.executable, "-m", "scripts.demo_loop.run", *map(str, words)]
    say(f"seed {seed}: four rounds on real servers, some minutes")
    subprocess.run(command, check=True, env=os.environ, stdout=sys.stderr)
    found: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
    return found


def report_run(report: Report, seed: int, found: dict[str, Any], preset: str) -> None:
    """Report each round of one run, with the intervals over the posts of its test."""

    def add(name: str, value: dict[str, Any] | None, unit: str = "share") -> None:
        if value is not None:
            report.add(name, value["value"], unit, n=value["n"], low=value["low"], high=value["high"])

    for row, closing in zip(found["moderation"], found["rounds"], strict=True):
        place = f"conversations/{preset}/seed {seed}/round {row['round']}"
        report.add(f"{place}/labels", closing["n_labels"], "")
        report.add(f"{place}/minutes", row["minutes"], "")
        add(f"{place}/accuracy", row["accuracy"])
        add(f"{place}/random accuracy", row["random_accuracy"])
        add(f"{place}/macro-F1", row["macro_f1"], "")
        add(f"{place}/random macro-F1", row["random_macro_f1"], "")
        for name, rule in (("goldloop", row["goldloop"]), ("plain 0.85", row["plain"])):
            add(f"{place}, {name}/to people", rule["to_people"])
            add(f"{place}, {name}/wrong among accepted", rule["wrong"])
            add(f"{place}, {name}/abusive let through", rule["let_through"])


def main() -> None:
    """Convert the set, then run the demo for each seed; or only convert it."""
    parser = options_of(__doc__, n=3, counted="seeds")
    data = Path(os.environ.get("GOLDLOOP_TEST_DATA", BESIDE))
    parser.add_argument("--data", type=Path, default=data, metavar="FOLDER", help=f"{FOLDER}/")
    parser.add_argument("--rounds", type=int, default=4, help="rounds of each run")
    parser.add_argument("--budget", type=int, default=300, help="answers a round")
    parser.add_argument("--preset", default="words", help="preset of the model")
    parser.add_argument(
        "--cases",
        type=Path,
        metavar="FOLDER",
        help="only write posts.csv and votes.csv there, and run nothing",
    )
    options = parser.parse_args()
    if options.cases:
        options.cases.mkdir(parents=True, exist_ok=True)
        say(" ".join(str(path) for path in converted(options.data, options.cases)))
        return
    report = Report(options)
    with TemporaryDirectory(prefix="goldloop-conversations-") as name:
        folder = Path(name)
        posts, votes = converted(options.data, folder)
        for seed in range(options.seed, options.seed + options.n):
            report_run(report, seed, replayed(posts, votes, seed, folder, options), options.preset)
    report.close()


if __name__ == "__main__":
    main()
