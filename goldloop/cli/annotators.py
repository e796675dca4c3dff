"""People: what annotators' answers are worth, how far they agree, and which gold labels are in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from goldloop.cli.common import Json, Where, run_flow
from goldloop.cli.console import out, say, show
from goldloop.wiring import open_workspace

if TYPE_CHECKING:
    from goldloop.annotators.report import AnnotatorReport

app = typer.Typer()


def _read(where: Where) -> AnnotatorReport:
    from goldloop.annotators.report import annotator_report

    parts = open_workspace(where)
    return annotator_report(
        parts.read_state().outcomes, parts.read_state().snapshot.requests.requests, parts.settings
    )


@app.command()
def annotators(where: Where = None, as_json: Json = False) -> None:
    """What each annotator's answers are worth, and how far suggestions pull people; pseudonymous."""
    from goldloop.reports.annotators_table import NOBODY, anchoring_rows, annotator_rows, pace_rows, remarks

    report = _read(where)
    if as_json:
        show(report, [], as_json=True)
        return
    if not report.people:
        say(NOBODY)
        return
    show(None, annotator_rows(report.people), as_json=False, title=f"how good, bar {report.bar:.0%}")
    show(None, pace_rows(report.people), as_json=False, title="how fast")
    for remark in remarks(report):
        out.print(f"- {remark}", markup=False)
    show(None, anchoring_rows(report), as_json=False, title="how far suggestions pull them")
    for reason in report.advice.reasons:
        out.print(f"- suggestions {reason}", markup=False)


@app.command()
def agreement(where: Where = None, as_json: Json = False) -> None:
    """How far people agree on blind samples drawn at random: Krippendorff's alpha, and kappa of pairs."""
    from goldloop.reports.annotators_table import agreement_rows

    report = _read(where).agreement
    show(report, agreement_rows(report), as_json=as_json, title="agreement")


@app.command()
def label_errors(
    where: Where = None,
    send: Annotated[
        int, typer.Option(min=0, help="Send so many of them to people, for a blind second look.")
    ] = 0,
    is_last: Annotated[
        bool, typer.Option("--last", help="Show the last search instead of searching, which takes minutes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Which labels inside gold are probably wrong, by models that never saw them, and what people decided."""

    def run(workspace: str) -> Any:
        from flows.publish import label_issue_rows
        from flows.relabel import label_errors as flow

        return (looks := flow(workspace, is_searching=not is_last, n_send=send)), label_issue_rows(looks)

    _, (looks, rows) = run_flow(where, run)
    show(looks, rows, as_json=as_json, title=f"{len(looks)} gold labels in doubt")
