"""Run the demo: init, up, score, push, then rounds of answers and `goldloop round`; show what came of it."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldloop.cli.common import out, say, show_table
from goldloop.core.errors import GoldloopError
from goldloop.core.labels import labels_text
from goldloop.core.lanes import lane_shares
from goldloop.core.plain import plain
from goldloop.labeling.pull import PullReport
from goldloop.reports.formatting import number
from goldloop.services import Endpoints, down, up
from goldloop.settings.workspace import Workspace
from scripts.demo_loop.account import accepted_line, difference_lines, way_rows, ways
from scripts.demo_loop.chance import ChanceModels
from scripts.demo_loop.comparison import Closing, Row, closing, spent_until
from scripts.demo_loop.datasets import chosen
from scripts.demo_loop.judge import Judge
from scripts.demo_loop.labelled import LabelledSamples
from scripts.demo_loop.moderation import (
    ModerationRow,
    harmless_label,
    lines,
    model_rows,
    moderation_rows,
    rule_rows,
)
from scripts.demo_loop.options import arguments
from scripts.demo_loop.payment_costs import DecisionCost, decision_costs, decision_rows
from scripts.demo_loop.payments import Payments
from scripts.demo_loop.team import Staff, team_of

if TYPE_CHECKING:
    from goldloop.costs.inputs import CostInputs
    from goldloop.loop.round import RoundReport
    from goldloop.wiring import Wiring


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
    samples, preset = chosen(options, root, say=say)
    workspace = opened_workspace(root, samples, preset, options)
    say(f"$ goldloop up -w {root}")
    found = up(workspace, say=say, move_ports=True)
    try:
        _loop(workspace, found, samples, options)
    finally:
        if options.keep or options.people:
            say(f"the servers stay up; end them with: goldloop down -w {root}")
        else:
            down(workspace, say=say)
            say(f"bring the servers back with: goldloop up -w {root}")
    say(f"the demo took {time.monotonic() - started:.0f} s")


def opened_workspace(
    root: Path, samples: LabelledSamples[Any], preset: str, options: argparse.Namespace
) -> Workspace:
    """Return the workspace at `root`, which is made if there is none.

    Raises:
        GoldloopError: it is that of another demo.
        SettingsError: a setting of the options is none.
    """
    if (root / "goldloop.toml").exists():
        workspace = Workspace.open(root)
        if (workspace.settings.kind, workspace.settings.labels) != (samples.kind, samples.labels):
            raise GoldloopError(
                f"{root} is a workspace for other labels or another kind; name a new one with --workspace DIR"
            )
        seed = workspace.settings.selection.seed
        if seed != options.seed:
            raise GoldloopError(
                f"{root} holds the demo of seed {seed}, not {options.seed}; name a new workspace with "
                "--workspace DIR"
            )
        return workspace
    kind = "" if samples.kind == "image" else f"--kind {samples.kind} "
    say(f"$ goldloop init {root} {kind}--labels {shlex.quote(labels_text(samples.labels))} ...")
    sections: dict[str, dict[str, Any]] = {
        "selection": {
            "budget_per_round": options.budget,
            "audit_rate": options.audit_rate,
            "seed": options.seed,
        },
        "model": {"preset": preset, "seed": options.seed},
    }
    for section, values in samples.sections.items():
        sections[section] = sections.get(section, {}) | values
    for section, key, value in options.settings:
        sections[section] = sections.get(section, {}) | {key: value}
    return Workspace.create(root, kind=samples.kind, labels=samples.labels, **sections)


def _loop(
    workspace: Workspace, found: Endpoints, samples: LabelledSamples[Any], options: argparse.Namespace
) -> None:
    from flows.environment import prefect_environment
    from goldloop.wiring import open_workspace

    os.environ.update(prefect_environment(workspace))  # before Prefect is imported
    from flows.routine import pull, push, round_, score

    parts, where = open_workspace(workspace.root), str(workspace.root)
    pool = samples.write_pool(workspace.root)
    n_pool, n_test = len(samples.pool), len(samples.test)
    say(f"$ goldloop score {pool}   ({n_pool} {samples.noun}; {n_test} more stay outside)")
    score(where, str(pool))
    say("$ goldloop push")
    say(f"  {dict(sorted(push(where).purposes.items())) or 'nothing new to push'}")
    if options.people:
        return _hand_over(found, where)
    team = team_of(samples, options.seed)
    staff = Staff(team, found.label_studio, parts.queue().projects, samples)
    with ChanceModels(workspace.root, samples, options.seed) as chance:
        for number in range(1, options.rounds + 1):
            began = time.monotonic()
            n = staff.label()
            say(f"  {len(team.annotators)} annotators gave {n} answers in {time.monotonic() - began:.0f} s")
            say("$ goldloop pull")
            say(f"  {_said(pull(where))}")
            n, n_decided = staff.label(), staff.decide()
            who = "an adjudicator" if team.adjudicators else "others of them"
            say(f"  they gave {n} more, and {who} decided {n_decided} disputes")
            if isinstance(samples, Payments):
                _take_outcomes(parts, samples, number)
            say("$ goldloop round")
            report = round_(where)
            for line in _round_lines(report):
                say(f"  {line}")
            if report.record:
                chance.start(report.record.round, spent_until(_cost_inputs(parts), report.record.round))
        _close(parts, samples, chance, options)
    return _addresses(found, parts.runs.pages())


def _take_outcomes(parts: Wiring, payments: Payments, round_: int) -> None:
    """Take what the bank has told by the end of a round, each two weeks after the one before."""
    from goldloop.loop.outcomes import add_outcomes
    from goldloop.reports.outcomes import maturity_lines, outcome_rows

    path = parts.workspace.root / f"outcomes-{round_:03d}.csv"
    n = payments.write_outcomes(path, payments.ended_at + timedelta(weeks=2 * (round_ - 1)))
    say(f"$ goldloop outcomes {path}   ({n} chargebacks and corrections until now)")
    report = add_outcomes(parts.ports, str(path))
    say("  " + ", ".join(f"{row['n']} {row['what']}" for row in outcome_rows(report) if row["n"]))
    for line in maturity_lines(report.maturity):
        say(f"  {line}")


def _cost_inputs(parts: Wiring) -> CostInputs:
    from goldloop.reports.costs import read_cost_inputs

    return read_cost_inputs(parts.tables, parts.read_state(), parts.settings)


def _close(
    parts: Wiring, samples: LabelledSamples[Any], chance: ChanceModels, options: argparse.Namespace
) -> None:
    """Show what came of the rounds: the models, the costs, and whether the loop paid."""
    from goldloop.costs.report import cost_report
    from goldloop.loop.policy import champion_tuning
    from goldloop.reports.costs import account_rows, verdict
    from scripts.demo_loop.page import write_demo_page

    inputs = _cost_inputs(parts)
    judge = Judge(parts, samples, options.seed)
    found = closing(parts, judge, chance, inputs)
    if found is None:
        say("no round has a champion yet; more rounds or a larger budget would bring one")
        return
    show_table([_printed(row) for row in found.rows], title="accuracy with 95 % interval")
    say("$ goldloop report")
    costs = cost_report(inputs, parts.settings, now=parts.ports.clock())
    for row in account_rows(costs.whole):
        say(f"  {row['what']}: {row['amount']}")
    say("$ goldloop policy tune")
    for reason in champion_tuning(parts.ports).reasons:
        say(f"  {reason}")
    moderated = _moderation(parts, judge, found) if samples.kind == "text" else []
    decided = _decisions(parts, found, samples, options.seed) if isinstance(samples, Payments) else []
    compared = ways(parts, judge, found, costs.whole.n_answers)
    if options.json_file:
        written = plain(
            {
                "rounds": found.rows,
                "ways": compared,
                "account": costs.whole,
                "moderation": moderated,
                "decisions": decided,
            }
        )
        options.json_file.write_text(json.dumps(written, indent=1), encoding="utf-8")
    out.print(f"page: {write_demo_page(parts, found.rows, samples)}")
    title = f"the labels of all {len(samples.pool)} {samples.noun}, judged with their true labels"
    show_table(way_rows(compared, parts.settings.cost.currency), title=title)
    for line in (accepted_line(parts, judge), *difference_lines(found, samples.noun), verdict(costs.whole)):
        say(line)


def _moderation(parts: Wiring, judge: Judge, found: Closing) -> list[ModerationRow]:
    """Show what the rounds are worth to moderation."""
    labels = parts.settings.label_set
    harmless = harmless_label(judge.truth, labels)
    rows = moderation_rows(parts, found, harmless=harmless)
    show_table(model_rows(rows), title="moderation: the models on the test, with 95 % intervals")
    title = "what a rule makes of them; let through: accepted under another label, of all "
    show_table(rule_rows(rows), title=f"{title}posts that are not {labels[harmless]!r}")
    for line in lines(rows[-1], labels, harmless=harmless):
        say(line)
    return rows


def _decisions(parts: Wiring, found: Closing, payments: Payments, seed: int) -> list[DecisionCost]:
    """Show what decisions on the payments of the test cost."""
    costs = decision_costs(parts, found, payments, seed)
    title = f"decisions on the {len(payments.test):,} payments after those of the loop, with 95 % intervals"
    show_table(decision_rows(costs), title=title)
    _write_quarter(parts, payments)
    return costs


def _write_quarter(parts: Wiring, payments: Payments) -> None:
    """Write the page of the quarter of the newest payments of the loop."""
    from goldloop.costs.report import Quarter
    from goldloop.reports.quarter_page import quarter_report, write_quarter

    quarter = Quarter.of(payments.ended_at)
    say(f"$ goldloop report {quarter} --quarter")
    report = quarter_report(parts.ports, quarter)
    if report is not None:
        page, _ = write_quarter(parts.ports, report, parts.workspace.reports)
        say(f"  page: {page}")


def _said(pulled: PullReport) -> str:
    follow_ups = pulled.follow_ups
    asked = sum(follow_ups.asked.values()) if follow_ups else 0
    disputes = follow_ups.planned.get("adjudication", 0) if follow_ups else 0
    changed = f"{pulled.n_gold_changes} gold records changed"
    return f"{changed}; {asked} samples asked of one more person, {disputes} of an adjudicator"


def _round_lines(report: RoundReport) -> list[str]:
    if not (report.record and report.record.decision):
        return report.notes
    model, decision = report.record.model_version, report.record.decision
    return [*report.notes, f"model {model} {report.record.outcome}: {decision.reasons[0]}"]


def _hand_over(found: Endpoints, where: str) -> None:
    _addresses(found, {})
    out.print("Log in to Label Studio, open the project, press 'Label All Tasks'; afterwards:")
    out.print(f"  goldloop round -w {where}")


def _addresses(found: Endpoints, pages: dict[str, str]) -> None:
    login = found.label_studio
    out.print(f"Label Studio  {login.url}  ({login.username} / {login.password})")
    out.print(f"Prefect       {found.prefect.url}  (log in with {found.prefect.auth})")
    out.print(f"MLflow        {found.mlflow.url}  ({' / '.join(found.mlflow.login or ())})")
    for title, address in pages.items():
        out.print(f"{title}  {address}")


def _printed(row: Row) -> dict[str, Any]:
    shares = {f"{lane} %": number(100 * share) for lane, share in lane_shares(row.lanes).items()}
    return {
        "round": row.round, "gold": row.n_gold, "labels": row.n_labels, "minutes": number(row.minutes, 1),
        **shares, "gate": row.outcome,
        "champion, loop's holdout": str(row.holdout), "baseline, test": str(row.baseline),
        "champion, test": str(row.champion), "random single labels in these minutes, test": str(row.random),
        "in those without the audit": str(row.random_without_audit),
    }  # fmt: skip


if __name__ == "__main__":
    main()
