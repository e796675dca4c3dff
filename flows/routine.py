"""The flows of the routine, and their schedules on one machine; prefect.yaml deploys them to a work pool."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prefect import flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.schedules import Cron, Schedule

from flows.cron import check_cron
from flows.metrics import metrics_served
from flows.page import page_served, refresh_workspace_page
from flows.publish import (
    publish_retrain,
    publish_review,
    publish_round,
    publish_table,
    read_annotators,
    with_plots,
)
from flows.runs import opened
from flows.steps import as_task
from flows.suggestions import disconnect_dead_suggestions, suggestions_served
from flows.telling import telling
from goldloop.core.structured_log import FORMAT_VARIABLE, log, set_up_log
from goldloop.labeling.pull import PullReport
from goldloop.labeling.push import PushReport
from goldloop.loop.events import falling_annotators
from goldloop.loop.pull import pull as pull_answers
from goldloop.loop.push import push as push_round
from goldloop.loop.relabel import Relabel, find_label_errors, read_relabels, send_label_errors
from goldloop.loop.retrain import retrain as train_and_decide
from goldloop.loop.round import RoundReport, run_round
from goldloop.loop.score import Engine, score_files, score_pool
from goldloop.reports.gallery import label_error_rows
from goldloop.reports.steps import pull_rows, push_rows, score_rows
from goldloop.scoring.writer import ScoreReport
from goldloop.services.credentials import known_secrets
from goldloop.services.prefect_runs import workspace_tag
from goldloop.settings.metrics import METRICS_TOKEN, MetricsAddress
from goldloop.tables.counts import conservation
from goldloop.training.promotion import RoundRecord
from goldloop.wiring import open_workspace

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

OTHERS_END_S = 10.0  # how long the other shards may take to free their lock after the last one has ended
PULL_CRON = "*/15 * * * *"
# A second retrain is turned away, not queued: it would only learn from the same gold.
_ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


@flow(name="score", validate_parameters=False)
def score(
    workspace: str, source: str | None = None, *, shard: str | None = None, engine: Engine | None = None
) -> list[ScoreReport]:
    """Score new files of `source`, then whatever in the unlabeled pool the champion has not scored yet.

    Of several shards the last one to end scores the pool. With an `engine` workers score the files.
    """
    wiring = opened(workspace)
    with telling(wiring, "score"):
        ports, reports = wiring.ports, list[ScoreReport]()
        if source:
            scored = as_task("read and score new files", lambda: score_files(ports, source, shard, engine))
            reports.append(scored)
        if not any(report.waits_for for report in reports):
            wait_s = 0.0 if shard is None else OTHERS_END_S
            reports.append(as_task("score the pool", lambda: score_pool(ports, wait_s=wait_s)))
        publish_table("score", score_rows(reports), str(conservation(ports.tables)))
    return reports


@flow(name="push", validate_parameters=False)
def push(workspace: str) -> PushReport:
    """Choose this round's samples and push them into Label Studio, each exactly once."""
    wiring = opened(workspace)
    with telling(wiring, "push"):
        disconnect_dead_suggestions(wiring)
        report = as_task("push the round's tasks", lambda: push_round(wiring.ports))
        publish_table("push", push_rows(report), f"Round {report.round} of {workspace}")
    return report


@flow(name="pull", validate_parameters=False)
def pull(workspace: str, *, accept_lost: bool = False, keep_lost: bool = False) -> PullReport:
    """Pull what annotators answered since the last pull into a new gold version."""
    wiring = opened(workspace)
    with telling(wiring, "pull", pulls=True):
        report = as_task(
            "pull answers and make gold",
            lambda: pull_answers(wiring.ports, accept_lost=accept_lost, keep_lost=keep_lost),
        )
        publish_table("pull", pull_rows(report), f"Pulled into {workspace}")
    return report


@flow(name="retrain", validate_parameters=False)
def retrain(workspace: str) -> tuple[RoundRecord | None, list[str]]:
    """Train a challenger on the newest gold and let the gate decide; also returns notes for the user."""
    wiring, notes = opened(workspace), list[str]()
    with telling(wiring, "retrain"):
        ports = with_plots(wiring.ports)
        record = as_task("train, evaluate and decide", lambda: train_and_decide(ports, notes))
        publish_retrain(ports.tables, record, notes)
    return record, notes


