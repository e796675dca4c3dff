"""round: the weekly pass, pull → retrain → settle the policy → score the pool → push → page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from prefect import flow

from flows.publish import publish_round, with_plots
from flows.steps import as_task
from goldloop.loop.round import RoundReport, run_round
from goldloop.wiring import Wiring, open_workspace


@flow(name="round", validate_parameters=False)
def round_(workspace: str) -> RoundReport:
    """Pull answers, retrain, settle the policy, score the pool, push the next tasks, write the page."""
    wiring = open_workspace(workspace)
    report = run_round(with_plots(wiring.ports), as_task)
    page = as_task("write the round's page", lambda: write_page(wiring))
    publish_round(workspace, report)
    return replace(report, page=page)


def write_page(wiring: Wiring) -> Path:
    """Write the page of the newest round; return where it lies."""
    from goldloop.reports import round_page

    return round_page.write_page(wiring.ports, wiring.workspace.reports, links=wiring.links())
