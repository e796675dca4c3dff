"""A champion without a round of labelling: a model that is registered and recorded as retrain does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from goldloop.core.samples import Decoded, SampleId
from goldloop.loop.challenger import served_model
from goldloop.tables.model_log import save_model_event
from goldloop.training.model_files import digest_of
from goldloop.training.model_history import ModelChange, ModelId
from goldloop.training.ports import TrainingStart
from tests.e2e.commands import Loop
from tests.images import encoded, noise


def crown_a_random_model(loop: Loop, *, seed: int = 1, is_champion: bool = True) -> ModelId:
    """Register an untrained network, by default as champion; return it."""
    parts = loop.parts
    labels = parts.workspace.settings.label_set
    picture = parts.modality.reader.decode(encoded(noise(seed), "PNG"))
    examples = [(SampleId(f"{n:064x}"), n) for n in range(len(labels))]
    return crown(loop, examples, lambda _: picture, name=f"untrained-{seed}", is_champion=is_champion)


def crown(
    loop: Loop,
    examples: Sequence[tuple[SampleId, int]],
    load: Callable[[SampleId], Decoded],
    *,
    name: str = "trained",
    is_champion: bool = True,
) -> ModelId:
    """Train on (sample, column) pairs and register the model, by default as champion; return it."""
    parts = loop.parts
    start = TrainingStart(f"an {name} model", {}, "nowhere", 0, gold_digest="0" * 64)
    run_id = parts.runs.begin(start)
    folder = loop.root / name
    labels = parts.workspace.settings.label_set
    parts.trainer.train(examples, [], labels=labels, load=load, folder=folder, advance=lambda _: None)
    served = served_model(parts.ports, parts.trainer, folder, loop.root / f"{name}-served")
    version = parts.registry.register(folder, served=served, mlflow_run_id=run_id, tags={})
    model = ModelId(version, digest_of(folder))
    changes = [ModelChange.REGISTERED, ModelChange.ROLLBACK] if is_champion else [ModelChange.REGISTERED]
    for change in changes:
        save_model_event(parts.tables, model, change, at=datetime.now(UTC), mlflow_run_id=run_id)
    if is_champion:
        parts.registry.set_alias("champion", model.version, model.digest)
    return model
