"""How fast tasks get into Label Studio and answers come out, against the server's own ways in the same run.

push  goldloop's whole push (plan, claims, copies of the pictures, import, record, comparison with the
      server), `goldloop push` of a first round, which also chooses samples and asks for second answers to
      audits, and its adapter alone, against the server's bulk import of the same payload in batches of the
      same size (alternating, so that a busy machine slows all)
pull  goldloop's whole pull (comparison with the server, answers, gold) and its adapter alone, of 100 changed
      annotations among many tasks, against a full export of the project; and of up to 10,000 at once
"""

from __future__ import annotations

import argparse
import itertools
import random
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from goldloop.adapters.label_studio import LabelStudioQueue, ensure_projects
from goldloop.adapters.label_studio.payload import choice_result, task_payload
from goldloop.adapters.label_studio.suggestions import BATCH_TASKS
from goldloop.core.samples import BatchId
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from goldloop.labeling.pull import PullReport
from goldloop.loop.ports import LoopPorts
from goldloop.loop.pull import pull
from goldloop.services import LabelStudioEndpoint, down, up
from goldloop.settings.workspace import Workspace
from goldloop.tables.snapshot import read_snapshot
from scripts.bench.common import Report, say, seconds
from scripts.bench.outputs import numbered_labels
from scripts.bench.speed.bulk_answers import answer_like
from scripts.bench.speed.whole_push import picture, ports_with, push_of_a_round, push_whole, whole_push

LABELS = numbered_labels(10)
N_CHANGED, N_MANY = 100, 10_000
EXPORT_TIMEOUT_S = 1200.0

Push = Callable[[], object]

_numbers = itertools.count(1)


def run(report: Report, options: argparse.Namespace) -> None:
    """Start the servers, measure the parts asked for, end the servers."""
    with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as folder:
        workspace = Workspace.create(Path(folder) / "workspace", labels=list(LABELS))
        try:
            bench = Bench(up(workspace, say=say).label_studio, report, options)
            for size in options.sizes:
                if "push" in options.part:
                    bench.measure_push(size)
                if "pull" in options.part:
                    bench.measure_pull(size)
            bench.http.close()
        finally:
            down(workspace, say=say)


