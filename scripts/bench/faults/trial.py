"""One fault in one command: planted, lifted, the command repeated as a user would, and the end compared."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np

from scripts.bench.faults.command import Ended
from scripts.bench.faults.facts import difference
from scripts.bench.faults.messages import advice, unclear
from scripts.bench.faults.proxy import Ward
from scripts.bench.faults.stack import LABEL_STUDIO, MLFLOW, PREFECT, Stack
from scripts.bench.faults.walk import Stage, Walk

N_REPEATS = 4
_WALKS_ON = 0.25  # of the faults in score and push, whose end is then compared after a pull
_CHECKS = 0.25  # of the faults, after which `goldloop check` is run as well
_NEXT = {"score": ("push", "pull"), "push": ("pull",)}
_SHARES = {LABEL_STUDIO: 0.5, MLFLOW: 0.35, PREFECT: 0.15}  # of the faults; Prefect keeps no data of the loop
_REPEATED = {"up", "score", "push", "pull", "retrain", "round", "rollback"}  # that a message names


@dataclass
class Result:
    """What came of one fault; `is_planted` is False where the command ended before it."""

    number: int
    kind: str
    command: str
    where: str = ""
    is_planted: bool = True
    is_stuck: bool = False
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def survived(self) -> bool:
        """Whether everything is as it is without the fault."""
        return not (self.is_stuck or self.lost or self.doubled)

    def line(self) -> dict[str, object]:
        """Return the result as it is written to a file."""
        return asdict(self) | {"survived": self.survived}


@dataclass
class Trial:
    """What a kind of fault works with: a command about to run, and a source of chance."""

    walk: Walk
    stage: Stage
    rng: np.random.Generator
    aim: str = ""
    afterwards: list[Callable[[], object]] = field(default_factory=list)
    """Done once the command has been repeated; it is then repeated again."""
    lost: list[str] = field(default_factory=list)
    """What was lost while the fault lasted, even if it came back later."""

    @property
    def ward(self) -> Ward:
        """What the proxies obey."""
        return self.walk.stack.ward

    @property
    def stack(self) -> Stack:
        """The servers."""
        return self.walk.stack

    def request(self) -> tuple[str, int]:
        """Return a server and the number of one of the command's requests to it."""
        servers = sorted({server for server, _ in self.stage.requests})
        weights = np.array([_SHARES[server] for server in servers])
        server = str(self.rng.choice(servers, p=weights / weights.sum()))
        nth = int(self.rng.integers(sum(one == server for one, _ in self.stage.requests))) + 1
        self.aim = f"request {nth} to {server}"
        return server, nth

    def operation(self) -> int:
        """Return the number of one of the command's file operations."""
        operation = int(self.rng.integers(max(1, self.stage.n_operations))) + 1
        self.aim = f"file operation {operation}"
        return operation

    def is_heads(self) -> bool:
        """Toss a coin."""
        return bool(self.rng.random() < 0.5)


Plant = Callable[[Trial], "tuple[str, list[Ended]] | None"]
"""Runs the command with the fault and lifts it; returns where it struck and how commands ended, or None."""


def tried(walk: Walk, stage: Stage, plant: Plant, result: Result, rng: np.random.Generator) -> None:
    """Fill in `result`: what came of the fault that `plant` plants before `stage`."""
    started = time.monotonic()
    walk.restore(stage)
    trial = Trial(walk, stage, rng)
    planted = plant(trial)
    walk.stack.ward.end()
    if planted is None:
        result.is_planted, result.where = False, trial.aim
        return
    result.where, ended = planted
    for one in ended:
        _heard(one, result)
    _repeat(walk, stage, ended, result)
    for deed in trial.afterwards:
        deed()
        _repeat(walk, stage, [], result)
    goal = _walked_on(walk, stage, result) if rng.random() < _WALKS_ON else stage
    apart = difference(goal.facts, walk.facts())
    result.lost, result.doubled = trial.lost + apart.lost, apart.doubled
    if walk.has_check and rng.random() < _CHECKS:
        checked = walk.commands.run("check")
        result.lost += [] if checked.code == 0 else [f"goldloop check: {checked.out}{checked.err}"]
    result.took_s = time.monotonic() - started


def _walked_on(walk: Walk, stage: Stage, result: Result) -> Stage:
    """Go on from score or push to the answers and gold of the week; return the stage that was reached."""
    for command in _NEXT.get(stage.command, ()):
        stage = walk.stages[command]
        if command == "pull":
            walk.answer()
        _repeat(walk, stage, [], result)
    return stage


def _repeat(walk: Walk, stage: Stage, disturbed: list[Ended], result: Result) -> None:
    """Run the command until it succeeds, and before it what the last message names."""
    told = [name for one in disturbed for name in advice(one)]
    for _ in range(N_REPEATS):
        for name in dict.fromkeys(told):
            _follow(walk, name, stage, result)
        ended = walk.commands.run(*stage.arguments)
        _heard(ended, result)
        if ended.code == 0:
            return
        told = advice(ended)
        time.sleep(1.0)
    result.is_stuck = True


def _follow(walk: Walk, name: str, stage: Stage, result: Result) -> None:
    words = name.split()
    if words[0] == "up":
        walk.stack.heal()
    elif words[0] in _REPEATED and words[0] != stage.command:
        _heard(walk.commands.run(*words), result)


def _heard(ended: Ended, result: Result) -> None:
    """Judge what a command said, and whether it ended."""
    result.is_stuck |= ended.code is None
    wrong = unclear(ended)
    result.unclear += wrong
    if wrong or ended.code not in {0, -9}:
        result.messages.append(f"{ended.code}: {ended.err[-2000:].strip()}")
