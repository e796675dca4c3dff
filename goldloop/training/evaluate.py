"""HoldoutEvaluation: baseline, champion and challenger side by side on one holdout, and what the gate makes of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from goldloop.audit.audited import Audited
from goldloop.core.chance import permanent_random
from goldloop.core.errors import ModelError
from goldloop.core.labels import LabelSet
from goldloop.core.ports import ContentStore, Row, Scorer, Scores
from goldloop.core.probs import Probs, checked_probs, restored
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.drift.sketches import Sketch, SketchBuilder
from goldloop.gold.records import GoldRecord, GoldVersion
from goldloop.settings import Settings
from goldloop.stats.comparison import compare
from goldloop.stats.metrics import Columns, Weights
from goldloop.training.gate import Gate
from goldloop.training.promotion import Decision, Evaluation, decide, evaluate

BASELINE, CHAMPION, CHALLENGER = "baseline", "champion", "challenger"
MINIBATCH = 128


@dataclass(frozen=True, slots=True)
class HoldoutEvaluation:
    """What each model said of the holdout, how well it did there, and the gate's decision.

    `probs` (n, n_labels) are by model version, `evaluations` by role; `truth` (n,) are label-set columns,
    `weights` (n,) inverse inclusion probabilities.
    `sketch` sums up what the challenger saw of current traffic, drawn at random, to which its first batch can
    be compared.
    """

    sample_ids: tuple[SampleId, ...]
    truth: Columns
    weights: Weights
    probs: Mapping[str, Probs]
    evaluations: Mapping[str, Evaluation]
    decision: Decision
    gold_version: int
    sketch: Sketch

    def audited(self, role: str) -> Audited:
        """Return the holdout as the model in `role` judged it."""
        n = len(self.truth)
        probs = self.probs[self.evaluations[role].model_version]
        lanes, rounds = np.full(n, "", dtype="<U6"), np.full(n, -1, dtype=np.intp)
        return Audited(self.sample_ids, self.truth, probs, self.weights, lanes, rounds)

    def rows(self, at: datetime) -> list[Row]:
        """Return a row of the evaluations table for each model and sample."""
        return [
            {
                "sample_id": sample_id,
                "model_version": model,
                "gold_version": self.gold_version,
                "probs": said.tolist(),
                "evaluated_at": at,
            }
            for model, probs in sorted(self.probs.items())
            for sample_id, said in zip(self.sample_ids, probs, strict=True)
        ]


def judge(
    *,
    roles: Mapping[str, str | None],
    holdout: Sequence[GoldRecord],
    version: GoldVersion,
    settings: Settings,
    scorer_of: Callable[[str], Scorer],
    store: ContentStore,
    current: Collection[SampleId],
) -> HoldoutEvaluation:
    """Judge the models that `roles` name on the same `holdout` and let the gate decide.

    `current` are the samples that look like those to come; the sketch is of these alone.
    Samples weigh by how likely the audit drew them, so the holdout speaks for all traffic by either design.

    Raises:
        ModelError: a model knows a label that the settings lack.
    """
    labels = settings.label_set
    truth = np.array([labels.column(one.label) for one in holdout], dtype=np.intp)
    weights = weights_of(holdout)
    models = {role: model for role, model in roles.items() if model is not None}
    scores = {
        model: scored(scorer_of(model), holdout, store, labels) for model in sorted(set(models.values()))
    }
    probs = {model: one.probs for model, one in scores.items()}
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
        )
        for role, model in models.items()
    }
    right = {role: probs[model].argmax(axis=1) == truth for role, model in models.items()}
    comparison = None
    if CHAMPION in models:
        comparison = compare(right[CHALLENGER], right[CHAMPION], truth, labels=labels, weights=weights)
    decision = decide(
        Gate(**settings.gate.model_dump()),
        champion=evaluations.get(CHAMPION),
        challenger=evaluations[CHALLENGER],
        comparison=comparison,
    )
    ids = tuple(one.sample_id for one in holdout)
    sketch = _sketch(scores[models[CHALLENGER]], ids, weights, settings, current=current)
    return HoldoutEvaluation(ids, truth, weights, probs, evaluations, decision, version.version, sketch)


def weights_of(records: Sequence[GoldRecord]) -> Weights:
    """Return inverse inclusion probabilities (n,) of audited samples; 1 where none is known."""
    return np.array([1 / (one.inclusion_probability or 1.0) for one in records])


def _sketch(
    scores: Scores,
    ids: Sequence[SampleId],
    weights: Weights,
    settings: Settings,
    *,
    current: Collection[SampleId],
) -> Sketch:
    """Return what the model saw of a uniform draw: of samples drawn likelier than others fewer are kept."""
    seed, most = settings.selection.seed, weights.max()
    kept = [
        row
        for row, (one, weight) in enumerate(zip(ids, weights, strict=True))
        if one in current and permanent_random(one, seed, "drift") < weight / most
    ]
    builder = SketchBuilder(settings.label_set)
    builder.add(scores.probs[kept], scores.embeddings[kept])
    return builder.sketch()


def scored(scorer: Scorer, records: Sequence[GoldRecord], store: ContentStore, labels: LabelSet) -> Scores:
    """Return scores with probs over `labels`; a model older than some of them gives those probability 0.

    The probs are in the form in which tables keep them, so that whoever reads them judges the same.

    Raises:
        ModelError: the model knows a label that is not among `labels`.
    """
    known = [labels.column(name) for name in scorer.labels if name in labels]
    if len(known) != len(scorer.labels):
        raise ModelError(
            f"a model was trained on labels {list(scorer.labels)}, of which goldloop.toml lacks some: "
            f"{list(labels)}; put them back, or begin a new workspace"
        )
    rows, embeddings = [], []
    for start in range(0, len(records), MINIBATCH):
        part = records[start : start + MINIBATCH]
        minibatch = scorer([store.load(one.sample_id).payload for one in part])
        rows.append(np.zeros((len(part), len(labels))))
        rows[-1][:, known] = checked_probs(minibatch.probs, scorer.labels)
        embeddings.append(minibatch.embeddings)
    return Scores(restored(np.concatenate(rows)), np.concatenate(embeddings))
