"""A champion without a round of labelling: an untrained network, registered and recorded as retrain does."""

from __future__ import annotations

from datetime import UTC, datetime

from goldloop.core.samples import SampleId
from goldloop.tables.model_log import save_model_event
from goldloop.training.model_files import digest_of
from goldloop.training.model_history import ModelChange, ModelId
from goldloop.training.ports import TrainingStart
from tests.e2e.commands import Loop
from tests.images import encoded, noise


def crown_a_random_model(loop: Loop, *, seed: int = 1, is_champion: bool = True) -> ModelId:
    """Register an untrained network, by default as champion; return it."""
    parts = loop.parts
    start = TrainingStart("an untrained network", {}, "nowhere", 0, gold_digest="0" * 64)
    run_id = parts.runs.begin(start)
    folder = loop.root / f"untrained-{seed}"
    labels = parts.workspace.settings.label_set
    picture = parts.modality.reader.decode(encoded(noise(seed), "PNG"))
    parts.trainer.train(
        [(SampleId(f"{n:064x}"), n) for n in range(len(labels))], [], labels=labels,
        load=lambda _: picture, folder=folder, advance=lambda _: None,
    )  # fmt: skip
    graph, example = parts.trainer.exportable(folder) or (None, None)
    version = parts.registry.register(folder, graph=graph, example=example, mlflow_run_id=run_id, tags={})
    model = ModelId(version, digest_of(folder))
    changes = [ModelChange.REGISTERED, ModelChange.ROLLBACK] if is_champion else [ModelChange.REGISTERED]
    for change in changes:
        save_model_event(parts.tables, model, change, at=datetime.now(UTC), mlflow_run_id=run_id)
    if is_champion:
        parts.registry.set_alias("champion", model.version, model.digest)
    return model
