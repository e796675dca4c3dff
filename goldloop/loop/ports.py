"""The ports of the routine: settings, tables, and everything outside goldloop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from goldloop.core.clock import now
from goldloop.core.errors import SettingsError
from goldloop.core.modality import Modality
from goldloop.core.ports import ContentStore, DerivedText, LabelingQueue, NothingKept
from goldloop.core.presets import PresetChoice, PresetComparison, PresetRecord
from goldloop.core.samples import FileRef
from goldloop.core.table_ports import Tables
from goldloop.labeling.context import IMPORT_SIZE, LEASE_S, LabelingContext
from goldloop.labeling.sealed_plans import PlanSeal
from goldloop.scoring.blocks import BlockPlan, Workers
from goldloop.settings import Settings
from goldloop.settings.sections import ModelSettings
from goldloop.tables.task_log import TaskLog
from goldloop.training.evaluate import HoldoutEvaluation
from goldloop.training.ports import ModelRegistry, Trainer, TrainingRuns


class Progress(Protocol):
    """Shows a watching user how far long work has come."""

    def counting(self, what: str) -> AbstractContextManager[Callable[[int], None]]:
        """Show how many things were done; the total is not known."""
        ...

    def share_done(self, what: str) -> AbstractContextManager[Callable[[float], None]]:
        """Show the share of the work that is done, from 0 to 1."""
        ...

    def say(self, sentence: str) -> None:
        """Show what the work waits for."""
        ...


class Silent:
    """Shows nothing. Satisfies `Progress`."""

    def counting(self, what: str) -> AbstractContextManager[Callable[[float], None]]:
        """Show nothing."""
        return nullcontext(lambda _: None)

    share_done = counting

    def say(self, sentence: str) -> None:
        """Show nothing."""


def no_workers(plan: BlockPlan, n: int, address: str | None) -> Workers:
    """Refuse: there is nobody but this process.

    Raises:
        SettingsError: always.
    """
    del plan, n, address
    raise SettingsError("these ports open no workers; use those of a workspace, from goldloop.wiring")


class NothingChosen:
    """Has no choice and keeps none. Satisfies `goldloop.core.presets.PresetRecord`."""

    def read(self) -> None:
        """Return nothing."""

    def save(self, choice: PresetChoice) -> PresetChoice:
        """Return the choice."""
        return choice

    read_comparison = read

    def save_comparison(self, comparison: PresetComparison) -> None:
        """Forget the comparison."""


@dataclass(frozen=True, slots=True)
class LoopPorts:
    """The ports of the routine; `goldloop.wiring` fills them for a workspace, tests and simulations.

    `configured` are the settings as goldloop.toml has them; `settings` are those in force.
    The `open_*` functions connect on first use: a pull needs no torch, and the status no server.
    `alone` holds a lock for one kind of work, so that no second process of the workspace does it at the same
    time; `beside` holds it together with others, and keeps out those that want to be alone. `plots` draws the
    plots of a retrain and returns them by relative path. `gold_uri` names the gold table for the experiment
    tracker. `open_workers` takes a plan, a number and an address, and opens workers of the plan. `owner`
    names this process in claims, which others take over after they have waited `lease_s` seconds;
    `import_size` is the number of tasks in one import. `seal` has the key of the workspace. `choose_preset`
    chooses a preset from pictures, `preset_record` keeps the choice. `checks_folder` may hold files of
    behaviour checks. `journal` is the file of live decisions that are not in the tables yet.
    `imports_folder` keeps samples that came with their labels. `rest` keeps
    what the newest pull that changed nothing rested on, `compacted` when the tables were compacted last,
    `summary` where labeling stands, `estimates` those of the consensus, and `standing` where the newest pull
    left the loop.
    """

    configured: Settings
    tables: Tables
    modality: Modality
    open_queue: Callable[[], LabelingQueue]
    open_trainer: Callable[[ModelSettings], Trainer]
    open_registry: Callable[[], ModelRegistry]
    open_runs: Callable[[], TrainingRuns]
    owner: str
    gold_uri: str = ""
    clock: Callable[[], datetime] = now
    sleep: Callable[[float], None] = time.sleep
    alone: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext()
    beside: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext()
    open_workers: Callable[[BlockPlan, int, str | None], Workers] = no_workers
    progress: Progress = field(default_factory=Silent)
    plots: Callable[[HoldoutEvaluation], Mapping[str, bytes]] = lambda _: {}
    import_size: int = IMPORT_SIZE
    lease_s: float = LEASE_S
    seal: PlanSeal = field(default_factory=PlanSeal)
    preset_record: PresetRecord = field(default_factory=NothingChosen)
    choose_preset: Callable[[Iterable[FileRef]], PresetChoice | None] = lambda _: None
    checks_folder: Path | None = None
    journal: Path | None = None
    imports_folder: Path | None = None
    rest: DerivedText = field(default_factory=NothingKept)
    compacted: DerivedText = field(default_factory=NothingKept)
    summary: DerivedText = field(default_factory=NothingKept)
    estimates: DerivedText = field(default_factory=NothingKept)
    standing: DerivedText = field(default_factory=NothingKept)

    @property
    def settings(self) -> Settings:
        """The settings, with the preset that goldloop chose from the pictures where they name none."""
        return self.configured.with_preset(self.preset_record.read)

    def trainer(self, preset: str | None = None) -> Trainer:
        """Return what makes classifiers of `preset`, by default of that in force."""
        model = self.settings.model
        return self.open_trainer(model.model_copy(update={"preset": preset}) if preset else model)

    def training_samples(self, preset: str | None = None) -> ContentStore:
        """Return the kept samples as models of `preset` take them, by default those that goldloop trains."""
        return self.modality.for_preset(preset or self.settings.model.preset).store

    def labeling(self, queue: LabelingQueue | None = None) -> LabelingContext:
        """Return the context of the labeling steps; `queue` is opened unless it is given."""
        return LabelingContext(
            tables=self.tables,
            task_log=TaskLog(self.tables, self.owner, self.clock),
            settings=self.settings,
            queue=queue or self.open_queue(),
            modality=self.modality,
            owner=self.owner,
            clock=self.clock,
            sleep=self.sleep,
            import_size=self.import_size,
            lease_s=self.lease_s,
            seal=self.seal,
            say=self.progress.say,
            estimates=self.estimates,
        )
