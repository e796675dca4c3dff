"""The context of the labeling steps: tables, server and clock, and the state that they rest on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from goldloop.consensus.admission import Admission, admit
from goldloop.consensus.evidence import SampleEvidence, answers_of
from goldloop.consensus.outcomes import Outcomes, find_outcomes, outcomes_after
from goldloop.consensus.provisional import ProvisionalLabel, provisional_labels
from goldloop.core.garbage import uncollected
from goldloop.core.imported_labels import known_imports
from goldloop.core.modality import Modality
from goldloop.core.ports import DerivedText, LabelingQueue, NothingKept
from goldloop.core.reported_outcomes import known_outcomes
from goldloop.core.samples import SampleId
from goldloop.core.table_ports import Tables
from goldloop.core.tasks import Purpose, task_key
from goldloop.gold.records import GoldRecord
from goldloop.labeling.cases import Case, case_of, n_tested
from goldloop.labeling.sealed_plans import PlanSeal
from goldloop.settings import Settings
from goldloop.tables.snapshot import Decoded, Snapshot, read_snapshot, read_versions
from goldloop.tables.task_log import TaskLog

IMPORT_SIZE = 500  # tasks; larger imports are no faster and hold the server's write lock longer
LEASE_S = 30.0  # an import of IMPORT_SIZE tasks takes about 1 s

Result = TypeVar("Result")


@dataclass(frozen=True)
class LoopState:
    """A snapshot of the tables and the outcome of every sample that annotators were asked about.

    The outcomes are computed when they are first asked for; they are those `earlier`, with the snapshot that
    they follow from, where nothing has changed since. `known_admission` says which annotations count, if that
    is known. `estimates` keeps those of the consensus.
    """

    snapshot: Snapshot
    settings: Settings
    earlier: tuple[Snapshot, Outcomes] | None = field(default=None, repr=False)
    known_admission: Admission | None = field(default=None, repr=False)
    estimates: DerivedText = field(default_factory=NothingKept, repr=False)

    @cached_property
    def admission(self) -> Admission:
        """Which annotations count."""
        if self.known_admission is not None:
            return self.known_admission
        return admit(self.snapshot.annotations, self.settings.label_set)

    @cached_property
    def outcomes(self) -> Outcomes:
        """The outcome of every sample that annotators were asked about."""
        snapshot = self.snapshot
        if self.earlier is not None and (moved := self._moved_on(*self.earlier)) is not None:
            return moved
        return find_outcomes(
            snapshot.tasks,
            answers_of(snapshot.tasks, self.admission.admitted, snapshot.closed_at),
            snapshot.requests.n_wanted,
            self.settings,
            earlier=self.earlier[1] if self.earlier else None,
            admission=self.admission,
            reported=known_outcomes(snapshot.reported),
            imported=known_imports(snapshot.imported),
            kept=self.estimates,
        )

    def _moved_on(self, before: Snapshot, earlier: Outcomes) -> Outcomes | None:
        """Return the outcomes `earlier` with what has changed since `before`; None where votes have."""
        changed = self.snapshot.changed_since(before)
        if changed is None:
            return None
        keys = [task_key(sample_id, purpose) for sample_id in changed for purpose in Purpose]
        tasks = {key: self.snapshot.tasks[key] for key in keys if key in self.snapshot.tasks}
        admitted = [one for one in self.admission.admitted if one.key in tasks]
        return outcomes_after(
            earlier,
            changed,
            tasks,
            answers_of(tasks, admitted, self.snapshot.closed_at),
            n_wanted=self.snapshot.requests.n_wanted,
            settings=self.settings,
            reported=known_outcomes(self.snapshot.reported),
        )

    @cached_property
    def cases(self) -> list[Case]:
        """The case of every sample that annotators were asked about, in order of sample_id."""
        live, requests = self.snapshot.live, self.snapshot.requests
        n_wanted, tested = requests.n_wanted, n_tested(requests.requests)
        gains = self.outcomes.fit.expected_gain().tolist()
        return [
            case_of(outcome, gain, live=live, n_wanted=n_wanted, n_tested=tested, settings=self.settings)
            for outcome, gain in zip(self.outcomes.samples, gains, strict=True)
        ]

    @property
    def known(self) -> tuple[Snapshot, Outcomes] | None:
        """Return the outcomes with the snapshot, if they were asked for, or those before."""
        outcomes: Outcomes | None = self.__dict__.get("outcomes")
        return self.earlier if outcomes is None else (self.snapshot, outcomes)

    @cached_property
    def evidence(self) -> dict[SampleId, SampleEvidence]:
        """The evidence about every sample that annotators were asked about."""
        return {outcome.evidence.sample_id: outcome.evidence for outcome in self.outcomes.samples}

    @property
    def provisional(self) -> list[ProvisionalLabel]:
        """Return the provisional labels of samples without gold."""
        in_gold = {record.sample_id for record in self.snapshot.gold.records}
        found = provisional_labels(self.outcomes.samples)
        return [one for one in found if one.sample_id not in in_gold]

    @property
    def labelled(self) -> list[GoldRecord | ProvisionalLabel]:
        """Return the gold records and the provisional labels, which models are trained and evaluated on."""
        return [*self.snapshot.gold.records, *self.provisional]


def read_state(
    tables: Tables,
    settings: Settings,
    earlier: LoopState | None = None,
    task_log: TaskLog | None = None,
    decoded: Decoded | None = None,
    *,
    estimates: DerivedText | None = None,
) -> LoopState:
    """Return the state of labeling now, from one read of each table.

    It uses the fit of an `earlier` state when no vote has changed since, and what a `task_log` of these
    tables and `decoded` have read before. `estimates` keeps those of the consensus between calls.
    """
    with uncollected():
        snapshot = read_snapshot(tables, task_log, decoded)
    if earlier is None:
        return LoopState(snapshot, settings, estimates=estimates or NothingKept())
    is_same = earlier.snapshot.annotations is snapshot.annotations
    return LoopState(
        snapshot,
        settings,
        earlier.known if earlier.settings == settings else None,
        earlier.admission if is_same and earlier.settings == settings else None,
        estimates or earlier.estimates,
    )


@dataclass(frozen=True, slots=True)
class LabelingContext:
    """The context of the labeling steps.

    `owner` names this process in claims, which another process takes over after it has waited `lease_s`
    seconds. The push calls `advance` with the number of tasks that it has finished, and `say` when it waits.
    `seal` seals the plans that go to the server. `task_log` holds the plans and the events of all tasks; all
    steps read them through this one, which does not decode the same plans again, and the other tables through
    `decoded`. `estimates` keeps those of the consensus.
    """

    tables: Tables
    task_log: TaskLog = field(repr=False)
    settings: Settings
    modality: Modality
    queue: LabelingQueue
    owner: str
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    import_size: int
    lease_s: float
    advance: Callable[[int], None] = lambda _: None
    seal: PlanSeal = field(default_factory=PlanSeal)
    say: Callable[[str], None] = lambda _: None
    decoded: Decoded = field(default_factory=Decoded, repr=False)
    estimates: DerivedText = field(default_factory=NothingKept, repr=False)

    def read_state(self, earlier: LoopState | None = None) -> LoopState:
        """Return the state of labeling now."""
        return read_state(
            self.tables, self.settings, earlier, self.task_log, self.decoded, estimates=self.estimates
        )

    def fresh(self, state: LoopState) -> LoopState:
        """Return `state`, or the state of now when a commit, of this process or another, has outdated it."""
        is_current = read_versions(self.tables) == state.snapshot.versions
        return state if is_current else self.read_state(state)

    def retrying(self, state: LoopState, make: Callable[[LoopState], Result]) -> Callable[[], Result]:
        """Return a function that calls `make`: the first time with `state`, later with a fresh state.

        A commit calls the function again when another writer was first.
        """
        current: LoopState | None = None

        def made() -> Result:
            nonlocal current
            current = state if current is None else self.read_state(current)
            return make(current)

        return made
