"""Reports: quarantine, answers, gold labels in doubt, behaviour checks, and what all of it cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goldloop.annotators.report import AnnotatorReport, annotator_report
from goldloop.cli.common import Json, Where, run_flow, say, show, show_json, show_section
from goldloop.core.errors import SettingsError
from goldloop.wiring import Wiring, open_workspace

if TYPE_CHECKING:
    from goldloop.costs.report import Quarter
    from goldloop.labeling.context import LoopState
    from goldloop.settings import Settings

app = typer.Typer()


def _read_annotators(where: Where) -> tuple[AnnotatorReport, LoopState, Settings]:
    parts = open_workspace(where)
    state, settings = parts.read_state(), parts.settings
    return annotator_report(state.outcomes, state.snapshot.requests.requests, settings), state, settings


@app.command()
def annotators(where: Where = None, as_json: Json = False) -> None:
    """How accurate and fast each annotator is, and how far suggestions pull them; pseudonymous."""
    from goldloop.reports.annotators import NOBODY, adoption_section, refused_sections, skill_section
    from goldloop.reports.sheets import sheet_sections

    found, state, settings = _read_annotators(where)
    if as_json:
        show_json(found)
        return
    for section in refused_sections(found):
        show_section(section)
    if not found.people:
        say(NOBODY)
    else:
        show_section(skill_section(found))
        show_section(adoption_section(found))
        for section in sheet_sections(state, settings):
            show_section(section)


@app.command()
def agreement(where: Where = None, as_json: Json = False) -> None:
    """How far annotators agree on blind samples drawn at random: Krippendorff's alpha, and kappa of pairs."""
    from goldloop.reports.annotators import agreement_rows

    found = _read_annotators(where)[0].agreement
    show(found, agreement_rows(found), as_json=as_json, title="agreement")


