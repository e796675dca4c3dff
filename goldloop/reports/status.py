"""The status: where everything stands, read from the tables, and what differs in the registry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from goldloop.core.plain import plain
from goldloop.core.splits import Split
from goldloop.core.table_ports import Tables
from goldloop.gold.records import GoldVersion
from goldloop.labeling.summary import LabelingSummary
from goldloop.loop.policy import cautions
from goldloop.reports.checks import check_lines
from goldloop.reports.formatting import percent_cell
from goldloop.reports.outlook import outlook_line
from goldloop.reports.quarantine import quarantine_line
from goldloop.tables.counts import (
    AnnotationCounts,
    Conservation,
    TaskCounts,
    conservation,
)
from goldloop.tables.hints import read_hints
from goldloop.tables.rounds import read_rounds
from goldloop.training.evaluate import CHALLENGER, CHAMPION
from goldloop.training.promotion import RoundRecord

_NEEDS = {
    "wait": "answered and waiting for another annotator who was asked",
    "ask": "to be sent to one more annotator as the budget allows",
    "adjudicate": "disputed, for an adjudicator to decide",
}


@dataclass(frozen=True, slots=True)
class Status:
    """Where files, tasks, answers, gold and models stand.

    `answers` compares the answers on the server with those pulled. `champion` is that of goldloop's last
    decision, None before the first; `champion_problem` tells what differs in the registry. `policy` (the
    version in force) is None before one is settled. `cautions` are warnings. `needs` counts answered samples
    that are not gold yet by what they need next. `refused` counts the annotations that do not count, by
    reason; `n_misnamed` those that count for another account than the server names. `waits_for` tells what
    the open round waits for. `preset` tells which preset goldloop trains, and who chose it from what. `hints`
    counts the user's hints by label, `hinted_gold` the gold samples of these labels. `splits` counts the gold
    samples by split. `outcomes` tells what was reported later, and how late, `imports` what was imported.
    """

    workspace: str
    round: int
    files: Conservation
    tasks: TaskCounts
    annotations: AnnotationCounts
    needs: Mapping[str, int]
    gold: GoldVersion
    champion: str | None
    champion_problem: str | None
    policy: str | None
    cautions: tuple[str, ...]
    last_round: RoundRecord | None
    servers: Mapping[str, str]
    answers: str = "not compared"
    refused: Mapping[str, int] = field(default_factory=dict)
    n_misnamed: int = 0
    waits_for: str = ""
    preset: str = ""
    hints: Mapping[str, int] = field(default_factory=dict)
    hinted_gold: Mapping[str, int] = field(default_factory=dict)
    splits: Mapping[str, int] = field(default_factory=dict)
    outcomes: str = ""
    imports: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the status for scripts, the conservation sum included."""
        values = {name: plain(getattr(self, name)) for name in self.__slots__}
        values["files"] |= {"n_missing": self.files.n_missing, "is_conserved": self.files.is_conserved}
        return values

    def lines(self) -> dict[str, str]:
        """Return the status for people, a line each."""
        tasks, answers = self.tasks, self.annotations
        lines = {
            "workspace": self.workspace,
            "files": str(self.files),
            "quarantine": quarantine_line(self.files.reasons),
            "queue": f"{tasks.waiting} waiting for annotators, {tasks.answered} answered, "
            f"{tasks.planned} not pushed yet",
            "tasks": ", ".join(f"{n} {purpose}" for purpose, n in tasks.purposes.items()) or "none",
            "not gold yet": ", ".join(f"{n} {_NEEDS[step]}" for step, n in self.needs.items() if n)
            or "nothing",
            "annotations": f"{answers.answers} answers by {answers.annotators} annotators, "
            f"{answers.skips} skips, {answers.retracted} retracted, {answers.invalid} invalid, "
            f"{answers.refused} refused",
            "do not count": ", ".join(f"{n} because {reason}" for reason, n in self.refused.items())
            or "none",
            "answers": self.answers,
            "gold": f"version {self.gold.version}, {self.gold.n_records} samples"
            + (f" ({', '.join(f'{n} {split}' for split, n in self.splits.items())})" if self.splits else "")
            + f", digest {self.gold.digest[:16]}",
            "champion": (f"model {self.champion}" if self.champion else "none yet (cold start)")
            + (f"; {self.champion_problem}" if self.champion_problem else ""),
            "preset": self.preset,
            "policy": self.policy or "none in force yet",
            "warnings": "; ".join(self.cautions) or "none",
            "open round": f"{self.round}, waits for {self.waits_for}" if self.waits_for else str(self.round),
        }
        if self.n_misnamed:
            lines["misnamed"] = f"{self.n_misnamed} answers saved by another account than the server names"
        if self.outcomes:
            lines["outcomes"] = self.outcomes
        if self.imports:
            lines["imported"] = self.imports
        if self.hints:
            lines["hints"] = "; ".join(
                f"{n} of {label!r}, of which gold has {self.hinted_gold[label]}"
                for label, n in self.hints.items()
            )
        return lines | self._last_round() | dict(self.servers)

    def _last_round(self) -> dict[str, str]:
        """Return decision, outlook and behaviour checks of the last closed round; before the first none."""
        lines, record = dict[str, str](), self.last_round
        if record is not None:
            judged = record.evaluations.get(CHAMPION if record.outcome == "refused" else CHALLENGER)
            accuracy = f", accuracy {percent_cell(judged.accuracy)} on holdout" if judged else ""
            lines["last round"] = f"{record.round}: model {record.model_version} {record.outcome}{accuracy}"
            if record.outlook is not None:
                lines[f"next {record.outlook.n_answers} answers"] = outlook_line(record.outlook)
            if record.checks is not None:
                lines["checks"] = "\n".join(
                    line.removeprefix("checks ") for line in check_lines(record.checks)
                )
        return lines


def read_status(
    tables: Tables,
    summary: LabelingSummary,
    *,
    workspace: str,
    champion: str | None,
    champion_problem: str | None,
    policy: str | None,
    servers: Mapping[str, str],
    answers: str = "not compared",
    waits_for: str = "",
    preset: str = "",
) -> Status:
    """Return where everything in `tables` stands; what the tables do not say is handed in."""
    closed, hints = read_rounds(tables.rounds), Counter(hint.label for hint in read_hints(tables.hints))
    return Status(
        workspace=workspace,
        round=summary.round,
        files=conservation(tables),
        tasks=summary.tasks,
        annotations=summary.annotations,
        needs=summary.needs,
        gold=summary.gold,
        champion=champion,
        champion_problem=champion_problem,
        policy=policy,
        cautions=tuple(cautions(tables)),
        last_round=closed[-1] if closed else None,
        servers=servers,
        refused=summary.refused,
        n_misnamed=summary.n_misnamed,
        answers=answers,
        waits_for=waits_for,
        preset=preset,
        hints=hints,
        hinted_gold={label: summary.gold_labels.get(label, 0) for label in hints},
        splits={str(split): n for split in Split if (n := summary.splits.get(str(split)))},
    )
