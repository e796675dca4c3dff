"""score: files in, samples with predictions and lanes out."""

from __future__ import annotations

from prefect import flow

from flows.publish import publish_score
from flows.steps import as_task
from goldloop.loop.score import score_files, score_pool
from goldloop.scoring.writer import ScoreReport
from goldloop.wiring import open_workspace


@flow(name="score", validate_parameters=False)
def score(workspace: str, source: str | None = None) -> list[ScoreReport]:
    """Score new files of `source`, then whatever in the unlabeled pool the champion has not scored yet."""
    ports = open_workspace(workspace).ports
    reports = [as_task("read and score new files", lambda: score_files(ports, source))] if source else []
    reports.append(as_task("score the pool", lambda: score_pool(ports)))
    publish_score(workspace, reports)
    return reports
