"""Evaluation on the holdout: baseline, champion and challenger side by side, and the decision of the gate."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from goldloop.audit.audited import Audited, clusters_of
from goldloop.core.chance import permanent_random
from goldloop.core.labels import LabelSet
from goldloop.core.modality import Modality
from goldloop.core.ports import Scorer, Scores
from goldloop.core.probs import Probs, checked_probs, over_labels, restored
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.drift.sketches import Sketch, sketch_of
from goldloop.gold.records import GoldRecord, GoldVersion
from goldloop.settings import Settings
from goldloop.stats.comparison import compare
from goldloop.stats.metrics import Columns, Weights
from goldloop.training.checks import CheckedGroup
from goldloop.training.promotion import Decision, Evaluation, decide, evaluate

BASELINE, CHAMPION, CHALLENGER = "baseline", "champion", "challenger"
MINIBATCH = 128


@dataclass(frozen=True, slots=True)
class HoldoutEvaluation:
    """What each model predicted on the holdout, how accurate it was, and the decision of the gate.

    `probs` (n, n_labels) are by model version, `evaluations` by role; `truth` (n,) are label-set columns,
    `weights` (n,) inverse inclusion probabilities, `clusters` (n,) what samples belong to. `sketch`
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

    def audited(self, role: str) -> Audited:
        """Return the holdout as the model in `role` evaluated it."""
        n = len(self.truth)
        probs = self.probs[self.evaluations[role].model_version]
        return Audited(
            sample_ids=self.sample_ids,
            truth=self.truth,
            probs=probs,
            weights=self.weights,
            clusters=self.clusters,
            lanes=np.full(n, "", dtype="<U6"),
            rounds=np.full(n, -1, dtype=np.intp),
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
) -> HoldoutEvaluation:
    """Return the evaluation of the models in `roles` on the same `holdout`, and the decision of the gate.

    Each sample has the weight 1 / its inclusion probability, so that the holdout stands for all traffic.
    `current` are the samples of the rounds that still count; the sketch is of these alone. `is_proven` tells
    whether something speaks for the champion; `checks` are the results of these models in behaviour checks.
    """
    labels = settings.label_set
    truth = np.array([labels.column(record.label) for record in holdout], dtype=np.intp)
    weights, clusters = weights_of(holdout), clusters_of(holdout)
    models = {role: model for role, model in roles.items() if model is not None}
    scores = {
        model: _scored(scorer_of(model), holdout, modality, labels) for model in sorted(set(models.values()))
    }
    probs = {model: of_model.probs for model, of_model in scores.items()}
    evaluations = {
        role: evaluate(
            probs[model],
            truth,
            labels=labels,
            model_version=model,
            split=str(Split.HOLDOUT),
            gold_version=version.version,
            gold_digest=version.digest,
            weights=weights,
            clusters=clusters,
        )
        for role, model in models.items()
    }
    right = {role: probs[model].argmax(axis=1) == truth for role, model in models.items()}
    comparison = None
    if CHAMPION in right:
        ours, theirs = right[CHALLENGER], right[CHAMPION]
        comparison = compare(ours, theirs, truth, labels=labels, weights=weights, clusters=clusters)
    decision = decide(
        settings.gate,
        champion=evaluations.get(CHAMPION),
        challenger=evaluations[CHALLENGER],
        comparison=comparison,
        is_proven=is_proven,
        checks=checks,
    )
    ids = tuple(record.sample_id for record in holdout)
    sketch = _sketch(scores[models[CHALLENGER]], ids, weights, settings, current=current)
    return HoldoutEvaluation(
        ids, truth, weights, clusters, probs, evaluations, decision, version.version, sketch
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


def _scored(scorer: Scorer, records: Sequence[GoldRecord], modality: Modality, labels: LabelSet) -> Scores:
    """Return the scores of samples, which each model gets as its own preset takes them."""
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
