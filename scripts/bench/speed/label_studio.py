#!/usr/bin/env python3
"""How fast tasks get into Label Studio and answers come out, against the server's own ways in the same run.

push  goldloop's whole push (plan, claims, copies of the pictures, import, record, comparison with the
      server) and its adapter alone, against the server's bulk import of the same payload in batches of the
      same size (alternating, so that a busy machine slows all), and against creating tasks one by one
pull  100 changed annotations among many tasks against a full export of the project

Starts servers of its own in a temporary folder and ends them.
"""

from __future__ import annotations

import itertools
import random
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from _common import Report, parser, say, seconds
from _whole_push import picture, whole_push

from goldloop.adapters.label_studio import LabelStudioQueue, ensure_projects, local_image_urls
from goldloop.adapters.label_studio.payload import choice_result, task_payload
from goldloop.adapters.label_studio.queue import BATCH_TASKS
from goldloop.core.labels import LabelSet
from goldloop.core.samples import BatchId, SampleId, sample_id_of
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from goldloop.services import LabelStudioEndpoint, down, up
from goldloop.settings.workspace import Workspace

LABELS = LabelSet.of([f"label {number}" for number in range(10)])
N_CHANGED = 100
EXPORT_TIMEOUT_S = 1200.0

Push = Callable[[], object]
MakePush = Callable[[LabelStudioQueue, Sequence[NewTask]], Push]
"""From the queue of an empty project, and tasks, to what pushes them into it."""

PUSHES: dict[str, MakePush] = {
    "goldloop": whole_push,
    "adapter": lambda queue, tasks: lambda: queue.push(tasks),
}
"""The ways of pushing that are compared with the server's own import."""

_numbers = itertools.count(1)


class Bench:
    """One server, and projects of any size on it."""

    def __init__(self, server: LabelStudioEndpoint, report: Report, seed: int) -> None:
        self.server = server
        self.report = report
        self.seed = seed
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
        return LabelStudioQueue(url, token, projects, LABELS, image_url=local_image_urls())

    def measure_push(self, n_tasks: int, n_repeats: int, n_single: int) -> None:
        """Compare the ways of pushing with the server's own, in tasks per second."""
        ways = {"bulk": self._bulk_of, **PUSHES}
        rates: dict[str, list[float]] = {name: [] for name in ways}
        self._bulk_of(self.project(), tasks_of("warm-up", BATCH_TASKS))()
        for repeat in range(n_repeats):
            names = list(ways) if repeat % 2 else list(reversed(ways))  # who goes first must not matter
            for name in names:
                push = ways[name](self.project(), tasks_of(f"{name}-{repeat}", n_tasks))
                rates[name].append(n_tasks / seconds(push))
        queue, tasks = self.project(), tasks_of("single", n_single)
        single_s = seconds(lambda: [self._create_one(queue, task) for task in tasks])
        note = f"{n_tasks} tasks in batches of {BATCH_TASKS}"
        self.report.add("push_server_bulk_import", rates["bulk"], "tasks/s", seed=self.seed, note=note)
        for name in PUSHES:
            self.report.add(f"push_{name}", rates[name], "tasks/s", seed=self.seed, note=note)
            shares = [ours / bulk for ours, bulk in zip(rates[name], rates["bulk"], strict=True)]
            self.report.add(
                f"push_{name}_share_of_bulk", shares, "x", seed=self.seed, note="aim: at least 0.9"
            )
        one_by_one = n_single / single_s
        self.report.add("push_one_by_one", one_by_one, "tasks/s", seed=self.seed, note=f"{n_single} tasks")

    def measure_pull(self, n_tasks: int, n_pulls: int, n_exports: int) -> None:
        """Compare a pull of what changed with full exports, in seconds."""
        queue = self.project()
        say(f"filling a project with {n_tasks:,} tasks")
        ids = list(queue.push(tasks_of(f"pull-{n_tasks}", n_tasks)).values())
        moment = datetime.now(UTC)
        for task_id in random.Random(self.seed).sample(ids, N_CHANGED):
            body = {"result": choice_result(LABELS[task_id % len(LABELS)]), "lead_time": 2.0}
            self.http.post(f"/api/tasks/{task_id}/annotations/", json=body).raise_for_status()

        def pull(since: datetime, n_expected: int) -> None:
            states = [state for page in queue.changed_since(since) for state in page if state.annotations]
            if len(states) != n_expected:
                raise SystemExit(f"pulled {len(states)} changed tasks where {n_expected} changed")

        pulls = [seconds(lambda: pull(moment, N_CHANGED)) for _ in range(n_pulls)]
        later = datetime.now(UTC) + timedelta(seconds=1)
        idle = [seconds(lambda: pull(later, 0)) for _ in range(n_pulls)]
        every = [seconds(lambda: self._export(queue.project_id, True, n_tasks)) for _ in range(n_exports)]
        annotated = [
            seconds(lambda: self._export(queue.project_id, False, N_CHANGED)) for _ in range(n_exports)
        ]
        add, of = self.report.add, f"of_{n_tasks}"
        pulled = add(f"pull_{N_CHANGED}_{of}", pulls, "s", seed=self.seed)
        add(f"pull_nothing_{of}", idle, "s", seed=self.seed)
        exported = add(f"export_all_{of}", every, "s", seed=self.seed)
        add(f"export_annotated_only_{of}", annotated, "s", seed=self.seed, note="never shows retractions")
        times = exported.value / pulled.value
        aim = "aim: at least 20" if n_tasks >= 50_000 else ""
        add(f"export_all_over_pull_{of}", times, "x", seed=self.seed, note=aim)

    def _bulk_of(self, queue: LabelStudioQueue, tasks: Sequence[NewTask]) -> Push:
        def push() -> None:
            address = f"/api/projects/{queue.project_id}/import"
            for first in range(0, len(tasks), BATCH_TASKS):
                payload = [task_payload(task, queue.image_url) for task in tasks[first : first + BATCH_TASKS]]
                self.http.post(address, params={"return_task_ids": "true"}, json=payload).raise_for_status()

        return push

    def _create_one(self, queue: LabelStudioQueue, task: NewTask) -> None:
        payload = task_payload(task, queue.image_url)
        body = {"project": queue.project_id, "data": payload["data"]}
        task_id = self.http.post("/api/tasks/", json=body).raise_for_status().json()["id"]
        for prediction in payload["predictions"]:
            self.http.post("/api/predictions/", json=prediction | {"task": task_id}).raise_for_status()

    def _export(self, project_id: int, is_all: bool, n_expected: int) -> None:
        query = {"exportType": "JSON", "download_all_tasks": str(is_all).lower()}
        reply = self.http.get(f"/api/projects/{project_id}/export", params=query).raise_for_status()
        if len(reply.json()) != n_expected:
            raise SystemExit(f"exported {len(reply.json())} tasks where {n_expected} were expected")


