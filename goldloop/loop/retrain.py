"""Retrain: a challenger from the newest gold, evaluated beside champion and baseline, and the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from goldloop.consensus.outcomes import open_audit_note
from goldloop.consensus.provisional import ProvisionalLabel
from goldloop.core.annotations import Answer
from goldloop.core.errors import EmptyPoolError, ModelError
from goldloop.core.scratch import scratch_folder
from goldloop.core.splits import Split
from goldloop.drift.checks import check_drift
from goldloop.drift.history import Seen
from goldloop.gold.enough import Labelled, Shortage, shortage_of, train_labels
from goldloop.gold.leaks import check_no_leak
from goldloop.labeling.context import LoopState, read_state
from goldloop.loop.challenger import (
    Challenger,
    failing,
    of_split,
    recipe_digest,
    resumed_challenger,
    train_challenger,
)
from goldloop.loop.champion import check_champion, load_model
from goldloop.loop.checks import checks_digest, checks_of_retrain, learnt_from
from goldloop.loop.left_out import without_left_out
from goldloop.loop.outlook import round_outlook
from goldloop.loop.ports import LoopPorts
from goldloop.loop.preset import choose_from_samples
from goldloop.loop.preset_comparison import compare_presets
from goldloop.loop.presumed import presumed_labels
from goldloop.loop.rare_labels import loss_evidence
from goldloop.loop.readable_gold import readable_gold
from goldloop.settings.sections import ConsensusSettings
from goldloop.tables.answers import read_annotations
from goldloop.tables.batches import read_current_samples, read_reference, save_batch
from goldloop.tables.counts import annotation_counts
from goldloop.tables.gold_store import Gold
from goldloop.tables.left_out import read_left_out
from goldloop.tables.model_log import read_models
from goldloop.tables.rounds import current_round, save_round
from goldloop.tables.traffic import save_evaluation
from goldloop.training.checks import CheckReport, failures_csv
from goldloop.training.evaluate import (
    BASELINE,
    CHALLENGER,
    CHAMPION,
    HoldoutEvaluation,
    evaluate_on_holdout,
)
from goldloop.training.model_description import model_description
from goldloop.training.model_history import ModelHistory, ModelId
from goldloop.training.ports import TrainingRecord
from goldloop.training.promotion import RoundRecord


def retrain(ports: LoopPorts, notes: list[str]) -> RoundRecord | None:
    """Train a challenger on the newest gold and on provisional labels, evaluate it on the holdout, let the
    gate decide, close the round; sentences for the user are added to `notes`. Samples whose content cannot be
    read are left out.
    The first retrain with enough labels also compares presets, where goldloop chose the present one.

    Returns None when the newest challenger was trained on these labels with these settings and its round is
    closed. A retrain that was killed after its model had been registered is finished, not begun again.

    Raises:
        EmptyPoolError: too little gold to train or to evaluate; the message names what is missing.
        HoldoutLeakError: a sample, a near-duplicate or one of its author is in train and in the holdout.
        BusyError: another retrain is at work.
        ModelError: the champion is missing from the registry, or its files were changed.
    """
    with ports.alone("retrain"):
        record = _retrain(ports, notes)
        if record is not None:
            compare_presets(ports, notes)
    return record


def _retrain(ports: LoopPorts, notes: list[str]) -> RoundRecord | None:
    with (
        scratch_folder("retrain") as scratch,
        ports.progress.share_done("training") as advance,
    ):
        choice = choose_from_samples(ports)
        notes += [] if choice is None else [f"preset {choice}"]
        state = read_state(ports.tables, ports.settings)
        unsettled = open_audit_note(state.outcomes.samples)
        notes += [unsettled] if unsettled else []
        gold = state.snapshot.gold
        provisional = [*state.provisional, *presumed_labels(ports, state, notes)]
        check_no_leak([*gold.records, *provisional])
        check_not_alone(state, ports.settings.consensus)
        _check_enough(gold.version.version, state.labelled)
        notes += check_champion(ports, read_models(ports.tables).champion)
        history = read_models(ports.tables)
        left_out = read_left_out(ports.tables.left_out)
        recipe = recipe_digest(
            ports.settings, provisional, left_out=left_out, checks=lambda: checks_digest(ports)
        )
        trained = history.challenger(gold_digest=gold.version.digest, settings=recipe)
        if trained and history.rounds and history.rounds[-1].model_version == trained.version:
            return None
        challenger = None if trained is None else resumed_challenger(ports, trained, notes)
        gold, provisional = without_left_out(gold, provisional, left_out, notes)
        gold, provisional = readable_gold(ports, gold, provisional, notes, check=_check_enough)
        if challenger is None:
            challenger = train_challenger(
                ports,
                gold,
                history,
                provisional=provisional,
                recipe=recipe,
                notes=notes,
                scratch=scratch,
                advance=advance,
            )
        evaluation, checks = _evaluate(
            ports, gold, provisional, challenger, history, scratch=scratch, notes=notes
        )
        answers = state.outcomes.answers
        return _close_round(ports, gold, evaluation, challenger, history, checks=checks, answers=answers)


def retrain_if_possible(ports: LoopPorts) -> tuple[RoundRecord | None, list[str]]:
    """Retrain; too little gold, or none that is new, is a normal result of a round and told in the notes."""
    notes: list[str] = []
    try:
        record = retrain(ports, notes)
    except EmptyPoolError as error:
        return None, [*notes, f"no retrain: {error}"]
    return record, notes if record else [*notes, "no retrain: no new labels since the last one"]


def _evaluate(
    ports: LoopPorts,
    gold: Gold,
    provisional: Sequence[ProvisionalLabel],
    challenger: Challenger,
    history: ModelHistory,
    *,
    scratch: Path,
    notes: list[str],
) -> tuple[HoldoutEvaluation, CheckReport | None]:
    """Evaluate challenger, champion and baseline, store it, and close the run with figures and plots.

    `gold` and `provisional` are what the challenger learnt from.
    """
    runs, trainer = ports.open_runs(), ports.trainer()
    models = {CHALLENGER: challenger.model, CHAMPION: history.champion, BASELINE: history.baseline}
    with failing(runs, challenger.mlflow_run_id, "evaluation"):
        folders = _folders(ports, models, notes)
        roles = {role: model.version for role, model in models.items() if model}
        scorer_of = cache(lambda version: trainer.scorer(folders[version]))
        before = history.rounds[-1].checks if history.rounds else None
        learnt = learnt_from(ports, [*gold.records, *provisional])
        champion = scorer_of(roles[CHAMPION]) if CHAMPION in roles else None
        losses = loss_evidence(ports, gold, provisional, history, champion=champion, scratch=scratch)
        checked = checks_of_retrain(ports, roles, scorer_of, learnt=learnt, before=before, notes=notes)
        evaluation = evaluate_on_holdout(
            roles=roles,
            holdout=of_split(gold, Split.HOLDOUT),
            version=gold.version,
            settings=ports.settings,
            scorer_of=scorer_of,
            modality=ports.modality,
            current=read_current_samples(ports.tables),
            is_proven=history.is_proven,
            checks=checked.report.groups if checked else (),
            losses=losses,
        )
        artifacts = dict(ports.plots(evaluation))
    _save_evaluation(ports, evaluation, challenger.model)
    if checked:
        artifacts |= {"checks.csv": failures_csv(checked.failed)}
    report = checked.report if checked else None
    figures = (evaluation.evaluations, evaluation.decision, challenger.history)
    runs.record(challenger.mlflow_run_id, TrainingRecord(*figures, artifacts, report))
    return evaluation, report


def _save_evaluation(ports: LoopPorts, evaluation: HoldoutEvaluation, model: ModelId) -> None:
    """Store what each model predicted, and the sketch that the first batch of `model` is compared with."""
    at = ports.clock()
    save_evaluation(ports.tables.evaluations, evaluation, ports.settings.label_set, at=at)
    if read_reference(ports.tables.batches, model.version) is None:
        check = check_drift(evaluation.sketch, None)
        save_batch(
            ports.tables.batches, Seen(str(Split.HOLDOUT), model.version, at, evaluation.sketch, check)
        )


def _folders(ports: LoopPorts, models: dict[str, ModelId | None], notes: list[str]) -> dict[str, Path]:
    """Return the verified files of `models` by version; remove a lost baseline from `models` and note it."""
    folders = {}
    for role, model in models.items():
        try:
            if model is not None:
                folders[model.version] = load_model(ports, model).folder
        except ModelError as error:
            if role != BASELINE:
                raise
            notes.append(f"The baseline is left out: {error}")
            models[role] = None
    return folders


def _close_round(
    ports: LoopPorts,
    gold: Gold,
    evaluation: HoldoutEvaluation,
    challenger: Challenger,
    history: ModelHistory,
    *,
    checks: CheckReport | None,
    answers: Sequence[Answer],
) -> RoundRecord:
    """Move the aliases as the gate decided and save the round's record, which is the decision that counts.

    `answers` are all that count.
    """
    registry, version, model = ports.open_registry(), gold.version, challenger.model
    is_promoted = evaluation.decision.is_promoted
    if is_promoted:
        registry.set_alias(CHAMPION, model.version, model.digest)
        if history.baseline is None:
            registry.set_alias(BASELINE, model.version, model.digest)
    if model.digest is not None:
        text = model_description(evaluation.decision, evaluation.evaluations)
        registry.describe(model.version, model.digest, text)
    record = RoundRecord(
        round=current_round(ports.tables),
        closed_at=ports.clock(),
        gold_version=version.version,
        gold_digest=version.digest,
        n_gold=version.n_records,
        n_annotations=annotation_counts(read_annotations(ports.tables.annotations)).answers,
        model_version=model.version,
        outcome="promoted" if is_promoted else "refused",
        decision=evaluation.decision,
        evaluations=evaluation.evaluations,
        mlflow_run_id=challenger.mlflow_run_id,
        lanes={},
        model_digest=model.digest,
        checks=checks,
    )
    rounds = [*history.rounds, record]
    record = replace(record, outlook=round_outlook(ports, gold.records, answers, evaluation, rounds))
    save_round(ports.tables.rounds, record)
    history = read_models(ports.tables)
    kept = (model, history.champion, history.before_champion, history.baseline)
    registry.prune_copies({one.digest for one in kept if one and one.digest})
    return record


def check_not_alone(state: LoopState, consensus: ConsensusSettings) -> None:
    """Raise where only one annotator has answered the audit, and each sample of it needs another.

    Raises:
        EmptyPoolError: with both ways out.
    """
    audits = [sample.evidence for sample in state.outcomes.samples if sample.evidence.is_strict]
    people = {vote.annotator for evidence in audits for vote in evidence.votes}
    lacks = any(len(evidence.votes) < evidence.n_first for evidence in audits)
    if shortage_of(state.labelled) is Shortage.HOLDOUT and len(people) == 1 and lacks:
        raise EmptyPoolError(
            "Only one annotator has answered audit tasks, and each needs the answers of "
            f"{consensus.audit_answers} different ones before it can judge a model. Make another login "
            "(`goldloop annotator add E-MAIL`); they open the same address. If you work alone, "
            "set audit_answers = 1, max_answers = 1, method = 'majority' under [consensus] in "
            "goldloop.toml. Then run `goldloop round` again."
        )


def _check_enough(number: int, labelled: Sequence[Labelled]) -> None:
    shortage = shortage_of(labelled)
    if shortage is Shortage.LABELS:
        n_train = sum(one.split is Split.TRAIN for one in labelled)
        raise EmptyPoolError(
            f"There are {n_train} train samples of {len(train_labels(labelled))} labels at gold version "
            f"{number}; training needs at least two labels. Answer more tasks, then run `goldloop pull`."
        )
    if shortage is Shortage.HOLDOUT:
        raise EmptyPoolError(
            f"Gold version {number} has no holdout sample, so no model can be evaluated. Answer the "
            "audit tasks, then run `goldloop pull`; selection.audit_rate must be above 0."
        )
