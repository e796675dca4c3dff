"""Where adapters are chosen: the only module that knows which adapter stands behind which port."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from goldloop.adapters.delta import INDEX, open_tables
from goldloop.adapters.derived_file import DerivedFile
from goldloop.adapters.object_content import ObjectContent
from goldloop.adapters.progress import TerminalProgress
from goldloop.core.errors import BusyError
from goldloop.core.loop_events import Receiver
from goldloop.core.modality import Modality
from goldloop.core.presets import PresetChoice
from goldloop.core.samples import FileRef
from goldloop.core.table_ports import Tables
from goldloop.labeling import context
from goldloop.labeling.context import LoopState, read_state
from goldloop.labeling.sealed_plans import PlanSeal
from goldloop.loop.ports import LoopPorts
from goldloop.loop.score import block_scorer
from goldloop.modalities.features import Featured, FeaturedModality
from goldloop.modalities.kinds import open_modality
from goldloop.scoring.blocks import BlockPlan, BlockScorer, Workers
from goldloop.services import Endpoints, endpoints
from goldloop.settings import Settings
from goldloop.settings.identity import save_identity
from goldloop.settings.label_record import check_labels
from goldloop.settings.preset_record import PresetFile
from goldloop.settings.sealing_key import sealing_key
from goldloop.settings.sections import ModelSettings
from goldloop.settings.workspace import Workspace
from goldloop.tables.gold_store import GoldStore

if TYPE_CHECKING:
    from goldloop.adapters.label_studio import LabelStudioQueue
    from goldloop.adapters.mlflow_registry import MlflowRegistry
    from goldloop.adapters.mlflow_runs import MlflowRuns
    from goldloop.training.ports import Trainer


@dataclass(frozen=True)
class Wiring:
    """A workspace with the adapters that its settings ask for, each made when it is first needed."""

    workspace: Workspace

    @property
    def settings(self) -> Settings:
        """The settings of the workspace, with the preset that goldloop chose where they name none."""
        return self.workspace.settings.with_preset(self.preset_record.read)

    @property
    def preset_record(self) -> PresetFile:
        """The preset that goldloop chose for the workspace."""
        return PresetFile(self.workspace.root)

    @property
    def preset(self) -> str:
        """The preset in words: who chose it, from what, and the licence of its weights."""
        from models.image.choice import preset_sentence

        record = self.preset_record
        return preset_sentence(self.workspace.settings.model.preset, record.read(), record.read_comparison())

    @cached_property
    def ports(self) -> LoopPorts:
        """The ports of the routine, for this workspace."""
        return LoopPorts(
            configured=self.workspace.settings,
            tables=self.tables,
            modality=self.modality,
            open_queue=self.queue,
            open_trainer=self._open_trainer,
            open_registry=lambda: self.registry,
            open_runs=lambda: self.runs,
            owner=f"{socket.gethostname()}:{os.getpid()}",
            gold_uri=str(self.workspace.tables / "gold"),
            alone=self.alone,
            beside=self.beside,
            open_workers=self._open_workers,
            progress=TerminalProgress(),
            import_size=context.IMPORT_SIZE,
            lease_s=context.LEASE_S,
            seal=PlanSeal(sealing_key(self.workspace.root)),
            preset_record=self.preset_record,
            choose_preset=self._choose_preset,
            checks_folder=self.workspace.checks,
            journal=self.workspace.root / "journal" / "decisions.jsonl",
            imports_folder=self.workspace.imports,
            rest=DerivedFile(self.workspace.root / INDEX / "pull.json"),
            compacted=DerivedFile(self.workspace.root / INDEX / "compacted"),
            summary=DerivedFile(self.workspace.root / INDEX / "labeling.json"),
            estimates=DerivedFile(self.workspace.root / INDEX / "estimates.json"),
            standing=DerivedFile(self.workspace.root / INDEX / "standing.jsonl"),
        )

    def read_state(self) -> LoopState:
        """Return the state of labeling now."""
        return read_state(self.tables, self.settings)

    @cached_property
    def endpoints(self) -> Endpoints:
        """Addresses and credentials of the servers."""
        return endpoints(self.workspace)

    @cached_property
    def tables(self) -> Tables:
        """The Delta tables."""
        return open_tables(self.workspace.tables)

    @cached_property
    def gold(self) -> GoldStore:
        """The gold versions."""
        return GoldStore(self.tables.gold)

    @cached_property
    def modality(self) -> Modality:
        """The kind of samples in this workspace."""
        from models.image.presets import FORMS

        settings, root = self.settings, self.workspace.root
        return open_modality(
            settings.kind,
            root,
            settings.model.preset,
            FORMS,
            self._featured,
            author_key=lambda: sealing_key(root),
            keep_apart=settings.moderation.keep_apart if settings.moderation else "author",
            record_form=settings.record_form,
        )

    def _featured(self, preset: str, samples: Modality) -> Modality:
        """Return `samples` with the features that models of `preset` take, if it has a frozen backbone."""
        from models.kinds import FROZEN, TAKE_CONTENT, open_backbone

        if preset not in FROZEN:
            return samples
        from goldloop.adapters.feature_files import FeatureFiles

        frozen = FROZEN[preset]
        kept = FeatureFiles(self.workspace.root / "features" / frozen.key, frozen.n_features)
        featured = Featured(lambda: open_backbone(preset), kept, takes_content=preset in TAKE_CONTENT)
        return FeaturedModality(samples, featured)

    def _choose_preset(self, files: Iterable[FileRef]) -> PresetChoice | None:
        from models.image.choice import choose_preset

        return choose_preset(files, seed=self.settings.selection.seed)

    @property
    def trainer(self) -> Trainer:
        """Makes classifiers of this kind of samples, of the preset in force."""
        return self._open_trainer(self.settings.model)

    def _open_trainer(self, model: ModelSettings) -> Trainer:
        from models.kinds import TRAINERS

        return TRAINERS[self.settings.kind](model)

    def _open_workers(self, plan: BlockPlan, n: int, address: str | None) -> Workers:
        from goldloop.adapters.ray_workers import RayWorkers

        return RayWorkers(partial(open_block_scorer, str(self.workspace.root), plan), n, address)

    @cached_property
    def registry(self) -> MlflowRegistry:
        """Model versions in MLflow."""
        from goldloop.adapters.mlflow_registry import MlflowRegistry

        server, identity = self.endpoints.mlflow, self.workspace.identity
        return MlflowRegistry(
            server.url,
            f"goldloop-{identity.handle}",
            cache=self.workspace.root / "models",
            login=server.login,
            workspace_id=identity.id,
        )

    @cached_property
    def runs(self) -> MlflowRuns:
        """Retrains in MLflow."""
        from goldloop.adapters.mlflow_runs import MlflowRuns

        server, identity = self.endpoints.mlflow, self.workspace.identity
        name = f"goldloop {identity.handle}"
        return MlflowRuns(server.url, name, login=server.login, workspace_id=identity.id)

    def queue(self) -> LabelStudioQueue:
        """Return the Label Studio projects, made or brought up to date."""
        from goldloop.adapters.label_studio import Bucket, LabelStudioQueue, ensure_projects

        server, identity = self.endpoints.label_studio, self.workspace.identity
        labels = self.settings.label_set
        content = self.settings.content
        root = None if server.files_root is None else Path(server.files_root) / "images"
        if content.base:
            root = self.workspace.images
        projects = ensure_projects(
            server.url,
            server.token,
            name=self.settings.name,
            labels=labels,
            kind=self.settings.kind,
            questions=self.workspace.questions(),
            images_root=root if self.settings.kind == "image" else None,
            identity=identity,
            bucket=Bucket(content.bucket, content.link_minutes) if content.bucket else None,
        )
        if projects.known != identity.projects:
            save_identity(self.workspace.root, replace(identity, projects=projects.known))
        return LabelStudioQueue(
            server.url,
            server.token,
            projects,
            labels,
            task_data=self.modality.task_data,
            secret=sealing_key(self.workspace.root),
            acceptable=self.settings.acceptable_label,
            content=ObjectContent(content.base, self.workspace.images) if content.base else None,
        )

    def receivers(self) -> list[Receiver]:
        """Return who is told of events, with the secrets of the environment."""
        from goldloop.adapters.notification_receivers import receivers

        settings = self.workspace.settings
        return receivers(
            settings.notifications, os.environ, workspace=settings.name, workspace_id=self.workspace.id
        )

    def links(self) -> dict[str, str]:
        """Return the addresses of the servers and training runs, and where annotators begin on each queue."""
        return self.endpoints.addresses | self.runs.pages() | self.queue().project_urls()

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
            raise self._busy(work) from None

    @contextmanager
    def beside(self, work: str) -> Iterator[None]:
        """Hold the workspace's lock for `work` together with other processes that hold it beside each other.

        Raises:
            BusyError: another process on this machine holds it alone.
        """
        self.workspace.locks.mkdir(parents=True, exist_ok=True)
        with (self.workspace.locks / f"{work}.lock").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                raise self._busy(work) from None
            yield

    def _busy(self, work: str) -> BusyError:
        return BusyError(
            f"Another {work} is running in {self.workspace.root}. "
            "Wait until it ends; `goldloop status` shows it."
        )


def open_workspace(workspace: str | Path | None = None) -> Wiring:
    """Return the workspace in the folder `workspace` with its adapters.

    Without a folder: $GOLDLOOP_WORKSPACE, else the workspace around the current folder.

    Raises:
        WorkspaceError: there is no workspace there.
        SettingsError: its goldloop.toml is wrong.
        LabelError: its labels have changed, and nobody has accepted the change.
    """
    opened = Workspace.open(None if workspace is None else Path(workspace))
    check_labels(opened.root, opened.settings.label_set)
    return Wiring(opened)


def open_block_scorer(root: str, plan: BlockPlan) -> BlockScorer:
    """Return what scores the blocks of `plan` in a worker, which has the workspace at the same path."""
    return block_scorer(Wiring(Workspace.open(Path(root))).ports, plan)
