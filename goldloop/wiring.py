"""Where parts are chosen: the only module that knows which adapter stands behind which port."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from goldloop.adapters.delta import open_tables
from goldloop.audit.designs import Design, audit_probabilities, usual_unsureness
from goldloop.consensus.outcomes import OutcomeReader
from goldloop.core.clock import now
from goldloop.core.errors import BusyError
from goldloop.core.modality import Modality
from goldloop.core.ports import ContentStore, Reader, Tables
from goldloop.core.probs import Probs
from goldloop.core.samples import SampleId
from goldloop.modalities.kinds import open_modality
from goldloop.routing.fit import KnownPeople
from goldloop.scoring.writer import Model
from goldloop.services import Endpoints, endpoints
from goldloop.settings.workspace import Workspace
from goldloop.stats.metrics import Weights
from goldloop.tables.answer_requests import AnswerRequests
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.task_log import TaskLog
from goldloop.tables.traffic import read_traffic

if TYPE_CHECKING:
    from goldloop.adapters.label_studio import LabelStudioQueue
    from goldloop.adapters.mlflow_registry import MlflowRegistry
    from goldloop.adapters.mlflow_runs import MlflowRuns
    from goldloop.training.ports import Trainer
    from goldloop.training.retrain import RetrainContext


@dataclass(frozen=True)
class Wiring:
    """The parts of one workspace, each made when it is first asked for."""

    workspace: Workspace

    @cached_property
    def endpoints(self) -> Endpoints:
        """Addresses and credentials of the servers."""
        return endpoints(self.workspace)

    @cached_property
    def tables(self) -> Tables:
        """The Delta tables."""
        return open_tables(self.workspace.tables)

    @cached_property
    def task_log(self) -> TaskLog:
        """What happened to every task."""
        return TaskLog(self.tables.tasks, max_distance=self.modality.max_distance)

    @cached_property
    def answer_requests(self) -> AnswerRequests:
        """How many people are asked about each task."""
        return AnswerRequests(self.tables.answer_requests)

    @cached_property
    def read_outcomes(self) -> OutcomeReader:
        """Says what all evidence comes to, for every sample that people were asked about."""
        return OutcomeReader(self.tables, self.task_log, self.answer_requests, self.workspace.settings)

    @cached_property
    def gold(self) -> GoldStore:
        """The gold versions."""
        return GoldStore(self.tables.gold)

    @cached_property
    def modality(self) -> Modality:
        """The kind of samples in this workspace."""
        from models.kinds import input_size

        settings = self.workspace.settings
        return open_modality(settings.kind, self.workspace.root, size=input_size(settings.model))

    @property
    def reader(self) -> Reader:
        """Reads samples."""
        return self.modality.reader

    @property
    def store(self) -> ContentStore:
        """The content of samples."""
        return self.modality.store

    @cached_property
    def trainer(self) -> Trainer:
        """Makes classifiers of this kind of samples."""
        from models.kinds import trainer_of

        return trainer_of(self.workspace.settings.kind, self.workspace.settings.model)

    @cached_property
    def registry(self) -> MlflowRegistry:
        """Model versions in MLflow."""
        from goldloop.adapters.mlflow_registry import MlflowRegistry

        name = f"goldloop-{self.workspace.settings.name}"
        return MlflowRegistry(self.endpoints.mlflow.url, name, cache=self.workspace.root / "models")

    @cached_property
    def runs(self) -> MlflowRuns:
        """Retrains in MLflow."""
        from goldloop.adapters.mlflow_runs import MlflowRuns

        return MlflowRuns(self.endpoints.mlflow.url, f"goldloop {self.workspace.settings.name}")

    def taken(self) -> set[SampleId]:
        """Return the samples that people have been asked about."""
        live = {one.sample_id for one in self.task_log.statuses().values() if one.is_live}
        return live | {one.sample_id for one in self.gold.records()}

    def known_people(self) -> KnownPeople:
        """Return how long people take and what they answer, as far as that is known."""
        from goldloop.costs.review_effort import people_costs

        return people_costs(
            self.read_outcomes(), self.answer_requests.all(), self.workspace.settings.label_set
        )

    def audit_probabilities(self, probs: Probs) -> Weights:
        """Return how likely each row of `probs` shall be audited."""
        selection = self.workspace.settings.selection
        return audit_probabilities(
            probs,
            audit_rate=selection.audit_rate,
            design=selection.audit_design,
            usual=self._usual_unsureness,
        )

    @cached_property
    def _usual_unsureness(self) -> float | None:
        """How unsure models were of the traffic so far, None before any."""
        settings = self.workspace.settings
        if Design(settings.selection.audit_design) is Design.UNIFORM:
            return None
        probs = read_traffic(self.tables, settings.label_set).probs
        return usual_unsureness(probs, audit_rate=settings.selection.audit_rate) if len(probs) else None

    @cached_property
    def owner(self) -> str:
        """Who claims tasks: this machine and process."""
        return f"{socket.gethostname()}:{os.getpid()}"

    def champion(self) -> Model:
        """Return the model that scores today, or none before the first."""
        version = self.registry.version_at("champion")
        if version is None:
            return Model()
        return Model(version, self.trainer.scorer(self.registry.load(version).folder))

    def queue(self) -> LabelStudioQueue:
        """Return the Label Studio projects, made or brought up to date."""
        from goldloop.adapters.label_studio import LabelStudioQueue, ensure_projects, local_image_urls

        server, settings = self.endpoints.label_studio, self.workspace.settings
        root = None if server.files_root is None else Path(server.files_root) / "images"
        projects = ensure_projects(
            server.url,
            server.token,
            name=settings.name,
            labels=settings.label_set,
            kind=settings.kind,
            images_root=root if settings.kind == "image" else None,
        )
        return LabelStudioQueue(
            server.url,
            server.token,
            projects,
            settings.label_set,
            image_url=local_image_urls(),
            task_data=self.modality.task_data,
        )

    def workshop(
        self, *, say: Callable[[str], None], advance: Callable[[float], None], scratch: Path
    ) -> RetrainContext:
        """Return what retraining works with."""
        from goldloop.reports.round_plots import plots_of
        from goldloop.training.retrain import RetrainContext

        return RetrainContext(
            tables=self.tables,
            gold=self.gold,
            gold_uri=str(self.workspace.tables / "gold"),
            store=self.store,
            trainer=self.trainer,
            registry=self.registry,
            runs=self.runs,
            settings=self.workspace.settings,
            scratch=scratch,
            plots=plots_of(self),
            clock=now,
            say=say,
            advance=advance,
        )

    @contextmanager
    def alone(self, work: str) -> Iterator[None]:
        """Hold the workspace's lock for `work`; the kernel frees it when the process dies.

        Raises:
            BusyError: another process on this machine holds it.
        """
        self.workspace.locks.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.workspace.locks / f"{work}.lock", timeout=0):
                yield
        except Timeout:
            raise BusyError(
                f"another {work} is at work in {self.workspace.root}; "
                "wait until it ends, see 'goldloop status'"
            ) from None


def connect(workspace: str | Path) -> Wiring:
    """Return the parts of the workspace in the folder `workspace`."""
    return Wiring(Workspace.open(Path(workspace)))
