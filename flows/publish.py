"""What each flow run leaves in Prefect's UI: the tables and Markdown of `goldloop.reports`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from goldloop.annotators.report import annotator_report
from goldloop.labeling.pull import PullReport
from goldloop.labeling.push import PushReport
from goldloop.labeling.relabel import Relabel
from goldloop.loop.policy import known_people
from goldloop.loop.ports import LoopPorts
from goldloop.loop.round import RoundReport
from goldloop.reports.annotators import NOBODY, annotator_sections
from goldloop.reports.gallery import label_error_rows
from goldloop.reports.markdown import markdown
from goldloop.reports.rounds import retrain_section
from goldloop.reports.routing import policy_lines
from goldloop.reports.section import Row
from goldloop.reports.steps import pull_rows, push_rows, score_rows
from goldloop.scoring.writer import ScoreReport
from goldloop.tables.counts import conservation
from goldloop.tables.rounds import read_rounds
from goldloop.training.evaluate import HoldoutEvaluation
from goldloop.training.promotion import RoundRecord
from goldloop.wiring import open_workspace


def publish_score(workspace: str, reports: Sequence[ScoreReport]) -> None:
    """Leave a table of what was scored and the conservation sum."""
    _table("score", score_rows(reports), str(conservation(open_workspace(workspace).tables)))


def publish_push(workspace: str, report: PushReport) -> None:
    """Leave a table of what annotators are asked now."""
    _table("push", push_rows(report), f"Round {report.round} of {workspace}")


def publish_pull(workspace: str, report: PullReport) -> None:
    """Leave a table of what annotators answered."""
    _table("pull", pull_rows(report), f"Pulled into {workspace}")


def publish_label_issues(workspace: str, relabels: Sequence[Relabel]) -> None:
    """Leave a table of the gold labels in doubt and what became of them."""
    _table("label-errors", label_error_rows(relabels), f"Gold labels in doubt in {workspace}")


def publish_retrain(workspace: str, record: RoundRecord | None, notes: Sequence[str]) -> None:
    """Leave the decision, its reasons and the accuracies over rounds."""
    rounds = read_rounds(open_workspace(workspace).tables.rounds)
    create_markdown_artifact(
        key="goldloop-retrain", markdown=markdown(retrain_section(rounds, record, notes))
    )


def publish_round(
    workspace: str,
    report: RoundReport,
) -> None:
    """Leave the retrain, the annotators, and one table of what the other steps did."""
    publish_retrain(workspace, report.record, report.notes)
    parts = open_workspace(workspace)
    state = parts.read_state()
    annotators = annotator_report(state.outcomes, state.snapshot.requests.requests, parts.settings)
    sections = [markdown(section) for section in annotator_sections(annotators)]
    create_markdown_artifact(key="goldloop-annotators", markdown="\n\n".join(sections) or NOBODY)
    steps = {"score": score_rows([report.score]), "push": push_rows(report.push)}
    rows: list[Row] = [{"step": "policy", "what": line, "n": ""} for line in policy_lines(report.policy)]
    rows += [
        {"step": step, "what": row["what"], "n": row["n"]} for step, done in steps.items() for row in done
    ]
    _table("round", rows, str(conservation(parts.tables)))


def _table(name: str, rows: Iterable[Row], description: str) -> None:
    plain = [
        {key: cell if isinstance(cell, int | float) else str(cell) for key, cell in row.items()}
        for row in rows
    ]
    create_table_artifact(key=f"goldloop-{name}", table=plain, description=description)


def with_plots(ports: LoopPorts) -> LoopPorts:
    """Return `ports` with the plots that a retrain leaves beside its figures in MLflow."""

    def plots(evaluation: HoldoutEvaluation) -> dict[str, bytes]:
        from goldloop.reports.rounds import retrain_plots

        return retrain_plots(
            evaluation, ports.settings, known_people(ports), read_rounds(ports.tables.rounds)
        )

    return replace(ports, plots=plots)
