"""Measure what pulls and rounds leave in the tables, and what commands cost then against a fresh workspace.

One pull in 15 minutes, a compaction a day, one round in 672 pulls, all in simulated time. The tables are
measured before a compaction, when they are at their largest. A fresh workspace holds the same rows, written
at once. CPU seconds of this process; imports are left out, which makes the ratio larger than a command's.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from goldloop.adapters import delta, delta_compaction
from goldloop.adapters.delta import open_tables
from goldloop.core.table_ports import Tables
from goldloop.tables.answers import merge_annotations, read_annotations
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.snapshot import read_snapshot
from scripts.bench.common import Report, options_of, say
from scripts.bench.housekeeping.year import (
    WEEK,
    SimulatedYear,
    _at,
    answer_of,
    record_of,
    request,
    sample_of,
    sizes_of,
)

MEASURED_WEEKS = (1, 2, 4, 8, 13, 26, 39, 52)
DAYS = 7  # of a week, each of which begins with a compaction
TIMES = 7


def main() -> None:
    """Read the options, pull, and measure on the way."""
    parser = options_of(__doc__, n=35_000, counted="pulls")
    parser.add_argument("--cpu-minutes", type=float, default=30.0, help="stop after so much CPU time")
    parser.add_argument("--week", type=int, default=WEEK, help="pulls between two rounds")
    parser.add_argument("--without", action="store_true", help="never compact, not even in writers")
    options = parser.parse_args()
    # a checkpoint lists the files removed within a day, and a week of pulls takes minutes here
    delta_compaction.PROPERTIES["delta.deletedFileRetentionDuration"] = "interval 1 minutes"
    delta._PROPERTIES.update(delta_compaction.PROPERTIES)
    if options.without:
        _switch_off()
    report = Report(options)
    with tempfile.TemporaryDirectory() as folder:
        _pull(report, Path(folder), options)
    report.close()


def _switch_off() -> None:
    delta.merge_small_files = lambda *_: None
    delta_compaction.Compactor.run = lambda self, _: self.expect()  # type: ignore[method-assign]


def _pull(report: Report, folder: Path, options: argparse.Namespace) -> None:
    year = SimulatedYear(folder / "tables", seed=options.seed, week=options.week)
    daily: list[float] = []
    while year.n_pulls < options.n:
        year.pull()
        is_last = time.process_time() > options.cpu_minutes * 60 or year.n_pulls == options.n
        week, since_round = divmod(year.n_pulls, options.week)
        if is_last or (not since_round and week in MEASURED_WEEKS):
            _measure(report, folder, year, f"{week} weeks of {options.week}")
        if not since_round % (options.week // DAYS):
            started = time.process_time()
            _ = year.compact() if since_round else year.round(week)
            daily.append(time.process_time() - started)
        if not since_round:
            say(f"week {week}: compacted in {daily[-1]:.2f} CPU s")
        if is_last:
            break
    if daily:
        report.median("housekeeping/compact, a day's pulls", daily, "CPU s")


def _measure(report: Report, folder: Path, year: SimulatedYear, weeks: str) -> None:
    name = f"housekeeping/{year.n_pulls:,} pulls, {weeks}"
    for table, size in sizes_of(year.tables).items():
        for what, value in (("read", size.n_files), ("stored", size.n_stored), ("log", size.n_log)):
            report.add(f"{name}/files of {table}, {what}", value, "files")
        report.add(f"{name}/size of {table}", size.n_bytes / 1e6, "MB")
    fresh, used = folder / "fresh", folder / "used"
    _write_fresh(year.tables, fresh)
    shutil.copytree(year.folder, used)
    steps: dict[str, Callable[[Path, int], object]] = {
        "open the tables": lambda tables, _: open_tables(tables),
        "read the answers": lambda tables, _: read_annotations(open_tables(tables).annotations),
        "read the newest gold": lambda tables, _: GoldStore(open_tables(tables).gold).read(),
        "pull of three answers": _pulled,
    }
    for step, work in steps.items():
        taken: dict[Path, list[float]] = {fresh: [], used: []}
        for number in range(TIMES):
            for tables, times in taken.items():
                started = time.process_time()
                work(tables, number)
                times.append(time.process_time() - started)
        for words, tables in (("fresh", fresh), ("used", used)):
            report.median(f"{name}/{step}, {words}", taken[tables], "CPU s")
        ratio = statistics.median(taken[used]) / statistics.median(taken[fresh])
        report.add(f"{name}/{step}, used by fresh", ratio, "times", n=TIMES)
    shutil.rmtree(fresh)
    shutil.rmtree(used)


def _pulled(tables: Path, number: int) -> None:
    """Do what a pull of three answers does with the tables: read them all, merge, commit gold, request."""
    opened = open_tables(tables)
    gold = read_snapshot(opened).gold
    samples = [sample_of(3 * number + one) for one in range(3)]
    answers = [answer_of(10**6 + 10 * number + one, sample, _at(0)) for one, sample in enumerate(samples)]
    merge_annotations(opened.annotations, lambda _: answers, {answer.key for answer in answers})
    changed = {sample: record_of(sample, f"label {number}") for sample in samples}
    records = [changed.get(record.sample_id, record) for record in gold.records]
    GoldStore(opened.gold).commit(lambda: records, reason=lambda _: "simulated", base=gold)
    request(opened, samples[0], _at(0))


def _write_fresh(tables: Tables, folder: Path) -> None:
    """Write what the tables hold now into new ones, each at once."""
    fresh = open_tables(folder)
    for name, table in tables.named.items():
        if name != "gold":
            fresh.named[name].append(table.read())
    records = GoldStore(tables.gold).read().records
    GoldStore(fresh.gold).commit(lambda: records, reason=lambda _: "simulated")


if __name__ == "__main__":
    main()
