"""What every bench shares: its options, the table it prints and the file it writes."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number: median of `n` measurements, with the smallest and the largest of them."""

    name: str
    value: float
    unit: str
    n: int
    low: float
    high: float
    seed: int | None = None
    note: str = ""


class Report:
    """The figures of one run, printed as they come and written at the end."""

    def __init__(self, bench: str, options: argparse.Namespace) -> None:
        self.bench = bench
        self.options = options
        self.figures: list[Figure] = []
        self._started = time.perf_counter()

    def add(
        self,
        name: str,
        values: Sequence[float] | float,
        unit: str,
        *,
        seed: int | None = None,
        note: str = "",
    ) -> Figure:
        """Note the median of `values` under `name`, print it and return it."""
        measured = [values] if isinstance(values, (int, float)) else list(values)
        figure = Figure(
            name, statistics.median(measured), unit, len(measured), min(measured), max(measured), seed, note
        )
        self.figures.append(figure)
        spread = f"[{figure.low:,.3g} to {figure.high:,.3g}]" if figure.n > 1 else ""
        print(
            f"{name:<52} {figure.value:>12,.4g} {unit:<9} n={figure.n} {spread} {note}".rstrip(), flush=True
        )
        return figure

    def finish(self) -> None:
        """Print how long it took, and write the figures where `--json` says."""
        figures = {
            one.name: {key: item for key, item in asdict(one).items() if key != "name"}
            for one in self.figures
        }
        write(self.options, self.bench, {"figures": figures}, started=self._started)


def write(options: argparse.Namespace, bench: str, found: dict[str, object], *, started: float) -> None:
    """Print how long it took since `started` (performance counter), and write `found` where `--json` says."""
    took_s = time.perf_counter() - started
    print(f"took {took_s:.0f} s")
    if options.json is None:
        return
    content = {
        "bench": bench,
        "is_quick": options.quick,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "took_s": round(took_s, 1),
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(content | found, indent=2) + "\n", encoding="utf-8")
    print(f"figures are in {options.json}")


def parser(description: str) -> argparse.ArgumentParser:
    """Return an argument parser with the options that every bench takes."""
    found = argparse.ArgumentParser(description=description)
    found.add_argument("--quick", action="store_true", help="smaller sizes, under two minutes")
    found.add_argument(
        "--json", type=Path, metavar="FILE", help="write the figures by name, with n, unit and seed"
    )
    found.add_argument("--seed", type=int, default=0, help="seed of every random choice (default 0)")
    return found


def seconds(work: Callable[[], object]) -> float:
    """Return how long `work` takes, in seconds of wall clock."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def say(line: str) -> None:
    """Print what is going on, apart from the figures."""
    print(line, file=sys.stderr, flush=True)
