"""Evaluation on the holdout: baseline, champion and challenger side by side, and the decision of the gate."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from goldloop.audit.audited import Audited, clusters_of
from goldloop.core.chance import permanent_random
from goldloop.core.error_costs import Stakes
from goldloop.core.labels import LabelSet
from goldloop.core.modality import Modality
from goldloop.core.ports import Scorer, Scores
from goldloop.core.probs import Probs, checked_probs, over_labels, restored
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.drift.sketches import Sketch, sketch_of
from goldloop.gold.records import GoldRecord, GoldVersion
from goldloop.settings import Settings
from goldloop.stats.comparison import Comparison, Consequences, compare, compare_losses
from goldloop.stats.metrics import Columns, Estimate, Weights
from goldloop.training.checks import CheckedGroup
from goldloop.training.loss_gate import guarded_labels
from goldloop.training.promotion import Decision, Evaluation, decide, evaluate

BASELINE, CHAMPION, CHALLENGER = "baseline", "champion", "challenger"
MINIBATCH = 128


Judge = Callable[[Audited], Consequences]
"""Returns what the decisions that follow from a model's predictions come to."""


@dataclass(frozen=True, slots=True)
class LossEvidence:
    """What the gate on losses judges by: `judge`, and beside the holdout what train samples tell.

    `caught_in_train` is that of `goldloop.stats.comparison.LossComparison`.
    """

    judge: Judge
    caught_in_train: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HoldoutEvaluation:
    """What each model predicted on the holdout, how accurate it was, and the decision of the gate.

    `probs` (n, n_labels) are by model version, `evaluations` by role; `truth` (n,) are label-set columns,
    `weights` (n,) inverse inclusion probabilities, `clusters` (n,) what samples belong to, `stakes` (n,) what
    is at stake. `sketch`
    summarises the challenger's predictions on a random draw of current traffic; its first batch is compared
    with it.
    """

    sample_ids: tuple[SampleId, ...]
    truth: Columns
    weights: Weights
    clusters: npt.NDArray[np.str_]
    probs: Mapping[str, Probs]
    evaluations: Mapping[str, Evaluation]
    decision: Decision
    gold_version: int
    sketch: Sketch
    stakes: Stakes

    def audited(self, role: str) -> Audited:
        """Return the holdout as the model in `role` evaluated it."""
        probs = self.probs[self.evaluations[role].model_version]
        return _Holdout(self.sample_ids, self.truth, self.weights, self.clusters, self.stakes).judged(probs)


@dataclass(frozen=True, slots=True)
class _Holdout:
    """The samples of the holdout, (n,) each: ids, true columns, weights, what they belong to, stakes."""

    sample_ids: tuple[SampleId, ...]
    truth: Columns
    weights: Weights
    clusters: npt.NDArray[np.str_]
    stakes: Stakes

    def judged(self, probs: Probs) -> Audited:
        """Return the holdout with the probs (n, n_labels) of one model."""
        n = len(self.truth)
        return Audited(
            sample_ids=self.sample_ids,
            truth=self.truth,
            probs=probs,
            weights=self.weights,
            clusters=self.clusters,
            lanes=np.full(n, "", dtype="<U6"),
            rounds=np.full(n, -1, dtype=np.intp),
            stakes=self.stakes,
        )

    def evaluated(self, probs: Probs, labels: LabelSet, model: str, version: GoldVersion) -> Evaluation:
        """Return how accurate the probs of the model with this version are on a gold version."""
        return evaluate(
            probs,
            self.truth,
            labels=labels,
            model_version=model,
            split=str(Split.HOLDOUT),
            gold_version=version.version,
            gold_digest=version.digest,
            weights=self.weights,
            clusters=self.clusters,
        )


def evaluate_on_holdout(
    *,
    roles: Mapping[str, str | None],
    holdout: Sequence[GoldRecord],
    version: GoldVersion,
    settings: Settings,
    scorer_of: Callable[[str], Scorer],
    modality: Modality,
    current: Collection[SampleId],
    is_proven: bool = True,
    checks: Sequence[CheckedGroup] = (),
    losses: LossEvidence | None = None,
) -> HoldoutEvaluation:
    """Return the evaluation of the models in `roles` on the same `holdout`, and the decision of the gate.

    Each sample has the weight 1 / its inclusion probability, so that the holdout stands for all traffic.
    `current` are the samples of the rounds that still count; the sketch is of these alone. `is_proven` tells
    whether something speaks for the champion; `checks` are the results of these models in behaviour checks.
    `losses` is what the gate on losses judges by; None where it judges accuracy.
    """
    labels = settings.label_set
    samples = _samples(holdout, modality, labels)
    models = {role: model for role, model in roles.items() if model is not None}
    scores = {
        model: score_records(scorer_of(model), holdout, modality, labels)
        for model in sorted(set(models.values()))
    }
    probs = {model: of_model.probs for model, of_model in scores.items()}
    evaluations = {
        role: samples.evaluated(probs[model], labels, model, version) for role, model in models.items()
    }
    comparison = None
    if CHAMPION in models:
        new, old = (samples.judged(probs[models[role]]) for role in (CHALLENGER, CHAMPION))
        comparison = _compared(new, old, labels, losses)
    decision = decide(
        settings.gate,
        champion=evaluations.get(CHAMPION),
        challenger=evaluations[CHALLENGER],
        comparison=comparison,
        is_proven=is_proven,
        checks=checks,
        guarded=guarded_labels(settings.gate, labels),
    )
    ids, weights = samples.sample_ids, samples.weights
    sketch = _sketch(scores[models[CHALLENGER]], ids, weights, settings, current=current)
    return HoldoutEvaluation(
        ids,
        samples.truth,
        weights,
        samples.clusters,
        probs,
        evaluations,
        decision,
        version.version,
        sketch,
        samples.stakes,
    )


