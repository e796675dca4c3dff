"""Retraining: a challenger from the newest gold, evaluated beside champion and baseline, and the gate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from goldloop.core.errors import EmptyPoolError, ModelError
from goldloop.core.ports import ContentStore, Tables
from goldloop.core.splits import Split
from goldloop.drift.checks import check_drift
from goldloop.gold.near_duplicates import check_no_leak
from goldloop.gold.records import GoldRecord, GoldVersion
from goldloop.settings import Settings
from goldloop.tables.annotations import read_annotations
from goldloop.tables.arrivals import read_current_samples
from goldloop.tables.batches import read_reference, save_batch
from goldloop.tables.counts import annotation_counts
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.rounds import current_round, read_rounds, save_round
from goldloop.tables.traffic import save_evaluation
from goldloop.training.evaluate import (
    BASELINE,
    CHALLENGER,
    CHAMPION,
    HoldoutEvaluation,
    evaluate_on_holdout,
    weights_of,
)
from goldloop.training.ports import ModelRegistry, Trainer, TrainingRecord, TrainingRuns, TrainingStart
from goldloop.training.promotion import RoundRecord

Plots = Callable[[HoldoutEvaluation], Mapping[str, bytes]]
"""Artifacts by relative path, from the evaluation on the holdout."""


@dataclass(frozen=True, slots=True)
class RetrainPorts:
    """Everything that retraining reads, asks and writes.

    `gold_uri` is the address of the gold table, for the experiment tracker; `scratch` is an empty folder;
    `notify` gets sentences for the user, `advance` the share of the training that is done, in [0, 1].
    """

    tables: Tables
    gold: GoldStore
    gold_uri: str
    store: ContentStore
    trainer: Trainer
    registry: ModelRegistry
    runs: TrainingRuns
    settings: Settings
    scratch: Path
    plots: Plots
    clock: Callable[[], datetime]
    notify: Callable[[str], None]
    advance: Callable[[float], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class _Challenger:
    """A registered model, its run, and the champion when it was trained; `history` is by metric and epoch."""

    version: str
    mlflow_run_id: str
    champion: str | None
    history: Mapping[str, tuple[float, ...]]


def retrain(ports: RetrainPorts) -> RoundRecord | None:
    """Train a challenger on the newest gold, evaluate it on the holdout, let the gate decide, close the
    round.

    Returns None when the newest challenger was trained on this gold with these settings and its round is
    closed. A retrain that was killed after its model had been registered is finished, not begun again.

    Raises:
        EmptyPoolError: too little gold to train or to evaluate; the message names what is missing.
        HoldoutLeakError: a sample, or a near-duplicate of it, is in train and in the holdout.
    """
    version = ports.gold.newest()
    records = ports.gold.records(version.version)
    check_no_leak((record.sample_id, record.group, record.split) for record in records)
    _check_enough(records, version)
    tags = {"goldloop.gold_digest": version.digest, "goldloop.settings": _settings_digest(ports.settings)}
    challenger = _registered(ports, tags)
    if challenger is None:
        challenger = _train(ports, version, records, tags)
    else:
        closed = read_rounds(ports.tables.rounds)
        if closed and closed[-1].model_version == challenger.version:
            return None
        ports.notify(f"The last retrain broke off after training model {challenger.version}; continuing it.")
    evaluation = _evaluate(ports, version, records, challenger)
    return _close_round(ports, version, evaluation, challenger)


def _registered(ports: RetrainPorts, tags: Mapping[str, str]) -> _Challenger | None:
    """Return the newest challenger if it carries `tags`, that is, if gold and settings have not changed."""
    version = ports.registry.version_at(CHALLENGER)
    if version is None:
        return None
    model = ports.registry.load(version)
    if not tags.items() <= model.tags.items():
        return None
    return _Challenger(version, model.mlflow_run_id, model.tags.get("goldloop.champion") or None, {})


def _train(
    ports: RetrainPorts, version: GoldVersion, records: Sequence[GoldRecord], tags: Mapping[str, str]
) -> _Challenger:
    """Train and register a challenger."""
    champion = ports.registry.version_at(CHAMPION)
    train, validation = _of_split(records, Split.TRAIN), _of_split(records, Split.VALIDATION)
    start = _start(ports, version, records, {**tags, "goldloop.champion": champion or ""})
    labels, run_id = ports.settings.label_set, ports.runs.begin(start)
    with _failing(ports.runs, run_id, "training"):
        trained = ports.trainer.train(
            [(record.sample_id, labels.column(record.label)) for record in train],
            [(record.sample_id, labels.column(record.label)) for record in validation],
            labels=labels,
            load=ports.store.load,
            folder=ports.scratch / run_id,
            advance=ports.advance,
            validation_weights=weights_of(validation).tolist(),
        )
        for note in trained.notes:
            ports.notify(note)
        graph, example = ports.trainer.exportable(trained.folder) or (None, None)
        challenger = ports.registry.register(
            trained.folder, graph=graph, example=example, mlflow_run_id=run_id, tags=dict(start.tags)
        )
        ports.registry.set_alias(CHALLENGER, challenger)
    return _Challenger(challenger, run_id, champion, trained.history)


def _start(
    ports: RetrainPorts, version: GoldVersion, records: Sequence[GoldRecord], tags: Mapping[str, str]
) -> TrainingStart:
    model = ports.settings.model
    return TrainingStart(
        name=f"retrain on gold {version.version}",
        params={
            "preset": model.preset,
            "weights": model.weights,
            "seed": model.seed,
            "n_train": len(_of_split(records, Split.TRAIN)),
            "n_validation": len(_of_split(records, Split.VALIDATION)),
            "n_holdout": len(_of_split(records, Split.HOLDOUT)),
            "labels": ",".join(ports.settings.label_set),
        },
        gold_uri=ports.gold_uri,
        gold_version=version.version,
        gold_digest=version.digest,
        tags=tags,
    )


def _evaluate(
    ports: RetrainPorts, version: GoldVersion, records: Sequence[GoldRecord], challenger: _Challenger
) -> HoldoutEvaluation:
    """Evaluate challenger, champion and baseline, store it, and close the run with figures and plots."""
    with _failing(ports.runs, challenger.mlflow_run_id, "evaluation"):
        evaluation = evaluate_on_holdout(
            roles={
                CHALLENGER: challenger.version,
                CHAMPION: challenger.champion,
                BASELINE: ports.registry.version_at(BASELINE),
            },
            holdout=_of_split(records, Split.HOLDOUT),
            version=version,
            settings=ports.settings,
            scorer_of=lambda model: ports.trainer.scorer(ports.registry.load(model).folder),
            store=ports.store,
            current=read_current_samples(ports.tables),
        )
        plots = ports.plots(evaluation)
    at = ports.clock()
    save_evaluation(ports.tables.evaluations, evaluation, at=at)
    if read_reference(ports.tables.batches, challenger.version) is None:
        save_batch(
            ports.tables.batches,
            batch=str(Split.HOLDOUT),
            model_version=challenger.version,
            scored_at=at,
            sketch=evaluation.sketch,
            check=check_drift(evaluation.sketch, None),
        )
    ports.runs.record(
        challenger.mlflow_run_id,
        TrainingRecord(
            evaluation.evaluations, evaluation.decision, history=challenger.history, artifacts=plots
        ),
    )
    return evaluation


def _close_round(
    ports: RetrainPorts, version: GoldVersion, evaluation: HoldoutEvaluation, challenger: _Challenger
) -> RoundRecord:
    """Move the aliases as the gate decided and save the round's record."""
    is_promoted = evaluation.decision.is_promoted
    if is_promoted:
        ports.registry.set_alias(CHAMPION, challenger.version)
        if ports.registry.version_at(BASELINE) is None:
            ports.registry.set_alias(BASELINE, challenger.version)
    record = RoundRecord(
        round=current_round(ports.tables),
        closed_at=ports.clock(),
        gold_version=version.version,
        gold_digest=version.digest,
        n_gold=version.n_records,
        n_annotations=annotation_counts(read_annotations(ports.tables.annotations)).answers,
        model_version=challenger.version,
        outcome="promoted" if is_promoted else "refused",
        decision=evaluation.decision,
        evaluations=evaluation.evaluations,
        mlflow_run_id=challenger.mlflow_run_id,
        lanes={},
    )
    save_round(ports.tables.rounds, record)
    return record


