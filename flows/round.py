"""round: the weekly pass, pull → retrain → settle the policy → score the pool → push → page."""

from __future__ import annotations

from dataclasses import replace

from prefect import flow

from flows.publish import publish_round
from flows.steps import as_task
from goldloop.loop.round import RoundReport, run_round
from goldloop.wiring import open_workspace


@flow(name="round", validate_parameters=False)
def round_(workspace: str) -> RoundReport:
    """Pull answers, retrain, settle the policy, score the pool, push the next tasks, write the page."""
    from goldloop.reports.round_page import write_page

    wiring = open_workspace(workspace)
    report = run_round(wiring.ports, as_task)
    page = as_task("write the round's page", lambda: write_page(wiring))
    publish_round(workspace, report)
    return replace(report, page=page)
