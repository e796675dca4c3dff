"""The undisturbed run: a loop with a champion, in its second week, kept before each of the five commands."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from goldloop.settings import ALONE
from goldloop.settings.workspace import Workspace
from goldloop.wiring import open_workspace
from scripts.bench.common import say
from scripts.bench.faults.command import Commands, Ended
from scripts.bench.faults.facts import Facts, facts
from scripts.bench.faults.people import LABELS, answer_all, pictures
from scripts.bench.faults.stack import Backup, Stack, copy_folder

N_FIRST, N_SECOND = 18, 26  # pictures of the two weeks; a third week can spend its budget as well
BUDGET = 12  # answers a week
_SETTINGS = {
    "labels": list(LABELS),
    "policy": {"band": (0.0, 1.0)},
    "selection": {"budget_per_round": BUDGET, "audit_rate": 0.4},
    "model": {"preset": "tiny", "epochs": 1},
    "gate": {"min_holdout": 2},
}


@dataclass(frozen=True, slots=True)
class Stage:
    """The state before a command, and what the command does when nothing disturbs it.

    `older` are backups of the servers before it, newest first; `requests` are server, and method with path.
    """

    command: str
    arguments: tuple[str, ...]
    folder: Path
    backup: Backup
    older: tuple[Backup, ...]
    facts: Facts
    requests: tuple[tuple[str, str], ...]
    n_operations: int
    took_s: float


class Walk:
    """The loop in the workspace `root`, and its stages by command."""

    def __init__(self, stack: Stack, folder: Path, commands: Commands, *, seed: int) -> None:
        self.stack, self.folder, self.commands, self.root = stack, folder, commands, commands.root
        self.truth = pictures(folder / "first", N_FIRST, seed=seed)
        self.truth |= pictures(folder / "second", N_SECOND, seed=seed + 1)
        Workspace.create(self.root, services=stack.urls, **(ALONE | _SETTINGS))
        self.champion: str | None = None
        self.has_check = False  # whether this goldloop has a command that looks for what is wrong
        self.stages: dict[str, Stage] = {}
        self._older: list[Backup] = []
        self.asked: Backup | None = None

    def go(self, commands: Collection[str]) -> dict[str, Stage]:
        """Walk through the first week, then keep and run each command of the second.

        Retrain and round, which take long, are run only if they are among `commands`.
        """
        self._keep()
        self._run("score", str(self.folder / "first"))
        self._run("push")
        self.answer()
        self._keep()
        self._run("pull")
        self._run("retrain")
        self.champion = open_workspace(self.root).registry.version_at("champion")
        self._stage("score", str(self.folder / "second"))
        self._stage("push")
        self.asked = self._keep()
        self.answer()
        if "round" in commands:
            self._stage("round", is_kept=False)
        self._stage("pull")
        if "retrain" in commands:
            self._stage("retrain")
        self.commands.slowest_s = max(stage.took_s for stage in self.stages.values())
        self.has_check = " check " in self.commands.run("--help").out
        return self.stages

    def answer(self, n: int | None = None) -> None:
        """Let people answer the open tasks, or the first `n` of them."""
        queue = open_workspace(self.root).queue()
        answer_all(self.stack.endpoints.label_studio, queue, self.truth.__getitem__, n=n)

    def restore(self, stage: Stage) -> None:
        """Make workspace and servers what they were before the command."""
        self.stack.put_back(stage.backup)
        copy_folder(stage.folder, self.root)

    def facts(self) -> Facts:
        """Return what is true now."""
        return facts(self.root, self.stack, self.champion)

    def _keep(self) -> Backup:
        backup = self.stack.back_up(self.folder / f"backup-{len(self._older)}")
        self._older.insert(0, backup)
        return backup

    def _stage(self, command: str, *arguments: str, is_kept: bool = True) -> None:
        """Keep the state, run the command, and put the state back unless `is_kept`."""
        kept, backup = self.folder / f"before-{command}", self.stack.back_up(self.folder / f"for-{command}")
        copy_folder(self.root, kept)
        self.stack.ward.begin()
        ended = self._run(command, *arguments)
        requests = tuple(self.stack.ward.end())
        stage = Stage(
            command,
            (command, *arguments),
            kept,
            backup,
            tuple(self._older),
            self.facts(),
            requests,
            ended.n_operations,
            ended.took_s,
        )
        self.stages[command] = stage
        say(
            f"{command}: {ended.took_s:.1f} s, {len(stage.requests)} requests, "
            f"{stage.n_operations} file operations, {sum(stage.facts.values())} facts"
        )
        if is_kept:
            self._older.insert(0, backup)
        else:
            self.restore(stage)

    def _run(self, *arguments: str) -> Ended:
        ended = self.commands.run(*arguments)
        if ended.code != 0:
            raise SystemExit(
                f"the undisturbed goldloop {' '.join(arguments)} ended with {ended.code}:\n{ended.err}"
            )
        return ended
