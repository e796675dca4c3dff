"""What the benches share: their options, the figures they report, and the table that shows them."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from platformdirs import user_cache_path
from scipy.stats import t as student

from goldloop.stats.metrics import share_estimate

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"
_Made = TypeVar("_Made")
_PLACES = ("out", "data", "cache", "plot", "cases")  # options that name places on this machine


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    `figure` is a path such as `guard/20 audits a week/5 % wrong/suspended`; its last part names what was
    measured. `low` and `high` bound the 95 % interval, or are the least and the most of `n` timings; they are
    None where there is neither. `commit` and `command` say what to run for the same number.
    """

    figure: str
    value: float
    low: float | None
    high: float | None
    n: int
    unit: str
    seed: int
    commit: str
    command: str


class Report:
    """The figures of one run: written to `--out` as they come, one JSON object a line, printed at the end."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.figures: list[Figure] = []
        self._command = _command()
        self._started = time.perf_counter()

    def add(
        self,
        figure: str,
        value: float,
        unit: str,
        *,
        n: int = 1,
        low: float | None = None,
        high: float | None = None,
    ) -> Figure:
        """Report `value`, which rests on `n` cases."""
        added = Figure(figure, value, low, high, n, unit, self.options.seed, _commit(), self._command)
        self.figures.append(added)
        say(f"  {figure}: {_text(added)} (n={n})")
        if self.options.out is not None:
            self.options.out.parent.mkdir(parents=True, exist_ok=True)
            with self.options.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(added), ensure_ascii=False) + "\n")
        return added

    def share(self, figure: str, hits: Sequence[bool] | npt.NDArray[Any]) -> Figure:
        """Report the share of true entries with its 95 % interval [wilson1927]."""
        share = share_estimate(np.asarray(hits, dtype=bool))
        return self.add(figure, share.value, "share", n=share.n, low=share.low, high=share.high)

    def mean(self, figure: str, values: Sequence[float] | npt.NDArray[Any], unit: str) -> Figure:
        """Report the mean with Student's 95 % interval, which needs two values."""
        mean, n = float(np.mean(values)), len(values)
        if n < 2:
            return self.add(figure, mean, unit, n=n)
        half = float(student.ppf(0.975, n - 1) * np.std(values, ddof=1) / n**0.5)
        return self.add(figure, mean, unit, n=n, low=mean - half, high=mean + half)

    def median(self, figure: str, values: Sequence[float], unit: str) -> Figure:
        """Report the median of repeated measurements with the least and the most of them."""
        return self.add(
            figure, statistics.median(values), unit, n=len(values), low=min(values), high=max(values)
        )

    def spread(self, figure: str, values: Sequence[float] | npt.NDArray[Any], unit: str) -> Figure:
        """Report the mean with the interval that holds 95 % of `values`."""
        low, high = np.percentile(values, [2.5, 97.5])
        return self.add(figure, float(np.mean(values)), unit, n=len(values), low=float(low), high=float(high))

    def close(self) -> None:
        """Print the figures as Markdown tables, and how long the bench took."""
        print(markdown(self.figures))
        print(f"\ntook {time.perf_counter() - self._started:.0f} s")


def options_of(description: str | None, *, n: int, counted: str) -> argparse.ArgumentParser:
    """Return a parser with the options of every bench; `--n` (default `n`) is the number of `counted`."""
    parser = argparse.ArgumentParser(
        description=(description or "").split("\n\n", 1)[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--n", type=int, default=n, help=f"number of {counted}")
    parser.add_argument("--seed", type=int, default=0, help="seed of every random choice")
    parser.add_argument("--out", type=Path, metavar="FILE", help="add the figures to FILE, as JSON lines")
    return parser


def add_picture_options(parser: argparse.ArgumentParser) -> None:
    """Add where real pictures lie, how many of them are used, and where trained outputs are kept."""
    data = Path(os.environ.get("GOLDLOOP_TEST_DATA", _BESIDE))
    parser.add_argument("--data", type=Path, default=data, metavar="FOLDER", help="cifar10/ and clothing/")
    parser.add_argument("--pictures", type=int, metavar="N", help="use the first N pictures only")
    parser.add_argument(
        "--cache",
        type=Path,
        default=user_cache_path("goldloop") / "bench",
        metavar="FOLDER",
        help="keeps what trained networks said, so that only the first run trains",
    )


def repeated(work: Callable[..., _Made], *arguments: Iterable[Any], jobs: int) -> list[_Made]:
    """Return `work` of each of the zipped `arguments`, computed in `jobs` processes, in order."""
    if jobs == 1:
        return [work(*values) for values in zip(*arguments, strict=True)]
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read by numpy where it is loaded anew
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(work, *arguments))


def seconds(work: Callable[[], object]) -> float:
    """Return how long `work` takes, in seconds of wall clock."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def say(line: str) -> None:
    """Print progress on the error output, apart from the tables."""
    print(line, file=sys.stderr, flush=True)


def read_figures(files: Iterable[Path]) -> list[Figure]:
    """Return the figures of `files`; of two with the same name the later one."""
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line]
    return list({figure.figure: figure for figure in (Figure(**json.loads(line)) for line in lines)}.values())


def markdown(figures: Iterable[Figure]) -> str:
    """Return one table for each first part of the figures' names.

    A row stands for the middle parts of a name and a column for its last part; under each table stand the
    commands that measured it.
    """
    tables: dict[str, dict[str, dict[str, Figure]]] = {}
    for figure in figures:
        bench, *row, measured = figure.figure.split("/")
        tables.setdefault(bench, {}).setdefault(", ".join(row), {})[measured] = figure
    return "\n\n".join(_table(bench, rows) for bench, rows in tables.items())


def _table(bench: str, rows: dict[str, dict[str, Figure]]) -> str:
    columns = list(dict.fromkeys(measured for row in rows.values() for measured in row))
    lines = [f"| {bench} | {' | '.join(columns)} | n |", "|---" * (len(columns) + 2) + "|"]
    for name, row in rows.items():
        cells = [_text(row[column]) if column in row else "" for column in columns]
        counts = sorted({figure.n for figure in row.values()})
        n = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
        lines.append(f"| {name} | {' | '.join(cells)} | {n} |")
    runs = dict.fromkeys(
        f"`{figure.command}` (seed {figure.seed}, commit {figure.commit})"
        for row in rows.values()
        for figure in row.values()
    )
    return "\n".join([*lines, "", *runs])


def _text(figure: Figure) -> str:
    times, unit = (100, "%") if figure.unit == "share" else (1, figure.unit)
    value = f"{_number(times * figure.value)} {unit}".strip()
    if figure.low is None or figure.high is None or figure.n == 1:
        return value
    return f"{value} [{_number(times * figure.low)}, {_number(times * figure.high)}]"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _command() -> str:
    """Return the command line of this process without the places it names; a file that it reads is FILE."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    module = (spec.name if spec else "scripts.bench").removesuffix(".__main__")
    words, given = iter(sys.argv[1:]), []
    for word in words:
        if word.removeprefix("--") in _PLACES:
            next(words, None)
        elif word.partition("=")[0].removeprefix("--") not in _PLACES:
            option, equals, value = word.rpartition("=")
            given.append(f"{option}{equals}FILE" if Path(value).is_file() else word)
    return f"python -m {module} {shlex.join(given)}".strip()


@cache
def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def figures_of(module: str, *arguments: str) -> dict[str, float]:
    """Run `module` as a process of its own and return the figures that it prints last, as JSON.

    Raises:
        SystemExit: it failed.
    """
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))
