"""Behaviour checks in a report: a line for each file, the groups with the worst first, and failed cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from goldloop.core.disk import write_whole
from goldloop.core.errors import SourceError
from goldloop.loop.checks import CheckRun
from goldloop.reports.formatting import Cell, percent_cell, points_cell
from goldloop.reports.section import Row, Section, Table
from goldloop.stats.measures import MIN_N, TOO_FEW, Measure
from goldloop.training.checks import CheckedGroup, CheckReport, FailedCase, failures_csv

WHOLE_FILE = "all cases"
NO_CHECKS = (
    "There are no behaviour checks: put CSV, JSONL or Parquet files with the columns id, text, expected and "
    "perhaps group into {folder}."
)
_NOTES = (
    "A check is a case that the user wrote, with the label that every model should give it. Checks are no "
    "draw of the traffic: a share as expected is no accuracy.",
    f"Brackets hold 95 % intervals; those of all differences hold jointly. Below {MIN_N} cases there is no "
    "difference, and the gate does not look at the group.",
)
_LEARNT = "Cases that are equal to a sample that the model learnt from are no independent test."


def check_lines(report: CheckReport | None) -> list[str]:
    """Return a line for each check file: how the challenger did, the worst group, and what is amiss."""
    if report is None:
        return []
    return [f"checks {file.file}: {_file_words(report, file)}" for file in report.files]


def _file_words(report: CheckReport, file: CheckedGroup) -> str:
    words = []
    role, share = next(iter(file.shares.items()))
    words.append(f"{role} as expected in {percent_cell(share)}")
    if file.difference is not None:
        words.append(f"{points_cell(file.difference)} against the champion")
    groups = _worst_first(report.groups_of(file.file))
    if groups:
        worst = groups[0]
        share = next(iter(worst.shares.values()))
        words.append(f"worst of {len(groups)} groups: {worst.group} {percent_cell(share)}")
    if any(map(_has_fallen, groups)):
        words.append(f"{sum(map(_has_fallen, groups))} of {_counted(len(groups), 'group')} fell by evidence")
    if file.n_learnt:
        words.append(f"{_counted(file.n_learnt, 'case')} equal to a sample it learnt from")
    if report.n_left_out.get(file.file):
        words.append(f"{_counted(report.n_left_out[file.file], 'row')} left out")
    return "; ".join(words)


def checks_section(report: CheckReport | None) -> Section:
    """Return the files and their groups, those with the least share as expected first; empty without any."""
    if report is None or not report.groups:
        return Section("")
    has_learnt = any(file.n_learnt for file in report.files)
    tables = [
        Table([_group_row(one, is_learnt_shown=has_learnt) for one in _of_file(report, file)], file.file)
        for file in report.files
    ]
    left_out = [
        Cell(f"{file}: {_counted(n, 'row')} left out; `goldloop checks` names each", tone="bad")
        for file, n in report.n_left_out.items()
    ]
    notes = (*_NOTES, _LEARNT) if has_learnt else _NOTES
    return Section("Behaviour checks", remarks=left_out, tables=tables, notes=notes)


def check_rows(report: CheckReport) -> list[Row]:
    """Return a row for each file and then for its groups, the worst first."""
    return [
        {"file": file.file, **_group_row(one, is_learnt_shown=True)}
        for file in report.files
        for one in _of_file(report, file)
    ]


def failure_rows(failed: Sequence[FailedCase]) -> list[Row]:
    """Return a row for each failed case, by id."""
    return [
        {
            "file": case.file,
            "id": case.id,
            "group": case.group,
            "expected": case.expected,
            "label": f"{case.label} {case.probability:.0%}",
        }
        for case in failed
    ]


def checks_title(run: CheckRun) -> str:
    """Return for example 'behaviour checks of model 4: 2 files, 130 cases'."""
    n_cases = sum(file.n for file in run.report.files)
    of_model = f" of model {run.model_version}" if run.model_version else ", no model yet"
    return (
        f"behaviour checks{of_model}: {_counted(len(run.report.files), 'file')}, {_counted(n_cases, 'case')}"
    )


def write_failures(failed: Sequence[FailedCase], path: Path) -> Path:
    """Write the failed cases to a new CSV file and return its path.

    Raises:
        SourceError: the file exists already.
    """
    if path.exists():
        raise SourceError(f"{path} exists already; name a new file with --to")
    write_whole(path, failures_csv(failed))
    return path


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _of_file(report: CheckReport, file: CheckedGroup) -> list[CheckedGroup]:
    """Return a whole file and its groups, the worst first."""
    return [file, *_worst_first(report.groups_of(file.file))]


def _worst_first(groups: Sequence[CheckedGroup]) -> list[CheckedGroup]:
    """Return `groups` by the upper end of the first role's share: few cases make no group the worst."""

    def at_most(group: CheckedGroup) -> float:
        return next((one.high for one in group.shares.values()), 0.0)

    return sorted(groups, key=at_most)


def _has_fallen(group: CheckedGroup) -> bool:
    return group.difference is not None and group.difference.high < 0


def _group_row(one: CheckedGroup, *, is_learnt_shown: bool) -> Row:
    """Return the row of a group, or of a whole file under its name."""
    row: dict[str, Cell | str | int] = {"group": WHOLE_FILE if one.group is None else one.group}
    row |= {} if one.shares else {"n": one.n}
    row |= {f"{role}, as expected": percent_cell(share) for role, share in one.shares.items()}
    if len(one.shares) > 1:
        difference = points_cell(one.difference or Measure(one.n, None, TOO_FEW))
        row["challenger minus champion"] = replace(difference, tone="bad") if _has_fallen(one) else difference
    return row | ({"learnt from": one.n_learnt} if is_learnt_shown else {})
