"""Retrain: a challenger from the newest gold, evaluated beside champion and baseline, and the gate."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from goldloop.consensus.outcomes import open_audit_note
from goldloop.core.errors import EmptyPoolError, ModelError
from goldloop.core.probs import column_names
from goldloop.core.splits import Split
from goldloop.drift.checks import check_drift
from goldloop.drift.history import Seen
from goldloop.gold.near_duplicates import check_no_leak
from goldloop.gold.records import GoldRecord
from goldloop.labeling.context import read_state
from goldloop.loop.ports import LoopPorts
from goldloop.loop.readable_gold import readable_gold
from goldloop.settings import Settings
from goldloop.tables.answers import read_annotations
from goldloop.tables.batches import read_current_samples, read_reference, save_batch
from goldloop.tables.counts import annotation_counts
from goldloop.tables.gold_store import Gold, GoldStore
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
from goldloop.training.ports import ModelRegistry, TrainingRecord, TrainingRuns, TrainingStart
from goldloop.training.promotion import RoundRecord


@dataclass(frozen=True, slots=True)
class _Challenger:
    """A registered model, its run, and the champion when it was trained; `history` is by metric and epoch."""

    version: str
    mlflow_run_id: str
    champion: str | None
    history: Mapping[str, tuple[float, ...]]


def retrain(ports: LoopPorts, notes: list[str]) -> RoundRecord | None:
    """Train a challenger on the newest gold, evaluate it on the holdout, let the gate decide, close the
    round; sentences for the user are added to `notes`. Samples whose content cannot be read are left out.

    Returns None when the newest challenger was trained on this gold with these settings and its round is
    closed. A retrain that was killed after its model had been registered is finished, not begun again.

    Raises:
        EmptyPoolError: too little gold to train or to evaluate; the message names what is missing.
        HoldoutLeakError: a sample, or a near-duplicate of it, is in train and in the holdout.
        BusyError: another retrain is at work.
    """
    with (
        ports.alone("retrain"),
        tempfile.TemporaryDirectory(prefix="goldloop-retrain-") as scratch,
        ports.progress.share_done("training") as advance,
    ):
        unsettled = open_audit_note(read_state(ports.tables, ports.settings).outcomes.samples)
        notes += [unsettled] if unsettled else []
        gold = GoldStore(ports.tables.gold).read()
        check_no_leak((record.sample_id, record.group, record.split) for record in gold.records)
        _check_enough(gold)
        digests = {
            "goldloop.gold_digest": gold.version.digest,
            "goldloop.settings": _settings_digest(ports.settings),
        }
        challenger = _registered(ports, digests)
        if challenger is not None:
            closed = read_rounds(ports.tables.rounds)
            if closed and closed[-1].model_version == challenger.version:
                return None
            notes.append(
                f"The last retrain broke off after training model {challenger.version}; continuing it."
            )
        gold = readable_gold(ports, gold, notes, check=_check_enough)
        if challenger is None:
            challenger = _train(ports, gold, digests, notes=notes, scratch=Path(scratch), advance=advance)
        return _close_round(ports, gold, _evaluate(ports, gold, challenger), challenger)


def retrain_if_possible(ports: LoopPorts) -> tuple[RoundRecord | None, list[str]]:
    """Retrain; too little gold, or none that is new, is a normal result of a round and told in the notes."""
    notes: list[str] = []
    try:
        record = retrain(ports, notes)
    except EmptyPoolError as error:
        return None, [*notes, f"no retrain: {error}"]
    return record, notes if record else [*notes, "no retrain: no new gold since the last one"]


def _registered(ports: LoopPorts, digests: Mapping[str, str]) -> _Challenger | None:
    """Return the newest challenger if its tags hold `digests`: gold and settings have not changed since."""
    registry = ports.open_registry()
    version = registry.version_at(CHALLENGER)
    if version is None:
        return None
    model = registry.load(version)
    if not digests.items() <= model.tags.items():
        return None
    return _Challenger(version, model.mlflow_run_id, model.tags.get("goldloop.champion") or None, {})


def _train(
    ports: LoopPorts,
    gold: Gold,
    digests: Mapping[str, str],
    *,
    notes: list[str],
    scratch: Path,
    advance: Callable[[float], None],
) -> _Challenger:
    """Train and register a challenger."""
    registry, runs, trainer = ports.open_registry(), ports.open_runs(), ports.open_trainer()
    labels, champion = ports.settings.label_set, registry.version_at(CHAMPION)
    validation = _of_split(gold, Split.VALIDATION)
    tags = {**digests, "goldloop.champion": champion or ""}
    run_id = runs.begin(_start(ports, gold, tags))
    with _failing(runs, run_id, "training"):
        trained = trainer.train(
            [(record.sample_id, labels.column(record.label)) for record in _of_split(gold, Split.TRAIN)],
            [(record.sample_id, labels.column(record.label)) for record in validation],
            labels=labels,
            load=ports.modality.store.load,
            folder=scratch / run_id,
            advance=advance,
            validation_weights=weights_of(validation).tolist(),
        )
        notes += trained.notes
        graph, example = trainer.exportable(trained.folder) or (None, None)
        challenger = registry.register(
            trained.folder, graph=graph, example=example, mlflow_run_id=run_id, tags=tags
        )
        registry.set_alias(CHALLENGER, challenger)
    return _Challenger(challenger, run_id, champion, trained.history)


def _start(ports: LoopPorts, gold: Gold, tags: Mapping[str, str]) -> TrainingStart:
    model, version = ports.settings.model, gold.version
    return TrainingStart(
        name=f"retrain on gold {version.version}",
        params={
            "preset": model.preset,
            "weights": model.weights,
            "seed": model.seed,
            "n_train": len(_of_split(gold, Split.TRAIN)),
            "n_validation": len(_of_split(gold, Split.VALIDATION)),
            "n_holdout": len(_of_split(gold, Split.HOLDOUT)),
            "labels": column_names(ports.settings.label_set),
        },
        gold_uri=ports.gold_uri,
        gold_version=version.version,
        gold_digest=version.digest,
        tags=tags,
    )


def _evaluate(ports: LoopPorts, gold: Gold, challenger: _Challenger) -> HoldoutEvaluation:
    """Evaluate challenger, champion and baseline, store it, and close the run with figures and plots."""
    registry, runs, trainer = ports.open_registry(), ports.open_runs(), ports.open_trainer()
    with _failing(runs, challenger.mlflow_run_id, "evaluation"):
        evaluation = evaluate_on_holdout(
            roles={
                CHALLENGER: challenger.version,
                CHAMPION: challenger.champion,
                BASELINE: registry.version_at(BASELINE),
            },
            holdout=_of_split(gold, Split.HOLDOUT),
            version=gold.version,
            settings=ports.settings,
            scorer_of=lambda model: trainer.scorer(registry.load(model).folder),
            store=ports.modality.store,
            current=read_current_samples(ports.tables),
        )
        plots = ports.plots(evaluation)
    at = ports.clock()
    save_evaluation(ports.tables.evaluations, evaluation, ports.settings.label_set, at=at)
    if read_reference(ports.tables.batches, challenger.version) is None:
        check = check_drift(evaluation.sketch, None)
        seen = Seen(str(Split.HOLDOUT), challenger.version, at, evaluation.sketch, check)
        save_batch(ports.tables.batches, seen)
    record = TrainingRecord(evaluation.evaluations, evaluation.decision, challenger.history, plots)
    runs.record(challenger.mlflow_run_id, record)
    return evaluation


def _close_round(
    ports: LoopPorts, gold: Gold, evaluation: HoldoutEvaluation, challenger: _Challenger
) -> RoundRecord:
    """Move the aliases as the gate decided and save the round's record."""
    registry, version = ports.open_registry(), gold.version
    is_promoted = evaluation.decision.is_promoted
    if is_promoted:
        registry.set_alias(CHAMPION, challenger.version)
        if registry.version_at(BASELINE) is None:
            registry.set_alias(BASELINE, challenger.version)
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


def _of_split(gold: Gold, split: Split) -> list[GoldRecord]:
    return [record for record in gold.records if record.split is split]


def _check_enough(gold: Gold) -> None:
    number, train = gold.version.version, _of_split(gold, Split.TRAIN)
    n_labels = len({record.label for record in train})
    if n_labels < 2:
        raise EmptyPoolError(
            f"Gold version {number} has {len(train)} train samples of {n_labels} labels; training "
            "needs at least two labels. Answer more tasks, then run `goldloop pull`."
        )
    if not _of_split(gold, Split.HOLDOUT):
        raise EmptyPoolError(
            f"Gold version {number} has no holdout sample, so no model can be evaluated. Answer the "
            "audit tasks, then run `goldloop pull`; selection.audit_rate must be above 0."
        )
