"""A workspace's page over a loop in memory: texts, two annotators, one closed round, links to tasks."""

from __future__ import annotations

from pathlib import Path

from goldloop.core.planned_tasks import TaskStatus
from goldloop.labeling.summary import summary_of
from goldloop.reports.status import Status, read_status
from goldloop.reports.workspace_page import WorkspacePage, workspace_page
from goldloop.settings.sections import SelectionSettings
from tests.loop import Loop, texts
from tests.unit.report_pages import HOSTILE


def worked_loop(folder: Path, n: int = 90) -> Loop:
    """Return a loop of `n` texts, of which one is hostile, with answers of two annotators in two rounds."""
    loop = Loop(folder, texts(n - 1) | {"mem/evil": HOSTILE}, SelectionSettings(budget_per_round=20))
    loop.score()
    loop.push()
    loop.work({"3": lambda _: "ham", "7": lambda _: "spam"})
    loop.pull()
    loop.close_round()
    loop.queue.now = loop.clock.now
    loop.push()
    loop.work({"7": lambda _: "spam", "3": lambda _: "spam"})
    loop.pull()
    return loop


def status_of(loop: Loop) -> Status:
    """Return the status of the loop, which has no servers."""
    summary = summary_of(loop.state(), loop.settings)
    return read_status(
        loop.tables,
        summary,
        workspace=HOSTILE,
        champion=None,
        champion_problem=None,
        policy=None,
        servers={},
    )


def link(task: TaskStatus) -> str:
    """Return the address of a task on a server that stands for Label Studio."""
    return f"http://127.0.0.1:8080/projects/1/data?task={task.task_id}"


def page_of(loop: Loop) -> WorkspacePage:
    """Return the page of the loop now."""
    links = {"Label Studio": "http://127.0.0.1:8080"}
    return workspace_page(loop.ports(), status_of(loop), links=links, task_link=link)