@flow(name="round", validate_parameters=False)
def round_(workspace: str) -> RoundReport:
    """Pull answers, retrain, settle the policy, score the pool, push the next tasks, write page and log."""
    from goldloop.reports.decisions import write_round_decisions
    from goldloop.reports.review_page import write_round_review
    from goldloop.reports.round_page import write_page

    wiring = opened(workspace)
    ports, folder = wiring.ports, wiring.workspace.reports
    with telling(wiring, "round", pulls=True) as looked:
        disconnect_dead_suggestions(wiring)
        report = run_round(with_plots(ports), as_task)
        page = as_task("write the round's page", lambda: write_page(ports, folder, links=wiring.links()))
        as_task("write the round's decisions", lambda: write_round_decisions(ports, folder))
        reviewed = as_task("write the round's review", lambda: write_round_review(ports, folder))
        as_task("write the workspace's page again", lambda: refresh_workspace_page(wiring))
        annotators = read_annotators(wiring)
        looked.standing.append(falling_annotators(annotators.people))
        publish_round(wiring, report, annotators)
        publish_review(reviewed.summary)
    return replace(report, page=page)


@flow(name="label-errors", validate_parameters=False)
def label_errors(workspace: str, *, is_searching: bool = True, n_send: int = 0) -> list[Relabel]:
    """Search gold for labels in doubt, send the first `n_send` to annotators, and return the present list."""
    wiring, notes = opened(workspace), list[str]()
    ports = wiring.ports
    with telling(wiring, "label-errors"):
        if is_searching:
            as_task("cross-validate gold", lambda: find_label_errors(ports, notes))
        if n_send:
            as_task("send label errors to annotators", lambda: send_label_errors(ports, n_send))
        relabels = read_relabels(ports)
        words = " ".join([f"Gold labels in doubt in {workspace}", *notes])
        publish_table("label-errors", label_error_rows(relabels), words)
    return relabels


def deployments(workspace: Path) -> list[RunnerDeployment]:
    """Return the deployments of a workspace: five flows, two of them scheduled.

    Raises:
        SettingsError: Prefect cannot run the cron.
    """
    wiring = open_workspace(workspace)
    schedule, name = wiring.settings.schedule, wiring.workspace.identity.handle
    cron, timezone = schedule.cron, schedule.timezone
    check_cron(cron, timezone)
    weekly: Schedule = Cron(cron, timezone=timezone)
    often: Schedule = Cron(PULL_CRON, timezone=timezone)
    ours: dict[str, Any] = {
        "parameters": {"workspace": str(workspace)},
        "tags": [workspace_tag(wiring.workspace.id)],
    }
    made = [
        score.to_deployment(name, **ours),
        push.to_deployment(name, **ours),
        pull.to_deployment(name, **ours, schedules=[often], concurrency_limit=_ONE_AT_A_TIME),
        retrain.to_deployment(name, **ours, concurrency_limit=_ONE_AT_A_TIME),
        round_.to_deployment(name, **ours, schedules=[weekly], concurrency_limit=_ONE_AT_A_TIME),
    ]
    return cast("list[RunnerDeployment]", made)  # outside a running event loop they are no coroutines


def serve(
    workspace: str,
    *,
    metrics: MetricsAddress | None = None,
    page: MetricsAddress | None = None,
    suggestions: MetricsAddress | None = None,
    has_schedules: bool = True,
) -> None:
    """Serve the deployments, and with their addresses metrics, page and live suggestions, until interrupted.

    Interrupting does not pause the schedules. Without schedules only what has an address is served.
    """
    wiring = open_workspace(workspace)
    set_up_log(known_secrets(wiring.workspace, os.environ))
    os.environ["GOLDLOOP_WORKSPACE"] = workspace
    with ExitStack() as stack:
        if metrics is not None:
            token, every = os.environ.get(METRICS_TOKEN, ""), wiring.settings.metrics.refresh_s
            port = stack.enter_context(
                metrics_served(wiring.workspace.root, metrics, token=token, refresh_s=every)
            )
            at = f"http://{metrics.host}:{port}/metrics"
            log(logging.INFO, "metrics.served", f"metrics at {at}", address=at, refresh_s=every)
        if page is not None:
            port = stack.enter_context(page_served(wiring.workspace.root, page))
            at = f"http://{page.host}:{port}/"
            log(logging.INFO, "page.served", f"page at {at}", address=at)
        if suggestions is None:
            disconnect_dead_suggestions(wiring)
        else:
            at = stack.enter_context(suggestions_served(wiring, suggestions))
            log(logging.INFO, "suggestions.served", f"suggestions at {at}", address=at)
        if has_schedules:
            _serve_deployments(workspace)
        else:
            threading.Event().wait()


def _serve_deployments(workspace: str) -> None:
    from prefect import serve as serve_deployments

    made, is_json = deployments(Path(workspace)), os.environ.get(FORMAT_VARIABLE) == "json"
    log(logging.INFO, "schedules.served", deployments=[one.flow_name for one in made])
    serve_deployments(*made, pause_on_shutdown=False, print_starting_message=not is_json)