def _compared(
    challenger: Audited,
    champion: Audited,
    labels: LabelSet,
    losses: LossEvidence | None,
) -> Comparison:
    """Return how two models compare on the same samples, with losses where the gate judges these."""
    drawn: dict[str, Any] = {"weights": champion.weights, "clusters": champion.clusters, "labels": labels}
    truth = champion.truth
    comparison = compare(challenger.is_right, champion.is_right, truth, **drawn)
    if losses is None:
        return comparison
    loss = compare_losses(losses.judge(challenger), losses.judge(champion), truth, **drawn)
    return replace(comparison, loss=replace(loss, caught_in_train=losses.caught_in_train))


def caught_difference(
    records: Sequence[GoldRecord],
    challenger: Probs,
    champion: Probs,
    *,
    modality: Modality,
    labels: LabelSet,
    judge: Judge,
) -> Mapping[str, Estimate]:
    """Return, by label, the share of `records` that decisions do not miss, challenger minus champion.

    Both probs are (n, n_labels), in the order of `records`.
    """
    samples = _samples(records, modality, labels)
    ours, theirs = (judge(samples.judged(probs)) for probs in (challenger, champion))
    drawn: dict[str, Any] = {"weights": samples.weights, "clusters": samples.clusters, "labels": labels}
    return compare_losses(ours, theirs, samples.truth, **drawn).caught


def _samples(holdout: Sequence[GoldRecord], modality: Modality, labels: LabelSet) -> _Holdout:
    """Return the samples of the holdout; what is at stake is read from the store where the kind has it."""
    stakes = np.zeros(len(holdout))
    if modality.has_stakes:
        stakes = np.array([modality.store.load(one.sample_id).stake or 0.0 for one in holdout])
    return _Holdout(
        sample_ids=tuple(record.sample_id for record in holdout),
        truth=np.array([labels.column(record.label) for record in holdout], dtype=np.intp),
        weights=weights_of(holdout),
        clusters=clusters_of(holdout),
        stakes=stakes,
    )


def weights_of(records: Sequence[GoldRecord]) -> Weights:
    """Return inverse inclusion probabilities (n,) of audited samples; 1 where none is known."""
    return np.array([1 / (record.inclusion_probability or 1.0) for record in records])


def _sketch(
    scores: Scores,
    ids: Sequence[SampleId],
    weights: Weights,
    settings: Settings,
    *,
    current: Collection[SampleId],
) -> Sketch:
    """Return the sketch of a uniform draw: of samples drawn with a higher probability fewer are kept."""
    seed, most = settings.selection.seed, weights.max()
    kept = [
        row
        for row, (sample_id, weight) in enumerate(zip(ids, weights, strict=True))
        if sample_id in current and permanent_random(sample_id, seed, "drift") < weight / most
    ]
    return sketch_of(scores.probs[kept], scores.embeddings[kept], settings.label_set)


def score_records(
    scorer: Scorer, records: Sequence[GoldRecord], modality: Modality, labels: LabelSet
) -> Scores:
    """Return the scores of at least one sample, which each model gets as its own preset takes them."""
    store = modality.for_preset(scorer.preset).store
    return scored(scorer, (store.load(record.sample_id).payload for record in records), labels)


def scored(scorer: Scorer, payloads: Iterable[Any], labels: LabelSet) -> Scores:
    """Return the scores of at least one payload, with probs over `labels` as `over_labels` moves columns.

    The probs are rounded as tables keep them, so that figures computed from the tables are the same.
    """
    rows, embeddings, waiting = [], [], iter(payloads)
    while chunk := list(islice(waiting, MINIBATCH)):
        minibatch = scorer(chunk)
        rows.append(over_labels(checked_probs(minibatch.probs, scorer.labels), scorer.labels.names, labels))
        embeddings.append(minibatch.embeddings)
    return Scores(restored(np.concatenate(rows)), np.concatenate(embeddings))
