"""round: the weekly pass, pull → retrain → settle the policy → score the pool → push → page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from prefect import flow, task

from flows.policy import settle_policy_task
from flows.publish import publish_round
from flows.pull import pull_answers_task
from flows.push import push_round_task
from flows.retrain import retrain_model
from flows.score import score_waiting_task
from goldloop.core.errors import EmptyPoolError
from goldloop.labeling.pull import PullReport
from goldloop.labeling.push import PushReport
from goldloop.routing.entry import PolicyEntry
from goldloop.scoring.writer import ScoreReport
from goldloop.tables.counts import conservation
from goldloop.tables.rounds import read_rounds, save_round
from goldloop.training.round_record import RoundRecord
from goldloop.wiring import connect


@dataclass(frozen=True, slots=True)
class RoundReport:
    """What the steps of one round did.

    `record` is None when nothing could or needed to be trained, `policy` before there is a champion.
    """

    pull: PullReport
    record: RoundRecord | None
    notes: list[str]
    policy: PolicyEntry | None
    score: ScoreReport
    push: PushReport
    page: Path | None = None


@task(name="train, judge and decide")
def retrain_if_possible_task(workspace: str) -> tuple[RoundRecord | None, list[str]]:
    """Retrain; too little gold, or none that is new, is a normal result of a round and told in the notes."""
    notes: list[str] = []
    try:
        record = retrain_model(connect(workspace), notes)
    except EmptyPoolError as error:
        return None, [f"no retrain: {error}"]
    return record, notes if record else [*notes, "no retrain: no new gold since the last one"]


@task(name="write the round's page")
def write_page_task(workspace: str) -> Path:
    """Note the lanes in the newest round's record and write its page; return where it lies."""
    from goldloop.reports.inputs import read_page_inputs
    from goldloop.reports.round_page import write_page

    parts = connect(workspace)
    lanes = conservation(parts.tables).lanes
    closed = read_rounds(parts.tables.rounds)
    if closed and not closed[-1].lanes:
        save_round(parts.tables.rounds, replace(closed[-1], lanes=lanes))
    return write_page(read_page_inputs(parts), parts.workspace.reports)


@flow(name="round", validate_parameters=False)
def round_(workspace: str) -> RoundReport:
    """Pull answers, retrain, settle the policy, score the pool, push the next tasks, write the page."""
    pulled = pull_answers_task(workspace)
    record, notes = retrain_if_possible_task(workspace)
    policy = settle_policy_task(workspace)
    scored = score_waiting_task(workspace)
    pushed = push_round_task(workspace)
    page = write_page_task(workspace)
    report = RoundReport(pulled, record, notes, policy, scored, pushed, page)
    publish_round(workspace, record, notes, policy=policy, scored=scored, pushed=pushed)
    return report
