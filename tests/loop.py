"""A small loop over text samples: reader, scorer and store in memory, the shipped routine over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from goldloop.adapters.memory import MemoryLabelingServer, MemoryTable, memory_tables
from goldloop.consensus.outcomes import Outcomes
from goldloop.core.ports import DerivedText, NothingKept
from goldloop.core.table_ports import Tables
from goldloop.core.tasks import NewTask, Purpose
from goldloop.labeling.context import LabelingContext, LoopState
from goldloop.labeling.follow_up import FollowUpReport
from goldloop.labeling.losses import Decision
from goldloop.labeling.plan import plan_round
from goldloop.labeling.pull import PullReport
from goldloop.labeling.push import PushReport, push_planned
from goldloop.labeling.sealed_plans import PlanSeal
from goldloop.labeling.task_reconciliation import reconcile
from goldloop.loop.ports import LoopPorts
from goldloop.loop.pull import pull
from goldloop.loop.push import follow_up, push
from goldloop.routing.policies import Band, Policy
from goldloop.scoring.score import score_pool, score_source
from goldloop.scoring.writer import AuditProbabilities, Model, ScoreReport
from goldloop.settings import Settings
from goldloop.settings.sections import (
    AnnotatorSettings,
    ConsensusSettings,
    SelectionSettings,
    SuggestionSettings,
)
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.rounds import save_round
from goldloop.tables.task_log import TaskLog
from goldloop.training.promotion import RoundRecord
from tests.memory_texts import LABELS, LengthScorer, MemoryTexts, TextReader, TextStore

BAND = Band(0.4, 0.7)
ONE_ANSWER = ConsensusSettings(method="majority", max_answers=1, audit_answers=1, repeat_share=0)
PATIENT = ConsensusSettings(method="majority", max_answers=3, audit_answers=2, repeat_share=0.5)
"""Two blind answers for the audit, up to three for the rest, then an adjudicator."""
NO_CONTROLS = AnnotatorSettings(honeypot_rate=0, onboarding_tasks=0)
ALWAYS_SHOWN = SuggestionSettings(hidden_share=0)
"""Without hidden suggestions and honeypots, one answer makes gold; tests of follow-ups set their own."""


class Killed(BaseException):
    """A SIGKILL as seen from inside: no code after it runs."""


@contextmanager
def killed_before_commit(method: str, n_commits: int) -> Iterator[None]:
    """Let a block make `n_commits` commits by `method` of a table in memory, and kill it before the next."""
    commit, n_left = getattr(MemoryTable, method), n_commits

    def dying(table: MemoryTable, make: object, **kwargs: object) -> object:
        nonlocal n_left
        if n_left == 0:
            raise Killed
        n_left -= 1
        return commit(table, make, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryTable, method, dying)
        with pytest.raises(Killed):
            yield


class FakeClock:
    """A clock of aware UTC times, one millisecond apart; `sleep` advances it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the next time."""
        self.now += timedelta(milliseconds=1)
        return self.now

    def sleep(self, seconds: float) -> None:
        """Advance the clock."""
        self.now += timedelta(seconds=seconds)


@dataclass
class Loop:
    """The shipped routine over text samples; reader, scorer, store, labelling server and tables in memory.

    Loops of the same `folder` share their tables, as processes of one workspace do.
    """

    folder: Path
    texts: dict[str, str]
    selection: SelectionSettings = field(default_factory=lambda: SelectionSettings(budget_per_round=20))
    consensus: ConsensusSettings = ONE_ANSWER
    people: AnnotatorSettings = NO_CONTROLS
    suggestions: SuggestionSettings = ALWAYS_SHOWN
    policy: Policy = BAND
    audit_probabilities: AuditProbabilities | None = None
    queue: MemoryLabelingServer = field(default_factory=lambda: MemoryLabelingServer(LABELS))
    clock: FakeClock = field(default_factory=FakeClock)
    seal: PlanSeal = field(default_factory=PlanSeal)
    rest: DerivedText = field(default_factory=NothingKept)
    compacted: DerivedText = field(default_factory=NothingKept)
    summary: DerivedText = field(default_factory=NothingKept)
    standing: DerivedText = field(default_factory=NothingKept)

    def __post_init__(self) -> None:
        self.reader = TextReader(self.texts)
        self.store = TextStore(self.reader)
        self.tables = _tables_of(self.folder)
        self.gold = GoldStore(self.tables.gold)
        self.task_log = TaskLog(self.tables)
        self.settings = Settings(
            name="texts",
            labels=LABELS.names,
            selection=self.selection,
            consensus=self.consensus,
            annotators=self.people,
            suggestions=self.suggestions,
        )

    def ports(self, owner: str = "me", import_size: int = 500) -> LoopPorts:
        """Return the ports of the routine; there is no model registry."""
        return LoopPorts(
            configured=self.settings,
            tables=self.tables,
            modality=MemoryTexts(self.reader, self.store),
            open_queue=lambda: self.queue,
            open_trainer=absent,
            open_registry=absent,
            open_runs=absent,
            owner=owner,
            clock=self.clock,
            sleep=self.clock.sleep,
            import_size=import_size,
            seal=self.seal,
            rest=self.rest,
            compacted=self.compacted,
            summary=self.summary,
            standing=self.standing,
        )

    def context(self, owner: str = "me", import_size: int = 500) -> LabelingContext:
        """Return the context of the labeling steps."""
        return self.ports(owner, import_size).labeling()

    @property
    def model(self) -> Model:
        """The model that scores unless another is named."""
        return Model("1", LengthScorer())

    def score(self, model: Model | None = None) -> ScoreReport:
        """Score the texts."""
        return score_source("texts", **self._scoring(model))

    def score_pool(self, model: Model | None = None) -> ScoreReport:
        """Score the samples without a prediction by `model`."""
        return score_pool(**self._scoring(model))

    def _scoring(self, model: Model | None) -> dict[str, Any]:
        return {
            "reader": self.reader,
            "model": model or self.model,
            "policy": self.policy,
            "tables": self.tables,
            "clock": self.clock,
            "audit_probabilities": self.audit_probabilities,
        }

    def state(self) -> LoopState:
        """Return the state of labeling now."""
        return self.context().read_state()

    def outcomes(self) -> Outcomes:
        """Return the outcome of every sample now."""
        return self.state().outcomes

    def plan(self) -> int:
        """Plan the open round."""
        return plan_round(self.context(), self.state()).n_planned

    def push(self, *, owner: str = "me", import_size: int = 500) -> PushReport:
        """Run the shipped push."""
        return push(self.ports(owner, import_size))

    def push_planned(self, *, owner: str = "me", import_size: int = 500) -> PushReport:
        """Push the planned tasks."""
        return push_planned(self.context(owner, import_size))

    def follow_up(self, *, owner: str = "me") -> FollowUpReport:
        """Run the shipped follow-up."""
        return follow_up(self.ports(owner), self.context(owner), self.state())[0]

    def reconcile(self, *, accept_lost: bool = False) -> tuple[int, int, int]:
        """Run the shipped reconciliation; return the numbers adopted, removed as duplicates, and gone."""
        reconciled = reconcile(self.context(), self.state(), decision=Decision.DROP if accept_lost else None)
        return reconciled.n_adopted, reconciled.n_duplicates_removed, reconciled.n_gone

    def pull(self, *, accept_lost: bool = False, keep_lost: bool = False) -> PullReport:
        """Run the shipped pull."""
        return pull(self.ports(), accept_lost=accept_lost, keep_lost=keep_lost)

    def close_round(self) -> None:
        """Close the open round with the newest gold, as a retrain does."""
        at, round_ = self.clock(), self.state().snapshot.round
        digest = self.gold.newest().digest
        save_round(
            self.tables.rounds, RoundRecord(round_, at, 1, digest, 0, 0, "1", "promoted", None, {}, None, {})
        )

    def work(
        self, says: Mapping[str, Callable[[NewTask], str | None]], *, purpose: Purpose | None = None
    ) -> int:
        """Let annotators answer their next tasks in turn, until no annotator gets a task; None is a skip.

        Returns the number of answers and skips. `purpose` selects the project that they work in.
        """
        n = 0
        while True:
            shown = {who: self.queue.next_for(who, purpose=purpose) for who in says}
            if not any(task_id is not None for task_id in shown.values()):
                return n
            for who in says:
                task_id = self.queue.next_for(who, purpose=purpose)
                if task_id is None:
                    continue
                label = says[who](self.queue.tasks[task_id].pushed)
                if label is None:
                    self.queue.skip(task_id, who, reason="cannot tell")
                else:
                    self.queue.answer(task_id, who, label)
                n += 1

    def answer_all(self, label: str = "ham", *, annotator: str = "1") -> None:
        """Answer every task that `annotator` has not answered."""
        for task_id, task in list(self.queue.tasks.items()):
            if all(answer.annotator != annotator for answer in task.answers.values()):
                self.queue.answer(task_id, annotator, label)

    def answer_all_by_turns(self, *, annotator: str = "1") -> None:
        """Answer every task, the tasks of each purpose with one label and the other by turns."""
        turns: Counter[Purpose] = Counter()
        for task_id, task in self.queue.tasks.items():
            purpose = task.pushed.purpose
            self.queue.answer(task_id, annotator, LABELS.names[turns[purpose] % 2])
            turns[purpose] += 1


def texts(n: int) -> dict[str, str]:
    """Return n distinct texts whose lengths, and so confidences, cover all lanes."""
    return {f"mem/{number:04d}": f"{number:04d}".ljust(4 + number * 37 % 97, "x") for number in range(n)}


def absent(*_: object) -> Any:
    """Stand for a port that the tests must not open."""
    raise AssertionError("these tests have no such port")


@cache
def _tables_of(folder: Path) -> Tables:
    del folder
    return memory_tables()
