"""The round, the weekly pass: pull, retrain, settle the policy, score the pool, push, compact the tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from goldloop.core.compaction import Compaction
from goldloop.labeling.pull import PullReport
from goldloop.labeling.push import PushReport
from goldloop.loop.compact import compact_unless_busy
from goldloop.loop.policy import settle
from goldloop.loop.ports import LoopPorts
from goldloop.loop.pull import pull
from goldloop.loop.push import push
from goldloop.loop.retrain import retrain_if_possible
from goldloop.loop.score import score_pool
from goldloop.routing.policies import PolicyEntry
from goldloop.scoring.writer import ScoreReport
from goldloop.tables.counts import conservation
from goldloop.tables.rounds import read_rounds, save_round
from goldloop.training.promotion import RoundRecord

RunStep = Callable[[str, Callable[[], Any]], Any]
"""Runs a step under a name, for example as a Prefect task that is retried; returns what the step returns."""


@dataclass(frozen=True, slots=True)
class RoundReport:
    """What the steps of one round did.

    `record` is None when nothing could or needed to be trained, `policy` before there is a champion.
    `compacted` is empty when another process was compacting the tables or backing them up.
    """

    pull: PullReport
    record: RoundRecord | None
    notes: list[str]
    policy: PolicyEntry | None
    score: ScoreReport
    push: PushReport
    page: Path | None = None
    compacted: Sequence[Compaction] = ()


def run_round(ports: LoopPorts, run: RunStep = lambda _, step: step()) -> RoundReport:
    """Pull answers, retrain, settle the policy, score the pool, push the next tasks, compact the tables.

    `run` runs each step; every step can be repeated without harm.
    """
    pulled = run("pull answers and make gold", lambda: pull(ports))
    record, notes = run("train, evaluate and decide", lambda: retrain_if_possible(ports))
    policy = run("settle the policy", lambda: settle(ports))
    scored = run("score the pool", lambda: score_pool(ports))
    pushed = run("push the round's tasks", lambda: push(ports))
    closed = read_rounds(ports.tables.rounds)
    if closed and not closed[-1].lanes:  # the lanes after the round, noted once
        save_round(ports.tables.rounds, replace(closed[-1], lanes=conservation(ports.tables).lanes))
    compacted = run("compact the tables", lambda: compact_unless_busy(ports))
    return RoundReport(pulled, record, notes, policy, scored, pushed, compacted=compacted)
