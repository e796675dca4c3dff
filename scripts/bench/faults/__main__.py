"""Plant faults in score, push, pull, retrain and round on real servers, and count what they cost.

Each fault strikes a command of a small loop with a champion, in its second week. It is lifted, the command is
run again as its message says, and tables and servers are compared with the undisturbed run.

planted   faults that struck while the command ran
survived  everything is as in the undisturbed run: tasks, answers, gold and its digest, rounds, champion
lost      something is missing or altered
doubled   something is there twice, or should not be there
unclear   a message lacks cause, value or next step, or holds a traceback, HTML or a Rust stack
stuck     a command did not end within a minute, or kept failing after the fault was lifted

Waits are shorter than in earnest (see SHORTER in command.py); the rest is the real command.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np

from scripts.bench.common import Report, options_of, repeated, say
from scripts.bench.faults.command import Commands
from scripts.bench.faults.harm import compiled
from scripts.bench.faults.kinds import KINDS, NEEDS_LIBRARY, nothing
from scripts.bench.faults.stack import Stack
from scripts.bench.faults.trial import Result, tried
from scripts.bench.faults.walk import Walk

COMMANDS = {"score": 0.22, "push": 0.32, "pull": 0.28, "retrain": 0.08, "round": 0.1}  # share of the faults
CONTROL = "no fault"
_DRAWS = 5  # of a place that the command reaches


def main() -> None:
    """Run the bench."""
    parser = options_of(__doc__, n=500, counted="faults")
    parser.add_argument("--jobs", type=int, default=1, help="stacks of servers at the same time")
    parser.add_argument("--kind", choices=list(KINDS), nargs="+", default=list(KINDS), metavar="KIND")
    parser.add_argument("--command", choices=list(COMMANDS), nargs="+", default=list(COMMANDS))
    parser.add_argument("--case", type=int, nargs="+", metavar="NUMBER", help="only these of the n faults")
    parser.add_argument("--cases", type=Path, metavar="FILE", help="write what came of each fault to FILE")
    options = parser.parse_args()
    report = Report(options)
    numbers = options.case or range(options.n)
    shares = [[number for number in numbers if number % options.jobs == job] for job in range(options.jobs)]
    results = repeated(run_share, shares, [options] * options.jobs, jobs=options.jobs)
    tell(report, [result for share in results for result in share])
    report.close()


def run_share(numbers: Sequence[int], options: argparse.Namespace) -> list[Result]:
    """Return what came of the faults of these numbers, on a stack of their own."""
    results = []
    with tempfile.TemporaryDirectory(prefix="goldloop-faults-") as name:
        folder = Path(name).resolve()
        stack = Stack(folder)
        try:
            environment = stack.environment(folder / "client")
            os.environ.update(environment)
            library = compiled(folder)
            commands = Commands(folder / "workspace", folder / "commands", environment, library)
            walk = Walk(stack, folder, commands, seed=options.seed)
            walk.go(options.command)
            results += [_controlled(walk, command) for command in options.command]
            for number in numbers:
                result = one_fault(walk, number, options)
                results.append(result)
                _write(result, options.cases)
        finally:
            stack.close()
    return results


def one_fault(walk: Walk, number: int, options: argparse.Namespace) -> Result:
    """Plant fault `number`; a place that the command does not reach is drawn again."""
    kind = options.kind[number % len(options.kind)]
    if kind in NEEDS_LIBRARY and walk.commands.library is None:
        return Result(number, kind, "", where="no C compiler on this machine", is_planted=False)
    for draw in range(_DRAWS):
        rng = np.random.default_rng((options.seed, number, draw))
        weights = np.array([COMMANDS[command] for command in options.command])
        command = str(rng.choice(options.command, p=weights / weights.sum()))
        result = Result(number, kind, command)
        tried(walk, walk.stages[command], KINDS[kind], result, rng)
        say(_line(result))
        if result.is_planted:
            break
    return result


def _controlled(walk: Walk, command: str) -> Result:
    """Return what comes of no fault at all; any difference would be one of the bench.

    Raises:
        SystemExit: there is one.
    """
    result = Result(-1, CONTROL, command)
    tried(walk, walk.stages[command], nothing, result, np.random.default_rng(0))
    if not result.survived:
        raise SystemExit(f"{command} differs from itself without a fault: {result.line()}")
    return result


def _line(result: Result) -> str:
    marks = [name for name in ("lost", "doubled", "unclear") if getattr(result, name)]
    marks += ["stuck"] if result.is_stuck else []
    outcome = ", ".join(marks) or ("survived" if result.is_planted else "not planted")
    place = f"{result.number} {result.kind}, {result.command}, {result.where}"
    return f"{place}: {outcome} ({result.took_s:.1f} s)"


def _write(result: Result, file: Path | None) -> None:
    if file is not None:
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(result.line(), ensure_ascii=False) + "\n")


def tell(report: Report, results: Sequence[Result]) -> None:
    """Report the counts of each kind, of each command, and of all faults."""
    planted = [result for result in results if result.is_planted]
    faults = [result for result in planted if result.kind != CONTROL]
    rows = {
        **{f"kind/{kind}": [one for one in planted if one.kind == kind] for kind in (CONTROL, *KINDS)},
        **{f"command/{name}": [one for one in faults if one.command == name] for name in COMMANDS},
        "command/all": faults,
    }
    for row, those in rows.items():
        if those:
            _tell_row(report, f"faults by {row}", those)


def _tell_row(report: Report, row: str, results: Sequence[Result]) -> None:
    counts = {
        "planted": len(results),
        "survived": sum(result.survived for result in results),
        "lost": sum(bool(result.lost) for result in results),
        "doubled": sum(bool(result.doubled) for result in results),
        "unclear message": sum(bool(result.unclear) for result in results),
        "stuck": sum(result.is_stuck for result in results),
    }
    for name, count in counts.items():
        report.add(f"{row}/{name}", count, "", n=len(results))
    report.add(f"{row}/seconds each", float(np.mean([one.took_s for one in results])), "s", n=len(results))


if __name__ == "__main__":
    import_module("scripts.bench.faults.__main__").main()  # its jobs find run_share by this name
