"""The kinds of faults: each runs a command with one fault somewhere in it, and lifts the fault."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from goldloop.tables.snapshot import read_snapshot
from goldloop.wiring import open_workspace
from scripts.bench.faults.command import Ended, Running
from scripts.bench.faults.harm import Deed, Harm
from scripts.bench.faults.proxy import Ill, Illness
from scripts.bench.faults.stack import LABEL_STUDIO, MLFLOW
from scripts.bench.faults.trial import Plant, Trial
from scripts.bench.faults.walk import BUDGET

Planted = tuple[str, list[Ended]] | None
_STEPS_S = (-86_400, -3600, 3600, 86_400)


def nothing(trial: Trial) -> Planted:
    """Run the command as it is: the control."""
    return "", [_run(trial)]


def _ill(ill: Ill, *, may_last: bool = False) -> Plant:
    def plant(trial: Trial) -> Planted:
        server, nth = trial.request()
        illness = Illness(ill, server, nth, lasts=may_last and trial.is_heads(), is_after=trial.is_heads())
        illness.status = int(trial.rng.choice([500, 502, 503, 504]))
        return _with_illness(trial, illness)

    return plant


def _with_illness(trial: Trial, illness: Illness) -> Planted:
    trial.ward.begin(illness)
    ended = _run(trial)
    trial.ward.end()
    if illness.ill is Ill.HELD:
        trial.afterwards.append(lambda: trial.ward.release(illness))
    return (_where(illness), [ended]) if illness.reached.is_set() else None


def _where(illness: Illness) -> str:
    moment = "after" if illness.is_after else "before"
    until = ", and all from there on" if illness.lasts else ""
    return f"{illness.server} {illness.nth} {moment} {illness.where}{until}"


def server_harmed(number: signal.Signals) -> Plant:
    """Return the kind in which a server gets SIGKILL or SIGSTOP at one of its requests."""

    def plant(trial: Trial) -> Planted:
        server, nth = trial.request()
        strike = trial.stack.kill if number is signal.SIGKILL else trial.stack.stop
        illness = Illness(Ill.DEED, server, nth, is_after=trial.is_heads(), deed=lambda: strike(server))
        try:
            return _with_illness(trial, illness)
        finally:
            trial.stack.heal()

    return plant


def command_killed(trial: Trial) -> Planted:
    """SIGKILL at an operation, at a request or at a moment."""
    where, running = _struck(trial, Deed.DIE)
    ended = running.end()
    return (where, [ended]) if ended.code == -signal.SIGKILL else None


def command_stopped(trial: Trial) -> Planted:
    """SIGSTOP; somebody runs the command again meanwhile; SIGCONT."""
    where, running = _struck(trial, Deed.STOP)
    while running.process.is_alive() and not _is_stopped(running):
        time.sleep(0.02)
    if not running.process.is_alive():
        return None
    other = _run(trial)
    running.started = time.monotonic()
    running.signal(signal.SIGCONT)
    return where, [other, running.end()]


def _is_stopped(running: Running) -> bool:
    with contextlib.suppress(psutil.Error):
        return bool(psutil.Process(running.process.pid).status() == psutil.STATUS_STOPPED)
    return False


def _struck(trial: Trial, deed: Deed) -> tuple[str, Running]:
    """Start the command, and return it when it is sure to be struck: by operation, request or moment."""
    number = signal.SIGKILL if deed is Deed.DIE else signal.SIGSTOP
    way = int(trial.rng.integers(3))
    if way == 0 and trial.walk.commands.library is not None:
        harm = Harm(deed, trial.operation())
        return f"file operation {harm.operation}", _start(trial, harm)
    if way == 1:
        server, nth = trial.request()
        holder: list[Running] = []
        illness = Illness(
            Ill.DEED, server, nth, is_after=trial.is_heads(), deed=lambda: holder[0].signal(number)
        )
        trial.ward.begin(illness)
        holder.append(_start(trial))
        while holder[0].process.is_alive() and not illness.reached.wait(0.02):
            pass
        return _where(illness), holder[0]
    moment = float(trial.rng.random()) * trial.stage.took_s
    running = _start(trial)
    time.sleep(moment)
    running.signal(number)
    return f"{moment:.2f} s", running


def disk_full(trial: Trial) -> Planted:
    """Let every write below the workspace fail from one of them on."""
    harm = Harm(Deed.FULL, trial.operation())
    ended = _run(trial, harm)
    reached = ended.n_operations >= harm.operation
    return (f"file operation {harm.operation}", [ended]) if reached else None


def command_clock(trial: Trial) -> Planted:
    """Step the clock of the command at an operation; half of the time it is killed some operations later."""
    step_s, operation = int(trial.rng.choice(_STEPS_S)), trial.operation()
    if trial.is_heads():
        ended = _run(trial, Harm(Deed.CLOCK, operation, step_s))
    else:
        server, nth = trial.request()
        holder: list[Running] = []
        deed = lambda: holder[0].signal(signal.SIGKILL)  # noqa: E731
        trial.ward.begin(Illness(Ill.DEED, server, nth, deed=deed))
        holder.append(_start(trial, Harm(Deed.CLOCK, operation, step_s)))
        ended = holder[0].end()
    return f"{step_s:+} s at file operation {operation}", [ended]


def server_clock(trial: Trial) -> Planted:
    """Stamp some tasks and answers as a server does whose clock is off; before a pull, others come later."""
    step_s = int(trial.rng.choice(_STEPS_S))
    if trial.stage.command == "pull" and trial.walk.asked is not None:
        trial.stack.put_back(trial.walk.asked, LABEL_STUDIO)
        trial.walk.answer(BUDGET // 2)
    database, pulled = trial.stack.database(LABEL_STUDIO), _pulled(trial.walk.root)
    with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM task ORDER BY id")]
        chosen = [one for one in ids if trial.is_heads()]
        for table, column, name in (
            ("task", "id", "updated_at"),
            ("task_completion", "task_id", "updated_at"),
            ("task_completion", "task_id", "created_at"),
        ):
            moved = f"strftime('%Y-%m-%d %H:%M:%f000', {name}, '{step_s:+} seconds')"
            marks = ",".join("?" * len(chosen))
            # answers that goldloop has pulled keep the moments that it has seen: the server stamped them once
            kept = f" AND id NOT IN ({pulled})" if table == "task_completion" else ""
            connection.execute(
                f"UPDATE {table} SET {name} = {moved} WHERE {column} IN ({marks}){kept}", chosen
            )
    ended = _run(trial)
    if trial.stage.command == "pull":
        trial.walk.answer()
    return f"{step_s:+} s for {len(chosen)} of {len(ids)} tasks", [ended]


def _pulled(root: Path) -> str:
    """Return the ids of the answers that goldloop has pulled, for SQL."""
    annotations = read_snapshot(open_workspace(root).tables).annotations
    return ",".join(str(int(kept.annotation_id)) for kept in annotations)


def restored(trial: Trial) -> Planted:
    """Put an older database of a server in place, run the command, and put the newer one back."""
    server = str(trial.rng.choice([LABEL_STUDIO, MLFLOW]))
    age = int(trial.rng.integers(len(trial.stage.older)))
    trial.stack.put_back(trial.stage.older[age], server)
    ended = _run(trial)
    if ended.code == 0:
        gone = _gold(trial.stage.folder) - _gold(trial.walk.root)
        trial.lost += [f"gold label of {sample_id}, without a word" for sample_id, _ in sorted(gone)]
    trial.stack.put_back(trial.stage.backup, server)
    return f"{server}, backup {age + 1} before", [ended]


def _gold(root: Path) -> set[tuple[str, str]]:
    return {(record.sample_id, record.label) for record in open_workspace(root).gold.records()}


def two_writers(trial: Trial) -> Planted:
    """Run the command twice at once, or a pull, as its schedule does, a moment later."""
    arguments = trial.stage.arguments if trial.is_heads() else ("pull",)
    first = _start(trial)
    moment = float(trial.rng.random()) * trial.stage.took_s / 2
    time.sleep(moment)
    second = trial.walk.commands.start(*arguments)
    return f"{arguments[0]} {moment:.2f} s later", [first.end(), second.end()]


def _start(trial: Trial, harm: Harm | None = None) -> Running:
    return trial.walk.commands.start(*trial.stage.arguments, harm=harm)


def _run(trial: Trial, harm: Harm | None = None) -> Ended:
    return _start(trial, harm).end()


KINDS: Mapping[str, Plant] = {
    "reply lost": _ill(Ill.LOST),
    "server hangs": _ill(Ill.HANG, may_last=True),
    "request arrives late": _ill(Ill.HELD),
    "5xx answer": _ill(Ill.STATUS, may_last=True),
    "HTML answer": _ill(Ill.HTML, may_last=True),
    "body cut": _ill(Ill.CUT, may_last=True),
    "command killed": command_killed,
    "command stopped": command_stopped,
    "server killed": server_harmed(signal.SIGKILL),
    "server stopped": server_harmed(signal.SIGSTOP),
    "disk full": disk_full,
    "command's clock": command_clock,
    "server's clock": server_clock,
    "server restored": restored,
    "two writers": two_writers,
}
NEEDS_LIBRARY = {"disk full", "command's clock"}
