"""The challenger: trained on the newest gold and registered, or taken from a retrain that broke off."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldloop.consensus.provisional import ProvisionalLabel
from goldloop.core.probs import column_names
from goldloop.core.samples import SampleId
from goldloop.core.splits import VALIDATION_FOLDS, Split, fold_of
from goldloop.gold.records import GoldRecord
from goldloop.loop.ports import LoopPorts
from goldloop.settings import Settings
from goldloop.tables.gold_store import Gold
from goldloop.tables.model_log import save_model_event
from goldloop.training.evaluate import CHALLENGER, weights_of
from goldloop.training.model_files import digest_of
from goldloop.training.model_history import ModelChange, ModelEvent, ModelHistory, ModelId
from goldloop.training.ports import ServedModel, TrainedModel, Trainer, TrainingRuns, TrainingStart


@dataclass(frozen=True, slots=True)
class Challenger:
    """A registered model and its run; `history` is by metric and epoch."""

    model: ModelId
    mlflow_run_id: str
    history: Mapping[str, tuple[float, ...]]


def resumed_challenger(ports: LoopPorts, trained: ModelEvent, notes: list[str]) -> Challenger | None:
    """Return the challenger of a retrain that broke off; None if the registry no longer holds it."""
    if not ports.open_registry().is_whole(trained.version, trained.digest):
        notes.append(f"Model {trained.version} of a broken-off retrain is lost; training another.")
        return None
    notes.append(f"The last retrain broke off after training model {trained.version}; continuing it.")
    return Challenger(ModelId(trained.version, trained.digest), str(trained.mlflow_run_id), {})


def train_challenger(
    ports: LoopPorts,
    gold: Gold,
    history: ModelHistory,
    *,
    provisional: Sequence[ProvisionalLabel],
    recipe: str,
    notes: list[str],
    scratch: Path,
    advance: Callable[[float], None],
) -> Challenger:
    """Train a challenger on gold and on provisional labels, and register it; `recipe` is their digest."""
    registry, runs, trainer = ports.open_registry(), ports.open_runs(), ports.trainer()
    tags = {
        "goldloop.gold_digest": gold.version.digest,
        "goldloop.settings": recipe,
        "goldloop.champion": history.champion.version if history.champion else "",
    }
    run_id = runs.begin(_start(ports, gold, provisional, tags))
    with failing(runs, run_id, "training"):
        trained = fit(ports, gold, provisional, folder=scratch / run_id, advance=advance)
        notes += trained.notes
        served = served_model(ports, trainer, trained.folder, scratch / f"{run_id}-served")
        number = registry.register(trained.folder, served=served, mlflow_run_id=run_id, tags=tags)
        digest = digest_of(trained.folder)
        model = ModelId(history.name_for(number, digest), digest)
        _save_registered(ports, model, run_id, gold, recipe)
        registry.set_alias(CHALLENGER, model.version, digest)
    return Challenger(model, run_id, trained.history)


def served_model(ports: LoopPorts, trainer: Trainer, folder: Path, beside: Path) -> ServedModel | None:
    """Return how servers load the model saved in `folder`; further files are in the new folder `beside`."""
    beside.mkdir()
    return trainer.served(folder, beside, form=ports.settings.record_form)


def fit(
    ports: LoopPorts,
    gold: Gold,
    provisional: Sequence[ProvisionalLabel],
    *,
    folder: Path,
    advance: Callable[[float], None] = lambda _: None,
) -> TrainedModel:
    """Train a model on the train samples of `gold` and on provisional labels, calibrated on validation.

    Raises:
        EmptyPoolError: there is too little to train on.
    """
    labels, validation = ports.settings.label_set, of_split(gold, Split.VALIDATION)
    learnt: list[GoldRecord | ProvisionalLabel] = [*of_split(gold, Split.TRAIN), *provisional]
    return ports.trainer().train(
        [(one.sample_id, labels.column(one.label)) for one in learnt],
        [(record.sample_id, labels.column(record.label)) for record in validation],
        labels=labels,
        load=ports.training_samples().load,
        folder=folder,
        advance=advance,
        validation_weights=weights_of(validation).tolist(),
        folds=[fold_of(record.cluster, n_folds=VALIDATION_FOLDS) for record in validation],
    )


def _save_registered(ports: LoopPorts, model: ModelId, mlflow_run_id: str, gold: Gold, recipe: str) -> None:
    """Record the challenger, so that a retrain that breaks off here is continued."""
    save_model_event(
        ports.tables,
        model,
        ModelChange.REGISTERED,
        at=ports.clock(),
        mlflow_run_id=mlflow_run_id,
        gold_digest=gold.version.digest,
        settings=recipe,
    )


def _start(
    ports: LoopPorts, gold: Gold, provisional: Sequence[ProvisionalLabel], tags: Mapping[str, str]
) -> TrainingStart:
    model, version = ports.settings.model, gold.version
    return TrainingStart(
        name=f"retrain on gold {version.version}",
        params={
            "preset": model.preset,
            "weights": model.weights,
            "seed": model.seed,
            "n_train": len(of_split(gold, Split.TRAIN)) + len(provisional),
            "n_provisional": len(provisional),
            "n_validation": len(of_split(gold, Split.VALIDATION)),
            "n_holdout": len(of_split(gold, Split.HOLDOUT)),
            "labels": column_names(ports.settings.label_set),
        },
        gold_uri=ports.gold_uri,
        gold_version=version.version,
        gold_digest=version.digest,
        tags=tags,
    )


@contextmanager
def failing(runs: TrainingRuns, mlflow_run_id: str, step: str) -> Iterator[None]:
    """Close the run as failed when `step` raises."""
    try:
        yield
    except BaseException as error:
        runs.fail(mlflow_run_id, f"{step} failed: {error}")
        raise


def recipe_digest(
    settings: Settings,
    provisional: Sequence[ProvisionalLabel] = (),
    *,
    left_out: Collection[SampleId] = (),
    checks: Callable[[], str] = lambda: "",
) -> str:
    """Return a digest of what decides, beside gold, what a retrain comes to.

    That is the settings, the provisional labels and the samples that the user left out. `checks` returns the
    digest of the behaviour checks; it belongs to these where the gate asks for them.
    """
    relevant: dict[str, Any] = {
        "labels": settings.labels,
        "model": settings.model.model_dump(),
        "gate": settings.gate.model_dump(exclude={"max_check_fall"}),
    }
    if settings.gate.max_check_fall < 1:
        relevant["checks"] = (settings.gate.max_check_fall, checks())
    if provisional:
        relevant["provisional"] = [(one.sample_id, one.label) for one in provisional]
    if left_out:
        relevant["left_out"] = sorted(left_out)
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()[:16]


def of_split(gold: Gold, split: Split) -> list[GoldRecord]:
    """Return the records of `gold` in `split`."""
    return [record for record in gold.records if record.split is split]