def tasks_of(batch: str, n_tasks: int) -> list[NewTask]:
    """Return tasks with a suggestion, no two alike."""
    hint = "Model suggests: label 1 58% (label 2 30%)"
    suggestion = Suggestion(label="label 1", score=0.58, model_version="1", hint=hint)
    ids = [sample_id_of(picture(f"{batch}/{number}")) for number in range(n_tasks)]
    return [
        NewTask(SampleId(one), Purpose.REVIEW, BatchId(batch), f"{one[:2]}/{one}.png", suggestion)
        for one in ids
    ]


def main() -> None:
    """Run the bench and end its servers."""
    options = parser(__doc__.splitlines()[0]).parse_args()
    report = Report("label_studio", options)
    with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as folder:
        workspace = Workspace.create(Path(folder) / "workspace", labels=list(LABELS))
        try:
            bench = Bench(up(workspace, say=say).label_studio, report, options.seed)
            if options.quick:
                bench.measure_push(n_tasks=2000, n_repeats=3, n_single=30)
                sizes = (1_000, 5_000)
            else:
                bench.measure_push(n_tasks=5000, n_repeats=5, n_single=200)
                sizes = (1_000, 10_000, 50_000)
            for size in sizes:
                bench.measure_pull(size, n_pulls=5, n_exports=1 if options.quick or size > 10_000 else 3)
            by_name = {one.name: one.value for one in report.figures}
            first, last = (by_name[f"pull_{N_CHANGED}_of_{size}"] for size in (sizes[0], sizes[-1]))
            note = "aim: at most 2" if sizes[-1] >= 50_000 else ""
            report.add(f"pull_{sizes[-1]}_minus_{sizes[0]}", last - first, "s", seed=options.seed, note=note)
            bench.http.close()
        finally:
            down(workspace, say=say)
    report.finish()


if __name__ == "__main__":
    main()
