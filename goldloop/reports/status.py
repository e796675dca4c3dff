"""The status: one look at where everything stands, without asking any server but the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from goldloop.consensus.outcomes import SampleOutcome, n_by_step
from goldloop.core.ports import Tables
from goldloop.gold.records import GoldVersion
from goldloop.tables.counts import (
    AnnotationCounts,
    Conservation,
    TaskCounts,
    annotation_counts,
    conservation,
    task_counts,
)
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.rounds import read_rounds
from goldloop.tables.snapshot import read_snapshot
from goldloop.training.round_record import RoundRecord

_NEEDS = {
    "wait": "answered and waiting for a further person who was asked",
    "ask": "to be asked of one more person as the budget allows",
    "adjudicate": "disputed, for an adjudicator to decide",
}


@dataclass(frozen=True, slots=True)
class Status:
    """Where files, tasks, answers, gold and models stand. `champion` is None before the first model.

    `policy` is the version in force, None before one is settled; `cautions` say what to beware of.

    `needs` counts answered samples that are not gold yet by what they need next.
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

    def to_dict(self) -> dict[str, Any]:
        """Return the status for scripts, the conservation sum included."""
        from goldloop.core.plain import plain

        values = {name: plain(getattr(self, name)) for name in self.__slots__}
        values["files"] |= {"n_missing": self.files.n_missing, "is_conserved": self.files.is_conserved}
        return values

    def lines(self) -> dict[str, str]:
        """Return the status for people, a line each."""
        tasks, answers, last = self.tasks, self.annotations, self.last_round
        purposes = ", ".join(f"{n} {purpose}" for purpose, n in tasks.purposes.items())
        lines = {
            "workspace": self.workspace,
            "files": str(self.files),
            "quarantine": ", ".join(f"{reason} {n}" for reason, n in self.files.reasons.items()) or "empty",
            "queue": f"{tasks.waiting} waiting for people, {tasks.answered} answered, "
            f"{tasks.planned} not pushed yet",
            "tasks": purposes or "none",
            "not gold yet": ", ".join(f"{n} {_NEEDS[step]}" for step, n in self.needs.items() if n)
            or "nothing",
            "annotations": f"{answers.answers} answers by {answers.annotators} annotators, "
            f"{answers.skips} skips, {answers.retracted} retracted, {answers.invalid} invalid",
            "gold": f"version {self.gold.version}, {self.gold.n_records} samples, "
            f"digest {self.gold.digest[:16]}",
            "champion": self.champion_problem
            or (f"model {self.champion}" if self.champion else "none yet (cold start)"),
            "policy": self.policy or "none in force yet",
            "beware": "; ".join(self.cautions) or "of nothing",
            "open round": str(self.round),
        }
        if last is not None:
            accuracy = last.evaluations.get("champion" if last.outcome == "refused" else "challenger")
            judged = f", {accuracy.accuracy} on holdout" if accuracy else ""
            lines["last round"] = f"{last.round}: model {last.model_version} {last.outcome}{judged}"
        return lines | dict(self.servers)


def read_status(
    tables: Tables,
    gold: GoldStore,
    *,
    outcomes: Sequence[SampleOutcome],
    workspace: str,
    champion: str | None,
    champion_problem: str | None,
    policy: str | None,
    cautions: Sequence[str],
    servers: Mapping[str, str],
) -> Status:
    """Return where everything in `tables` stands; champion and servers are handed in."""
    closed = read_rounds(tables.rounds)
    snapshot = read_snapshot(tables)
    return Status(
        workspace=workspace,
        round=snapshot.round,
        files=conservation(tables),
        tasks=task_counts(snapshot),
        annotations=annotation_counts(snapshot.annotations),
        needs={str(step): n for step, n in sorted(n_by_step(outcomes).items())},
        gold=snapshot.gold.version,
        champion=champion,
        champion_problem=champion_problem,
        policy=policy,
        cautions=tuple(cautions),
        last_round=closed[-1] if closed else None,
        servers=servers,
    )