class Bench:
    """One server, and projects of any size on it."""

    def __init__(self, server: LabelStudioEndpoint, report: Report, options: argparse.Namespace) -> None:
        self.server, self.report, self.options = server, report, options
        self.http = httpx.Client(
            base_url=server.url,
            headers={"Authorization": f"Token {server.token}"},
            timeout=EXPORT_TIMEOUT_S,
            trust_env=False,
        )

    def project(self) -> LabelStudioQueue:
        """Return the queue of a new, empty project."""
        url, token, name = self.server.url, self.server.token, f"bench-{next(_numbers)}"
        projects = ensure_projects(url, token, name=name, labels=LABELS, images_root=None)
        return LabelStudioQueue(url, token, projects, LABELS)

    def measure_push(self, n_tasks: int) -> None:
        """Compare the ways of pushing `n_tasks` with the server's own, in tasks per second."""
        ways: dict[str, Callable[[LabelStudioQueue, Sequence[NewTask]], Push]] = {
            "bulk import of the server": self._bulk_of,
            "goldloop": whole_push,
            "goldloop push of a round": push_of_a_round,
            "adapter": lambda queue, tasks: lambda: queue.push(tasks),
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        self._bulk_of(self.project(), tasks_of("warm-up", min(n_tasks, BATCH_TASKS)))()
        for repeat in range(self.options.n):
            for name in list(ways) if repeat % 2 else reversed(ways):  # who goes first must not matter
                push = ways[name](self.project(), tasks_of(f"{n_tasks}-{name}-{repeat}", n_tasks))
                rates[name].append(n_tasks / seconds(push))
        what = f"push/{n_tasks:,} tasks"
        bulk = rates["bulk import of the server"]
        for name, of_way in rates.items():
            self.report.median(f"{what}, {name}/rate", of_way, "tasks/s")
            shares = [rate / of_bulk for rate, of_bulk in zip(of_way, bulk, strict=True)]
            self.report.median(f"{what}, {name}/of the bulk import", shares, "times")

    def measure_pull(self, n_tasks: int) -> None:
        """Compare a pull of what changed with full exports, in seconds."""
        queue = self.project()
        say(f"filling a project with {n_tasks:,} tasks")
        tasks = tasks_of(f"pull-{n_tasks}", n_tasks)
        ports, n = ports_with(queue, tasks), self.options.n
        push_whole(ports, tasks)
        ids = list(read_snapshot(ports.tables).pushed.values())
        random.Random(self.options.seed).shuffle(ids)
        moment = datetime.now(UTC)
        self._answer(ids[-N_CHANGED:])
        later = datetime.now(UTC) + timedelta(seconds=1)
        ways = {
            f"pull of {N_CHANGED} changes": lambda: _pull(queue, moment, N_CHANGED),
            "pull of nothing": lambda: _pull(queue, later, 0),
            "full export": lambda: self._export(queue.projects.main, True, n_tasks),
            "export of what is annotated": lambda: self._export(queue.projects.main, False, N_CHANGED),
        }
        for name, work in ways.items():
            self.report.median(f"pull/{n_tasks:,} tasks/{name}", [seconds(work) for _ in range(n)], "s")
        pull(ports)
        whole = [self._answered_pull(ports, ids[N_CHANGED * k : N_CHANGED * (k + 1)]) for k in range(n)]
        self.report.median(f"pull/{n_tasks:,} tasks/whole pull of {N_CHANGED} changes", whole, "s")
        nothing = [seconds(lambda: pull(ports)) for _ in range(n)]
        self.report.median(f"pull/{n_tasks:,} tasks/whole pull of nothing", nothing, "s")
        rest = ids[N_CHANGED * n : -N_CHANGED]
        many = rest[: min(N_MANY, len(rest))]
        answer_like(self.server, ids[0], many)
        name = f"pull/{n_tasks:,} tasks/whole pull of {len(many):,} changes"
        self.report.median(name, [self._pulled(ports, len(many))], "s")

    def _answer(self, ids: Sequence[int]) -> None:
        for task_id in ids:
            body = {"result": choice_result(LABELS[task_id % len(LABELS)]), "lead_time": 2.0}
            self.http.post(f"/api/tasks/{task_id}/annotations/", json=body).raise_for_status()

    def _answered_pull(self, ports: LoopPorts, ids: Sequence[int]) -> float:
        """Answer the tasks; return the seconds of the pull after that."""
        self._answer(ids)
        return self._pulled(ports, len(ids))

    def _pulled(self, ports: LoopPorts, n_new: int) -> float:
        """Return the seconds of a pull that finds `n_new` answers."""
        reports: list[PullReport] = []
        spent = seconds(lambda: reports.append(pull(ports)))
        if reports[0].n_new != n_new:
            raise SystemExit(f"pulled {reports[0].n_new} of {n_new} answers")
        return spent

    def _bulk_of(self, queue: LabelStudioQueue, tasks: Sequence[NewTask]) -> Push:
        def push() -> None:
            address = f"/api/projects/{queue.projects.main}/import"
            for first in range(0, len(tasks), BATCH_TASKS):
                payload = [task_payload(task) for task in tasks[first : first + BATCH_TASKS]]
                self.http.post(address, params={"return_task_ids": "true"}, json=payload).raise_for_status()

        return push

    def _export(self, project_id: int, is_all: bool, n_expected: int) -> None:
        query = {"exportType": "JSON", "download_all_tasks": str(is_all).lower()}
        reply = self.http.get(f"/api/projects/{project_id}/export", params=query).raise_for_status()
        if len(reply.json()) != n_expected:
            raise SystemExit(f"exported {len(reply.json())} tasks where {n_expected} were expected")


def _pull(queue: LabelStudioQueue, since: datetime, n_expected: int) -> None:
    states = [state for page in queue.changed_since(since) for state in page if state.annotations]
    if len(states) != n_expected:
        raise SystemExit(f"pulled {len(states)} changed tasks where {n_expected} changed")


def tasks_of(batch: str, n_tasks: int) -> list[NewTask]:
    """Return tasks with a suggestion, no two alike."""
    hint = "Model suggests: label 1 58% (label 2 30%)"
    suggestion = Suggestion(label="label 1", score=0.58, model_version="1", hint=hint)
    ids = [picture(f"{batch}/{number}") for number in range(n_tasks)]
    return [
        NewTask(sample_id, Purpose.REVIEW, BatchId(batch), f"{sample_id[:2]}/{sample_id}.png", suggestion)
        for sample_id in ids
    ]
