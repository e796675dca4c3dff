"""What a flow run leaves in Prefect's UI: the tables and Markdown of `goldloop.reports`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from goldloop.annotators.report import AnnotatorReport, annotator_report
from goldloop.core.table_ports import Tables
from goldloop.core.verbatim import markdown_text
from goldloop.loop.policy import known_people
from goldloop.loop.ports import LoopPorts
from goldloop.loop.round import RoundReport
from goldloop.reports.annotators import NOBODY, annotator_sections
from goldloop.reports.rounds import retrain_section
from goldloop.reports.routing import policy_lines
from goldloop.reports.section import Row, Section, markdown
from goldloop.reports.steps import push_rows, score_rows
from goldloop.tables.counts import conservation
from goldloop.tables.rounds import read_rounds
from goldloop.training.evaluate import HoldoutEvaluation
from goldloop.training.promotion import RoundRecord
from goldloop.wiring import Wiring


def publish_table(name: str, rows: Iterable[Row], description: str) -> None:
    """Leave the table `goldloop-NAME`; Prefect's page reads its cells and the description as Markdown."""
    plain = [
        {
            key: cell if isinstance(cell, int | float) else markdown_text(str(cell))
            for key, cell in row.items()
        }
        for row in rows
    ]
    create_table_artifact(key=f"goldloop-{name}", table=plain, description=markdown_text(description))


def publish_retrain(tables: Tables, record: RoundRecord | None, notes: Sequence[str]) -> None:
    """Leave the decision, its reasons and the accuracies over rounds."""
    section = retrain_section(read_rounds(tables.rounds), record, notes)
    create_markdown_artifact(key="goldloop-retrain", markdown=markdown(section))


def read_annotators(wiring: Wiring) -> AnnotatorReport:
    """Return the report on the annotators as of now."""
    state = wiring.read_state()
    return annotator_report(state.outcomes, state.snapshot.requests.requests, wiring.settings)


def publish_round(wiring: Wiring, report: RoundReport, annotators: AnnotatorReport) -> None:
    """Leave the retrain, the annotators, and one table of what the other steps did."""
    publish_retrain(wiring.tables, report.record, report.notes)
    sections = [markdown(section) for section in annotator_sections(annotators)]
    create_markdown_artifact(key="goldloop-annotators", markdown="\n\n".join(sections) or NOBODY)
    steps = {"score": score_rows([report.score]), "push": push_rows(report.push)}
    rows: list[Row] = [{"step": "policy", "what": line, "n": ""} for line in policy_lines(report.policy)]
    rows += [
        {"step": step, "what": row["what"], "n": row["n"]} for step, done in steps.items() for row in done
    ]
    publish_table("round", rows, str(conservation(wiring.tables)))


def publish_review(sections: Sequence[Section]) -> None:
    """Leave what moderators agree on against the machine, without any text of a sample."""
    create_markdown_artifact(key="goldloop-review", markdown="\n\n".join(map(markdown, sections)))


def with_plots(ports: LoopPorts) -> LoopPorts:
    """Return `ports` with the plots that a retrain leaves beside its figures in MLflow."""

    def plots(evaluation: HoldoutEvaluation) -> dict[str, bytes]:
        from goldloop.reports.rounds import retrain_plots

        return retrain_plots(
            evaluation, ports.settings, known_people(ports), read_rounds(ports.tables.rounds)
        )

    return replace(ports, plots=plots)
