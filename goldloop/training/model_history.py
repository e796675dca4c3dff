"""The history of models: which ones goldloop registered, and which one its last decision made champion."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from goldloop.training.promotion import RoundRecord

NO_MODEL = "none"
"""The version that stands for no model, in predictions and in a rollback that gives up a lost champion."""


class ModelChange(StrEnum):
    """What happened to a model; promotions are recorded with their round."""

    REGISTERED = "registered"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class ModelId:
    """A model: `digest` is its identity, `version` its name in tables and messages.

    `digest` is None for a model from before goldloop recorded digests.
    """

    version: str
    digest: str | None

    def __str__(self) -> str:
        return f"model {self.version}" + (f" (digest {self.digest[:12]})" if self.digest else "")


@dataclass(frozen=True, slots=True)
class ModelEvent:
    """A row of the models table: a model was registered, or became champion by a rollback.

    `round` is the round that was open. `gold_digest` and `settings` tell what a registered model was trained
    on; they and `mlflow_run_id` are None where that is not known.
    """

    version: str
    digest: str
    change: ModelChange
    round: int
    at: datetime
    mlflow_run_id: str | None = None
    gold_digest: str | None = None
    settings: str | None = None


@dataclass(frozen=True, slots=True)
class ModelHistory:
    """Events and closed rounds, both oldest first; no server is asked."""

    events: tuple[ModelEvent, ...]
    rounds: tuple[RoundRecord, ...]

    @property
    def champion(self) -> ModelId | None:
        """The model that scores: that of the last promotion or rollback.

        None before the first decision, and after the user gave up the champion with `--to none`.
        """
        promoted = [record for record in self.rounds if record.is_promoted]
        moved = [event for event in self.events if event.change is ModelChange.ROLLBACK]
        if moved and (not promoted or moved[-1].round > promoted[-1].round):
            if moved[-1].version == NO_MODEL:
                return None
            return ModelId(moved[-1].version, moved[-1].digest)
        return self.find(promoted[-1].model_version) if promoted else None

    @property
    def is_proven(self) -> bool:
        """Whether a comparison, or the user by a rollback, has preferred the champion to another model."""
        promoted = [record for record in self.rounds if record.is_promoted]
        if not promoted or self.champion != self.find(promoted[-1].model_version):
            return True
        decision = promoted[-1].decision
        return decision is None or decision.champion is not None

    @property
    def before_champion(self) -> ModelId | None:
        """The model that was promoted before the champion, None if there is none."""
        champion = self.champion
        promoted = [record.model_version for record in self.rounds if record.is_promoted]
        if champion is not None and champion.version in promoted:
            promoted = promoted[: promoted.index(champion.version)]
        return self.find(promoted[-1]) if promoted else None

    @property
    def baseline(self) -> ModelId | None:
        """The first model that was promoted."""
        promoted = [record.model_version for record in self.rounds if record.is_promoted]
        return self.find(promoted[0]) if promoted else None

    @property
    def models(self) -> dict[str, ModelId]:
        """Every model that goldloop registered, by version."""
        closed = [(record.model_version, record.model_digest) for record in self.rounds]
        known = [*closed, *((event.version, event.digest) for event in self.events)]
        digests = {version: digest for version, digest in known if version and digest}
        return {
            version: ModelId(version, digests.get(version))
            for version, _ in known
            if version and version != NO_MODEL
        }

    def find(self, version: str | None) -> ModelId | None:
        """Return the model of this version, None if goldloop never registered it."""
        return self.models.get(version or "")

    def challenger(self, *, gold_digest: str, settings: str) -> ModelEvent | None:
        """Return the newest registered model if it was trained on this gold with these settings."""
        registered = [event for event in self.events if event.change is ModelChange.REGISTERED]
        newest = registered[-1] if registered else None
        if newest is None or (newest.gold_digest, newest.settings) != (gold_digest, settings):
            return None
        return newest

    def name_for(self, number: str, digest: str) -> str:
        """Return the version for a model that the registry gave `number`.

        It is the number, unless another model has it: a registry that lost its data counts from 1 again.
        """
        known = self.find(number)
        return number if known is None or known.digest == digest else f"{number}-{digest[:8]}"
