"""Retraining: from a gold version to a challenger, judged beside champion and baseline, and the gate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from goldloop.core.errors import EmptyPoolError, ModelError
from goldloop.core.ports import ContentStore, Tables
from goldloop.core.splits import Split
from goldloop.drift.checks import check_drift
from goldloop.drift.regimes import current_samples
from goldloop.gold.near_duplicates import check_no_leak
from goldloop.gold.records import GoldRecord, GoldVersion
from goldloop.settings import Settings
from goldloop.tables.batches import read_reference, save_batch
from goldloop.tables.counts import annotation_counts
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.rounds import current_round, read_rounds, save_round
from goldloop.training.evaluate import BASELINE, CHALLENGER, CHAMPION, HoldoutEvaluation, judge, weights_of
from goldloop.training.ports import ModelRegistry, Trainer, TrainingRuns
from goldloop.training.round_record import RoundRecord
from goldloop.training.run_record import GoldSource, TrainingRecord, TrainingStart

Plots = Callable[[HoldoutEvaluation], Mapping[str, bytes]]
"""Artifacts by relative path, from what the models said of the holdout."""


@dataclass(frozen=True, slots=True)
class RetrainContext:
    """What retraining works with."""

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
    say: Callable[[str], None]
    advance: Callable[[float], None] = lambda _: None


def retrain(shop: RetrainContext) -> RoundRecord | None:
    """Train a challenger on the newest gold, judge it on holdout, let the gate decide and close the round.

    Returns None when the newest challenger already is what this gold and these settings give and its round is
    closed: nothing new has been learned. A retrain that was killed is finished, not begun again, if its model
    had been registered.

    Raises:
        EmptyPoolError: too little gold to train or to judge; the message says what is missing.
        HoldoutLeakError: a sample, or a near-duplicate of one, both trains and judges.
    """
    version = shop.gold.newest()
    records = shop.gold.records(version.version)
    check_no_leak((one.sample_id, one.group, one.split) for one in records)
    _check_enough(records, version)
    challenger = shop.registry.version_at(CHALLENGER)
    tags = shop.registry.load(challenger).tags if challenger else {}
    made_from = {"goldloop.gold_digest": version.digest, "goldloop.settings": _settings_digest(shop.settings)}
    if challenger and made_from.items() <= tags.items():
        closed = read_rounds(shop.tables.rounds)
        if closed and closed[-1].model_version == challenger:
            return None
        shop.say(
            f"model {challenger} was trained on this gold before the last retrain broke off; going on with it"
        )
        run_id = shop.registry.load(challenger).mlflow_run_id
        history: Mapping[str, tuple[float, ...]] = {}
        champion = tags.get("goldloop.champion") or None
    else:
        champion = shop.registry.version_at(CHAMPION)
        challenger, run_id, history = _train(
            shop, version, records, {**made_from, "goldloop.champion": champion or ""}
        )
    try:
        evaluation = judge(
            roles={
                CHALLENGER: challenger,
                CHAMPION: champion,
                BASELINE: shop.registry.version_at(BASELINE),
            },
            holdout=_of_split(records, Split.HOLDOUT),
            version=version,
            settings=shop.settings,
            scorer_of=lambda model: shop.trainer.scorer(shop.registry.load(model).folder),
            store=shop.store,
            current=current_samples(shop.tables),
        )
        plots = shop.plots(evaluation)
    except BaseException as error:
        shop.runs.fail(run_id, f"judging broke off: {error}")
        raise
    _keep(shop, evaluation, challenger)
    shop.runs.record(
        run_id,
        TrainingRecord(evaluation.evaluations, evaluation.decision, history=history, artifacts=plots),
    )
    if evaluation.decision.is_promoted:
        shop.registry.set_alias(CHAMPION, challenger)
        if shop.registry.version_at(BASELINE) is None:
            shop.registry.set_alias(BASELINE, challenger)
    record = RoundRecord(
        round=current_round(shop.tables),
        closed_at=shop.clock(),
        gold_version=version.version,
        gold_digest=version.digest,
        n_gold=version.n_records,
        n_annotations=annotation_counts(shop.tables).answers,
        model_version=challenger,
        outcome="promoted" if evaluation.decision.is_promoted else "refused",
        decision=evaluation.decision,
        evaluations=evaluation.evaluations,
        mlflow_run_id=run_id,
        lanes={},
    )
    save_round(shop.tables.rounds, record)
    return record


def _keep(shop: RetrainContext, evaluation: HoldoutEvaluation, challenger: str) -> None:
    """Keep what the models said of the holdout, and what the challenger saw there as its first batch."""
    at = shop.clock()
    shop.tables.evaluations.append(evaluation.rows(at))
    if read_reference(shop.tables.batches, challenger) is None:
        save_batch(
            shop.tables.batches,
            batch=str(Split.HOLDOUT),
            model_version=challenger,
            scored_at=at,
            sketch=evaluation.sketch,
            check=check_drift(evaluation.sketch, None),
        )


def rollback(registry: ModelRegistry, rounds: list[RoundRecord], *, to: str | None = None) -> tuple[str, str]:
    """Point the champion alias at version `to`, or at the champion before the present one; return (from, to).

    Raises:
        ModelError: there is no champion, or none before it, or no such version.
    """
    present = registry.version_at(CHAMPION)
    if present is None:
        raise ModelError("there is no champion to roll back from; 'goldloop retrain' makes one")
    if to is None:
        promoted = [one.model_version for one in rounds if one.decision and one.decision.is_promoted]
        earlier = promoted[: promoted.index(present)] if present in promoted else promoted
        if not earlier or earlier[-1] is None:
            raise ModelError(f"no champion came before version {present}; name one with --to VERSION")
        to = earlier[-1]
    registry.set_alias(CHAMPION, to)
    return present, to


def _settings_digest(settings: Settings) -> str:
    relevant = {
        "labels": settings.labels,
        "model": settings.model.model_dump(),
        "gate": settings.gate.model_dump(),
    }
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()[:16]


def _of_split(records: list[GoldRecord], split: Split) -> list[GoldRecord]:
    return [one for one in records if one.split is split]


def _check_enough(records: list[GoldRecord], version: GoldVersion) -> None:
    train, holdout = _of_split(records, Split.TRAIN), _of_split(records, Split.HOLDOUT)
    n_labels = len({one.label for one in train})
    if n_labels < 2:
        raise EmptyPoolError(
            f"gold version {version.version} has {len(train)} train samples of {n_labels} labels; "
            "training needs at least two labels: let people answer more tasks, then pull"
        )
    if not holdout:
        raise EmptyPoolError(
            f"gold version {version.version} has no holdout sample, so no model could be judged; "
            "let people answer the audit tasks, then pull (is selection.audit_rate 0?)"
        )


def _train(
    shop: RetrainContext, version: GoldVersion, records: list[GoldRecord], tags: dict[str, str]
) -> tuple[str, str, Mapping[str, tuple[float, ...]]]:
    """Train and register; return the version, its run and the history by epoch."""
    labels, model = shop.settings.label_set, shop.settings.model
    train, validation = _of_split(records, Split.TRAIN), _of_split(records, Split.VALIDATION)
    params = {
        "preset": model.preset,
        "weights": model.weights,
        "seed": model.seed,
        "n_train": len(train),
        "n_validation": len(validation),
        "n_holdout": len(_of_split(records, Split.HOLDOUT)),
        "labels": ",".join(labels),
    }
    run_id = shop.runs.begin(
        TrainingStart(
            name=f"retrain on gold {version.version}",
            params=params,
            gold=GoldSource(shop.gold_uri, version.version, version.digest),
            tags=tags,
        )
    )
    try:
        trained = shop.trainer.train(
            [(one.sample_id, labels.column(one.label)) for one in train],
            [(one.sample_id, labels.column(one.label)) for one in validation],
            labels=labels,
            load=shop.store.load,
            folder=shop.scratch / run_id,
            advance=shop.advance,
            validation_weights=weights_of(validation).tolist(),
        )
        for note in trained.notes:
            shop.say(note)
        graph, example = shop.trainer.exportable(trained.folder) or (None, None)
        challenger = shop.registry.register(
            trained.folder, graph=graph, example=example, mlflow_run_id=run_id, tags=tags
        )
        shop.registry.set_alias(CHALLENGER, challenger)
    except BaseException as error:
        shop.runs.fail(run_id, f"training broke off: {error}")
        raise
    return challenger, run_id, trained.history
