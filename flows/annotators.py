"""What is known of the people, read from a workspace and left in Prefect's UI."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from goldloop.annotators.report import AnnotatorReport, annotator_report
from goldloop.reports.annotators_table import (
    NOBODY,
    agreement_rows,
    anchoring_rows,
    annotator_rows,
    pace_rows,
    remarks,
)
from goldloop.reports.plots import skill_plot
from goldloop.wiring import Wiring


def report_annotators(parts: Wiring) -> AnnotatorReport:
    """Return everything that reports say about the people of a workspace."""
    return annotator_report(
        parts.read_state().outcomes, parts.read_state().snapshot.requests.requests, parts.settings
    )


def publish_annotators(workspace: str, report: AnnotatorReport) -> None:
    """Leave what the people are worth, how far they agree and how far suggestions pull them."""
    create_markdown_artifact(key="goldloop-annotators", markdown=annotators_markdown(workspace, report))
    create_table_artifact(
        key="goldloop-agreement",
        table=agreement_rows(report.agreement),
        description=f"Agreement in {workspace}, blind answers to samples drawn at random",
    )
    create_table_artifact(
        key="goldloop-anchoring", table=anchoring_rows(report), description="; ".join(report.advice.reasons)
    )


def annotators_markdown(workspace: str, report: AnnotatorReport) -> str:
    """Return the tables of people and their accuracies against the bar as Markdown."""
    if not report.people:
        return NOBODY
    picture = base64.b64encode(skill_plot(report.people, bar=report.bar, kind="png")).decode()
    parts = [
        f"## People of {workspace}",
        "\n".join(f"- {remark}" for remark in remarks(report)),
        _table(annotator_rows(report.people)),
        _table(pace_rows(report.people)),
        f"![accuracy of each annotator](data:image/png;base64,{picture})",
    ]
    return "\n\n".join(parts)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    cells = [list(rows[0]), ["---"] * len(rows[0]), *(row.values() for row in rows)]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in cells)