def rollback(
    registry: ModelRegistry, rounds: Sequence[RoundRecord], *, to: str | None = None
) -> tuple[str, str]:
    """Point the champion alias at version `to`, or at the champion before the present one; return (from, to).

    Raises:
        ModelError: there is no champion, no champion before it, or no such version.
    """
    present = registry.version_at(CHAMPION)
    if present is None:
        raise ModelError("There is no champion to roll back from. Run `goldloop retrain` first.")
    if to is None:
        promoted = [record.model_version for record in rounds if record.is_promoted]
        earlier = promoted[: promoted.index(present)] if present in promoted else promoted
        if not earlier or earlier[-1] is None:
            raise ModelError(
                f"No model was champion before version {present}. Name a version with --to VERSION."
            )
        to = earlier[-1]
    registry.set_alias(CHAMPION, to)
    return present, to


@contextmanager
def _failing(runs: TrainingRuns, mlflow_run_id: str, step: str) -> Iterator[None]:
    """Close the run as failed when `step` raises."""
    try:
        yield
    except BaseException as error:
        runs.fail(mlflow_run_id, f"{step} failed: {error}")
        raise


def _settings_digest(settings: Settings) -> str:
    relevant = {
        "labels": settings.labels,
        "model": settings.model.model_dump(),
        "gate": settings.gate.model_dump(),
    }
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()[:16]


def _of_split(records: Sequence[GoldRecord], split: Split) -> list[GoldRecord]:
    return [record for record in records if record.split is split]


def _check_enough(records: Sequence[GoldRecord], version: GoldVersion) -> None:
    train, holdout = _of_split(records, Split.TRAIN), _of_split(records, Split.HOLDOUT)
    n_labels = len({record.label for record in train})
    if n_labels < 2:
        raise EmptyPoolError(
            f"Gold version {version.version} has {len(train)} train samples of {n_labels} labels; training "
            "needs at least two labels. Answer more tasks, then run `goldloop pull`."
        )
    if not holdout:
        raise EmptyPoolError(
            f"Gold version {version.version} has no holdout sample, so no model can be evaluated. Answer the "
            "audit tasks, then run `goldloop pull`; selection.audit_rate must be above 0."
        )