@app.command()
def label_errors(
    where: Where = None,
    send: Annotated[
        int, typer.Option(min=0, help="Send this many of them to annotators, for a blind second look.")
    ] = 0,
    is_last: Annotated[
        bool, typer.Option("--last", help="Show the last search instead of searching, which takes minutes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Gold labels that are probably wrong, by models that never saw them, and what annotators decided."""
    relabels = run_flow(where, "label_errors", is_searching=not is_last, n_send=send)
    from goldloop.reports.gallery import label_error_rows

    title = f"{len(relabels)} gold labels in doubt"
    show(relabels, label_error_rows(relabels), as_json=as_json, title=title)


@app.command()
def quarantine(where: Where = None, as_json: Json = False) -> None:
    """Show which files goldloop set aside, and why."""
    from goldloop.reports.quarantine import NEXT_STEP, quarantine_rows
    from goldloop.tables.arrivals import read_quarantine

    files = read_quarantine(open_workspace(where).tables)
    if as_json or files:
        title = f"{len(files)} in quarantine"
        show(files, quarantine_rows(files), as_json=as_json, title=title, notes=[NEXT_STEP])
    else:
        say("The quarantine is empty: goldloop could read every file.")


@app.command()
def decisions(
    where: Where = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="Only answers from then on, such as 2026-03-01.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Write all columns to a new CSV file instead.")] = None,
    as_json: Json = False,
) -> None:
    """Show every answer that counts: who, when, why, what the model said, and what became gold."""
    from goldloop.reports.decisions import decision_log, decision_rows, moment, write_new_decisions

    parts = open_workspace(where)
    labels, first = parts.settings.label_set, None if since is None else moment(since)
    log = decision_log(parts.tables, parts.read_state(), labels, since=first)
    if to is not None:
        say(f"wrote {len(log)} decisions to {write_new_decisions(log, to)}")
    elif not log and not as_json:
        say("No answer counts yet." if first is None else f"No answer counts that was given since {since}.")
    else:
        show(log, decision_rows(log), as_json=as_json, title=f"{len(log)} decisions")


@app.command()
def checks(
    where: Where = None,
    is_listing: Annotated[
        bool, typer.Option("--failures", help="List the cases with another label than expected, by id.")
    ] = False,
    to: Annotated[Path | None, typer.Option(help="Write these cases to a new CSV file instead.")] = None,
    as_json: Json = False,
) -> None:
    """Run the behaviour checks, the files in checks/, on the champion; by file and group, with intervals."""
    from goldloop.loop.checks import checks_of_champion
    from goldloop.reports.checks import NO_CHECKS, check_rows, checks_title, failure_rows, write_failures

    parts = open_workspace(where)
    run = checks_of_champion(parts.ports)
    title = checks_title(run)
    if to is not None:
        say(f"wrote {len(run.failed)} failed cases to {write_failures(run.failed, to)}")
    elif is_listing and (run.failed or as_json):
        show(
            run.failed, failure_rows(run.failed), as_json=as_json, title=f"{title}, {len(run.failed)} failed"
        )
    elif is_listing:
        say(f"{title}, none failed")
    elif run.report.groups or as_json:
        show(run, check_rows(run.report), as_json=as_json, title=title)
    else:
        say(NO_CHECKS.format(folder=parts.workspace.checks))
    for problem in run.problems:
        say(f"left out: {problem}")


@app.command()
def page(where: Where = None, as_json: Json = False) -> None:
    """Write the page of the workspace: where it stands, rounds, people, policy, costs, and samples."""
    from flows.page import write_workspace_page

    path = write_workspace_page(open_workspace(where))
    if as_json:
        show_json(str(path))
    else:
        say(f"wrote {path}; goldloop serve --page 8090 serves it, with all samples")


@app.command()
def report(
    name: Annotated[
        str | None, typer.Argument(metavar="QUARTER", help="A quarter such as 2026Q4; default the present.")
    ] = None,
    where: Where = None,
    is_quarter: Annotated[
        bool,
        typer.Option(
            "--quarter",
            help="Report a quarter instead of all rounds; of records, with a page and a CSV file.",
        ),
    ] = False,
    to: Annotated[
        Path | None, typer.Option(help="Write the figures of a quarter of records to this new CSV file too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What annotators' time cost, which errors it caught, and what it saved; by round, and in all."""
    from goldloop.costs.report import Quarter, cost_report
    from goldloop.reports.costs import cost_section, read_cost_inputs

    parts = open_workspace(where)
    settings, now = parts.settings, parts.ports.clock()
    quarter = Quarter.of(now) if name is None else Quarter.named(name)
    is_part = is_quarter or name is not None
    if to is not None and (settings.kind != "records" or not is_part):
        raise SettingsError("--to writes a quarter of records; add --quarter in a workspace of records.")
    if is_part and settings.kind == "records":
        _report_records(parts, quarter, to=to, as_json=as_json)
        return
    inputs = read_cost_inputs(parts.tables, parts.read_state(), settings)
    costs = cost_report(inputs, settings, now=now, quarter=quarter if is_part else None)
    if as_json:
        show_json(costs)
    elif not costs.by_round:
        say(f"No round was closed in {quarter}.")
    else:
        show_section(cost_section(costs))


def _report_records(parts: Wiring, quarter: Quarter, *, to: Path | None, as_json: bool) -> None:
    """Write the page and the figures of a quarter of records, and show them."""
    from goldloop.reports.quarter import quarter_sections, write_new_csv
    from goldloop.reports.quarter_data import quarters_of_samples
    from goldloop.reports.quarter_page import quarter_report, write_quarter

    report = quarter_report(parts.ports, quarter)
    if report is None:
        others = ", ".join(f"`goldloop report {one}`" for one in quarters_of_samples(parts.ports))
        say(
            f"No scored sample has its time in {quarter}."
            + (f" There are reports of: {others}." if others else "")
        )
        return
    page, table = write_quarter(parts.ports, report, parts.workspace.reports)
    written = [page, table] if to is None else [page, write_new_csv(report, to)]
    if as_json:
        show_json(report)
        return
    for section in quarter_sections(report):
        show_section(section)
    for path in written:
        say(f"wrote {path}")
