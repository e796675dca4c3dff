"""Where parts are chosen: the only module that knows which adapter stands behind which port."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from goldloop.adapters.delta import open_tables
from goldloop.adapters.services import Endpoints, endpoints
from goldloop.asking.asks import Asks
from goldloop.asking.verdicts import VerdictReader
from goldloop.auditing.audited import read_traffic
from goldloop.auditing.designs import Design, audit_probabilities, usual_unsureness
from goldloop.errors import BusyError
from goldloop.gold_store import GoldStore
from goldloop.ledger import Ledger
from goldloop.metrics import Weights
from goldloop.ports import Tables
from goldloop.predictions import Probs
from goldloop.routing.fitting import KnownPeople
from goldloop.samples import SampleId
from goldloop.score_writer import Model
from goldloop.workspace import Workspace

if TYPE_CHECKING:
    from goldloop.adapters.images import ImageReader, ImageStore
    from goldloop.adapters.label_studio import LabelStudioQueue
    from goldloop.adapters.mlflow_registry import MlflowRegistry
    from goldloop.adapters.mlflow_runs import MlflowRuns
    from goldloop.retraining import Workshop
    from models.trainer import TorchTrainer


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Parts:
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
    def ledger(self) -> Ledger:
        """What happened to every task."""
        return Ledger(self.tables.tasks)

    @cached_property
    def asks(self) -> Asks:
        """How many people are asked about each task."""
        return Asks(self.tables.asks)

    @cached_property
    def read_verdicts(self) -> VerdictReader:
        """Says what all evidence comes to, for every sample that people were asked about."""
        return VerdictReader(self.tables, self.ledger, self.asks, self.workspace.settings)

    @cached_property
    def gold(self) -> GoldStore:
        """The gold versions."""
        return GoldStore(self.tables.gold)

    @cached_property
    def reader(self) -> ImageReader:
        """Reads images at the size the preset wants."""
        from goldloop.adapters.images import ImageReader
        from models.presets import preset_named

        return ImageReader(size=preset_named(self.workspace.settings.model.preset).size)

    @cached_property
    def store(self) -> ImageStore:
        """The images people were shown."""
        from goldloop.adapters.images import ImageStore

        return ImageStore(self.workspace.images, self.reader)

    @cached_property
    def trainer(self) -> TorchTrainer:
        """Makes classifiers."""
        from models.trainer import TorchTrainer

        model = self.workspace.settings.model
        return TorchTrainer(preset=model.preset, weights=model.weights, seed=model.seed, epochs=model.epochs)

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
        live = {one.sample_id for one in self.ledger.statuses().values() if one.is_live}
        return live | {one.sample_id for one in self.gold.records()}

    def known_people(self) -> KnownPeople:
        """Return how long people take and what they answer, as far as that is known."""
        from goldloop.costs.looks import people_costs

        return people_costs(self.read_verdicts(), self.asks.all(), self.workspace.settings.label_set)

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
            server.url, server.token, name=settings.name, labels=settings.label_set, images_root=root
        )
        return LabelStudioQueue(
            server.url, server.token, projects, settings.label_set, image_url=local_image_urls()
        )

    def workshop(
        self, *, say: Callable[[str], None], advance: Callable[[float], None], scratch: Path
    ) -> Workshop:
        """Return what retraining works with."""
        from flows.plots import plots_of
        from goldloop.retraining import Workshop

        return Workshop(
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


def connect(workspace: str | Path) -> Parts:
    """Return the parts of the workspace in the folder `workspace`."""
    return Parts(Workspace.open(Path(workspace)))


def prefect_environment(workspace: Workspace) -> dict[str, str]:
    """Return the environment variables with which Prefect's client speaks to the workspace's server.

    They must be set before Prefect is imported. Its folder is made here: where Prefect's server runs
    elsewhere, nothing else makes it, and the client complains.
    """
    server = endpoints(workspace).prefect
    home = workspace.services / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        "PREFECT_API_URL": server.api_url,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": os.environ.get(
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL"
        ),
    }
    if server.auth:
        environment["PREFECT_API_AUTH_STRING"] = server.auth
    return environment
