"""Run the demo: init, up, score, push, then rounds of answers and `goldloop round`, and show what came of it."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from goldloop.adapters.services import Endpoints, down, up
from goldloop.console import out, plain, say, show
from goldloop.errors import GoldloopError
from goldloop.metrics import Estimate, accuracy
from goldloop.rounds import RoundRecord, read_rounds
from goldloop.samples import SampleId
from goldloop.splits import Split
from goldloop.workspace import Workspace
from scripts.demo_loop import people
from scripts.demo_loop.pictures import Picture, Pictures, digits, own_images, write_list

if TYPE_CHECKING:
    from flows.wiring import Parts


@dataclass(frozen=True, slots=True)
class Row:
    """One round of the closing table. Accuracies are on the test pictures that never entered the loop."""

    round: int
    n_gold: int
    n_labels: int
    lanes: dict[str, int]
    outcome: str
    holdout: Estimate
    baseline: Estimate
    champion: Estimate
    random: Estimate


def arguments() -> argparse.Namespace:
    """Return the command line of `scripts/demo`."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="The whole loop on real servers, in a few minutes."
    )
    parser.add_argument(
        "--workspace",
        type=Path,
        default=Path("demo-workspace"),
        help="where it lives (default ./demo-workspace)",
    )
    parser.add_argument("--images", type=Path, help="your own pictures instead of the handwritten digits")
    parser.add_argument(
        "--labels", type=Path, help="CSV with columns file,label (and human_1.. for people's real answers)"
    )
    parser.add_argument(
        "--people", action="store_true", help="leave the tasks to real people; implies --keep"
    )
    parser.add_argument("--keep", action="store_true", help="leave the servers up")
    parser.add_argument("--rounds", type=int, default=4, help="rounds to run (default 4)")
    parser.add_argument("--budget", type=int, default=150, help="labels per round (default 150)")
    parser.add_argument("--preset", default="tiny", help="tiny, resnet18 or convnext_tiny (default tiny)")
    parser.add_argument(
        "--audit-rate", type=float, default=0.25, help="share reserved for the audit (default 0.25)"
    )
    parser.add_argument("--limit", type=int, help="use only so many of your own pictures, drawn by chance")
    parser.add_argument("--seed", type=int, default=0, help="seed of every draw (default 0)")
    parser.add_argument(
        "--json", type=Path, dest="json_file", help="write the closing table to this file as well"
    )
    found = parser.parse_args()
    if bool(found.images) != bool(found.labels):
        parser.error("--images and --labels go together")
    return found


def main() -> None:
    """Run the demo; an expected failure is one sentence."""
    try:
        run(arguments())
    except GoldloopError as error:
        say(f"error: {error}")
        sys.exit(1)


def run(options: argparse.Namespace) -> None:
    """Run the whole demo."""
    started = time.monotonic()
    root = options.workspace.resolve()
    pictures = (
        own_images(options.images, options.labels, seed=options.seed, limit=options.limit)
        if options.images
        else digits(root / "digits", seed=options.seed)
    )
    workspace = _workspace(root, pictures, options)
    say(f"$ goldloop up -w {root}")
    found = up(workspace, say=say, move_ports=True)
    try:
        _loop(workspace, found, pictures, options)
    finally:
        if options.keep or options.people:
            say(f"the servers stay up; end them with: goldloop down -w {root}")
        else:
            down(workspace, say=say)
            say(f"bring the servers back with: goldloop up -w {root}")
    say(f"the demo took {time.monotonic() - started:.0f} s")


def _workspace(root: Path, pictures: Pictures, options: argparse.Namespace) -> Workspace:
    if (root / "goldloop.toml").exists():
        workspace = Workspace.open(root)
        if workspace.settings.labels != pictures.labels:
            raise GoldloopError(
                f"{root} is a workspace for other labels; name a new one with --workspace DIR"
            )
        return workspace
    say(f"$ goldloop init {root} --labels {','.join(pictures.labels)} ...")
    return Workspace.create(
        root,
        labels=pictures.labels,
        selection={
            "budget_per_round": options.budget,
            "audit_rate": options.audit_rate,
            "seed": options.seed,
        },
        model={"preset": options.preset, "seed": options.seed},
    )


def _loop(workspace: Workspace, found: Endpoints, pictures: Pictures, options: argparse.Namespace) -> None:
    from flows.wiring import connect, prefect_environment

    os.environ.update(prefect_environment(workspace))  # before Prefect is imported
    from flows.push import push
    from flows.round import round_
    from flows.score import score

    parts, where = connect(workspace.root), str(workspace.root)
    pool = write_list(pictures.pool, workspace.root / "pool.txt")
    say(
        f"$ goldloop score {pool}   ({len(pictures.pool)} pictures; {len(pictures.test)} stay outside as a test)"
    )
    score(where, str(pool))
    say("$ goldloop push")
    say(f"  {push(where).purposes or 'nothing new to push'}")
    if options.people:
        return _hand_over(found, where)
    crew = people.hire(found.label_studio)
    known = {one.sample_id: one for one in pictures.pool}
    for _ in range(options.rounds):
        began = time.monotonic()
        n = people.work(
            found.label_studio, parts.queue().project_id, crew, known, pictures.labels, seed=options.seed
        )
        say(f"  {len(crew)} simulated annotators gave {n} answers in {time.monotonic() - began:.0f} s")
        say("$ goldloop round")
        report = round_(where)
        for note in report.notes:
            say(f"  {note}")
        if report.record and report.record.decision:
            say(
                f"  model {report.record.model_version} {report.record.outcome}: {report.record.decision.reasons[0]}"
            )
    rows = closing_rows(parts, pictures, options.seed)
    show(rows, [_printed(row) for row in rows], as_json=False, title="accuracy with 95 % interval")
    if options.json_file:
        options.json_file.write_text(json.dumps(plain(rows), indent=1), encoding="utf-8")
    from scripts.demo_loop.page import write_demo_page

    out.print(f"page: {write_demo_page(parts, rows, pictures)}", markup=False)
    return _addresses(found)


