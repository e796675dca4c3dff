"""The present state of a workspace: what the status says, and the page that shows it with its samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from goldloop.core.clock import now
from goldloop.core.errors import GoldloopError
from goldloop.core.planned_tasks import TaskStatus
from goldloop.core.tasks import Purpose
from goldloop.labeling.context import LoopState
from goldloop.labeling.open_round import waits_for_now
from goldloop.labeling.server_comparison import answers_sentence
from goldloop.labeling.summary import LabelingSummary
from goldloop.loop.champion import champion_problem
from goldloop.loop.notify import failing_receivers
from goldloop.loop.summary import read_summary
from goldloop.reports.status import Status, read_status
from goldloop.tables.model_log import read_models
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.server_checks import read_check
from goldloop.wiring import Wiring


def present_status(wiring: Wiring) -> Status:
    """Return the state of files, tasks, answers, gold and models; servers are asked where they run."""
    model, problem = read_models(wiring.tables).champion, None
    champion = model.version if model else None
    servers: dict[str, str] = {}
    try:
        servers = dict(wiring.endpoints.addresses)
        problem = champion_problem(wiring.ports, model)
        servers |= wiring.runs.pages() if model else {}
    except GoldloopError as error:
        problem = f"not checked: {error}"
    entries = PolicyLog(wiring.tables.policies).entries()
    settled = [entry for entry in entries if champion in (None, entry.model_version)]
    labeling = cache(wiring.read_state)
    summary = read_summary(wiring.ports, labeling)
    waits_for = summary.waits_for
    status = read_status(
        wiring.tables,
        summary,
        workspace=str(wiring.workspace.root),
        champion=champion,
        champion_problem=problem,
        policy=settled[-1].policy.version if settled else None,
        servers=servers,
        answers=_compared_answers(wiring, summary),
        waits_for=waits_for or waits_for_now(wiring.tables, labeling(), wiring.settings, now=now()),
        preset=wiring.preset,
    )
    cautions = (*status.cautions, *failing_receivers(wiring.workspace.notifications))
    return replace(
        status,
        outcomes=_outcomes(wiring, labeling),
        imports=_imports(wiring, labeling),
        cautions=cautions,
    )


def task_link(wiring: Wiring) -> Callable[[TaskStatus], str]:
    """Return what makes the address of a pushed task in Label Studio; "" where the server does not run."""
    from goldloop.adapters.label_studio.sheets import whole_id

    projects = wiring.workspace.identity.projects
    try:
        url = wiring.endpoints.label_studio.url
    except GoldloopError:
        url = ""
    if not url or len(projects) < 3:
        return lambda _: ""
    places = {Purpose.ADJUDICATION: projects[1].id, Purpose.ONBOARDING: projects[2].id}

    if len(projects) > 3:
        places |= {purpose: projects[3].id for purpose in Purpose if purpose.is_on_sheet}

    def link(task: TaskStatus) -> str:
        place = places.get(task.purpose, projects[0].id)
        return f"{url}/projects/{place}/data?task={whole_id(task.task_id or 0)}"

    return link


def _outcomes(wiring: Wiring, labeling: Callable[[], LoopState]) -> str:
    """Return where outcomes and what was let through stand; only records can be let through."""
    from goldloop.loop.let_through import read_let_through_report
    from goldloop.loop.maturity import read_maturity
    from goldloop.reports.outcomes import outcomes_line

    if wiring.settings.records is None and not wiring.tables.outcomes.version():
        return ""
    state = labeling()
    found = read_maturity(wiring.ports, state.snapshot.reported)
    passed = read_let_through_report(wiring.ports, state, found)
    return outcomes_line(state.snapshot.reported, found, passed)


def _imports(wiring: Wiring, labeling: Callable[[], LoopState]) -> str:
    """Return what was imported and what became of it; "" where nothing was."""
    from goldloop.loop.import_list import total_imports
    from goldloop.reports.imports import imports_line

    if not wiring.tables.imported_labels.version():
        return ""
    totals = total_imports(wiring.ports, labeling())
    return imports_line(totals) if totals else ""


def _compared_answers(wiring: Wiring, summary: LabelingSummary) -> str:
    """Return how many answers the server holds beside how many were pulled, if it can be asked."""
    if not summary.totals.is_asked:
        return "none: no task is on the server"
    try:
        counts = wiring.queue().counts()
    except GoldloopError as error:
        return f"unknown: {error}"
    return answers_sentence(summary.totals, read_check(wiring.tables.server_checks), counts)
