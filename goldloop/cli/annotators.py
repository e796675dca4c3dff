"""Annotators: what their answers are worth, how far they agree, and which gold labels are in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from goldloop.cli.common import Json, Where, run_flow
from goldloop.cli.console import say, show, show_section
from goldloop.wiring import open_workspace

if TYPE_CHECKING:
    from goldloop.annotators.report import AnnotatorReport

app = typer.Typer()


def _read(where: Where) -> AnnotatorReport:
    from goldloop.annotators.report import annotator_report

    parts = open_workspace(where)
    state = parts.read_state()
    return annotator_report(state.outcomes, state.snapshot.requests.requests, parts.settings)


@app.command()
def annotators(where: Where = None, as_json: Json = False) -> None:
    """How accurate and fast each annotator is, and how far suggestions pull them; pseudonymous."""
    from goldloop.reports.annotators import NOBODY, adoption_section, skill_section

    report = _read(where)
    if as_json:
        show(report, [], as_json=True)
    elif not report.people:
        say(NOBODY)
    else:
        show_section(skill_section(report))
        show_section(adoption_section(report))


@app.command()
def agreement(where: Where = None, as_json: Json = False) -> None:
    """How far annotators agree on blind samples drawn at random: Krippendorff's alpha, and kappa of pairs."""
    from goldloop.reports.annotators import agreement_rows

    report = _read(where).agreement
    show(report, agreement_rows(report), as_json=as_json, title="agreement")


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

    def run(workspace: str) -> Any:
        from flows.relabel import label_errors as flow

        return flow(workspace, is_searching=not is_last, n_send=send)

    _, relabels = run_flow(where, run)
    from goldloop.reports.gallery import label_error_rows

    title = f"{len(relabels)} gold labels in doubt"
    show(relabels, label_error_rows(relabels), as_json=as_json, title=title)