def _hand_over(found: Endpoints, where: str) -> None:
    _addresses(found)
    out.print("Log in to Label Studio, open the project, press 'Label All Tasks'; afterwards:", markup=False)
    out.print(f"  goldloop round -w {where}", markup=False)


def _addresses(found: Endpoints) -> None:
    login = found.label_studio
    out.print(f"Label Studio  {login.url}  ({login.username} / {login.password})", markup=False)
    out.print(f"Prefect       {found.prefect.url}  (log in with {found.prefect.auth})", markup=False)
    out.print(f"MLflow        {found.mlflow.url}", markup=False)


def closing_rows(parts: Parts, pictures: Pictures, seed: int) -> list[Row]:
    """Return the closing table: each round's models beside one trained on as many randomly chosen labels."""
    labels = parts.workspace.settings.label_set
    test = _decoded(parts, pictures.test)
    truth = np.array([labels.column(one.label) for one in pictures.test])

    def judged(folder: Path) -> Estimate:
        scorer = parts.trainer.scorer(folder)
        parts_of_test = [scorer(test[start : start + 128]).probs for start in range(0, len(test), 128)]
        return accuracy(truth, np.concatenate(parts_of_test).argmax(axis=1))

    def judged_version(version: str) -> Estimate:
        return judged(parts.registry.load(version).folder)

    rows, champion = [], ""
    for record in read_rounds(parts.tables.rounds):
        assert record.model_version is not None and record.decision is not None
        champion = record.model_version if record.decision.is_promoted else champion
        rows.append(
            Row(
                round=record.round, n_gold=record.n_gold, n_labels=record.n_annotations, lanes=dict(record.lanes),
                outcome=record.outcome, holdout=_holdout_of(record, champion), baseline=judged_version(_baseline(record)),
                champion=judged_version(champion), random=_random_arm(parts, record, pictures, judged, seed),
            )
        )  # fmt: skip
    return rows


def _baseline(record: RoundRecord) -> str:
    found = record.evaluations.get("baseline") or record.evaluations["challenger"]
    return found.model_version


def _holdout_of(record: RoundRecord, champion: str) -> Estimate:
    return next(one.accuracy for one in record.evaluations.values() if one.model_version == champion)


def _random_arm(parts: Parts, record: RoundRecord, pictures: Pictures, judged: Any, seed: int) -> Estimate:
    """Train on as many labels as the round's model, chosen at random and answered by the same people; judge it."""
    labels, gold = parts.workspace.settings.label_set, parts.gold.records(record.gold_version)
    kept_apart = {one.sample_id for one in gold if one.split in (Split.VALIDATION, Split.HOLDOUT)}
    n_train = sum(one.split is Split.TRAIN for one in gold)
    validation = [(one.sample_id, labels.column(one.label)) for one in gold if one.split is Split.VALIDATION]
    open_pool = [one for one in pictures.pool if one.sample_id not in kept_apart]
    order = np.random.default_rng([seed, 1]).permutation(
        len(open_pool)
    )  # one order: each round's draw holds the last's
    mistaken, names = people.confusions(pictures.labels), list(people.SKILLS)
    train: list[tuple[SampleId, int]] = []
    files = {one.sample_id: one.path for one in pictures.pool}
    for place in order:
        one, name = open_pool[place], names[int(place) % len(names)]
        said = people.answer_of(name, people.SKILLS[name], one, mistaken, seed)
        if said is not None and len(train) < n_train:
            train.append((one.sample_id, labels.column(said)))
    with tempfile.TemporaryDirectory() as folder:
        model = parts.trainer.train(
            train, validation, labels=labels, load=lambda sample_id: parts.reader.decode(files[sample_id].read_bytes()),
            folder=Path(folder) / "model", advance=lambda _: None,
        )  # fmt: skip
        found: Estimate = judged(model.folder)
    return found


def _decoded(parts: Parts, pictures: list[Picture]) -> list[Any]:
    return [parts.reader.decode(one.path.read_bytes()).payload for one in pictures]


def _printed(row: Row) -> dict[str, Any]:
    total = sum(row.lanes.values()) or 1
    shares = {
        f"{lane} %": f"{100 * row.lanes.get(lane, 0) / total:.0f}" for lane in ("auto", "review", "hold")
    }
    return {
        "round": row.round, "gold": row.n_gold, "labels": row.n_labels, **shares, "gate": row.outcome,
        "champion, loop's holdout": str(row.holdout), "baseline, test": str(row.baseline),
        "champion, test": str(row.champion), "random labels, test": str(row.random),
    }  # fmt: skip


if __name__ == "__main__":
    main()
