"""Evaluation: who judges which audited sample, and the sketch that a first batch is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from goldloop.core.ports import Scorer, Scores
from goldloop.core.samples import sample_id_of
from goldloop.core.splits import AUDIT_SPLITS, fold_of
from goldloop.gold.records import GoldVersion
from goldloop.settings import Settings
from goldloop.training.evaluate import CHALLENGER, CHAMPION, HoldoutEvaluation, evaluate_on_holdout
from tests.memory_texts import LABELS, LengthScorer, MemoryTexts, TextReader, TextStore
from tests.records import audited_record


def evaluated(scorers: dict[str, Scorer], *, current: slice = slice(None)) -> HoldoutEvaluation:
    """Return the evaluation of models, by role, on three audits of validation and three of the holdout."""
    texts = {f"mem/{number}": "x" * (10 + 10 * number) for number in range(6)}
    reader = TextReader(texts)
    store = TextStore(reader)
    ids = [sample_id_of(text.encode()) for text in texts.values()]
    for uri, sample_id in zip(texts, ids, strict=True):
        store.keep(sample_id, uri)
    audits = [
        audited_record(sample_id, ("ham", "spam")[number % 2], split=AUDIT_SPLITS[number % 2])
        for number, sample_id in enumerate(ids)
    ]
    return evaluate_on_holdout(
        roles={role: role for role in scorers},
        audits=audits,
        version=GoldVersion(1, "digest", 6, 6, 0, 0, 0, datetime(2026, 3, 2, tzinfo=UTC), None, "pull"),
        settings=Settings(name="texts", labels=LABELS.names),
        scorer_of=lambda role: scorers[role],
        modality=MemoryTexts(reader, store),
        current=ids[current],
    )


class Constant(LengthScorer):
    """Says spam with one probability, whatever the text."""

    def __init__(self, spam: float) -> None:
        self._spam = spam

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return the scores of a minibatch of texts."""
        probs = np.tile([1 - self._spam, self._spam], (len(payloads), 1))
        return Scores(probs, np.zeros((len(payloads), 1), dtype=np.float32))


class CrossFitted(Constant):
    """Learnt from audits, and has a model for each fold that says its number."""

    folds = tuple(Constant(0.5 + fold / 10) for fold in range(5))  # type: ignore[assignment]


def test_each_sample_is_judged_by_the_model_of_its_fold() -> None:
    """Of all audits, of validation too, since no model judges a sample that it learnt from."""
    found = evaluated({CHALLENGER: CrossFitted(0.0)})
    folds = [fold_of(sample_id, n_folds=5) for sample_id in found.sample_ids]

    assert found.evaluations[CHALLENGER].n == 6
    assert len(set(folds)) > 1
    np.testing.assert_allclose(found.probs[CHALLENGER][:, 1], 0.5 + np.array(folds) / 10, atol=1e-6)


def test_beside_a_model_without_folds_the_holdout_judges_both() -> None:
    """One that learnt from no audit was calibrated on validation; the other is judged by its folds."""
    found = evaluated({CHALLENGER: CrossFitted(0.0), CHAMPION: LengthScorer()})

    assert found.evaluations[CHALLENGER].n == found.evaluations[CHAMPION].n == 3
    assert found.probs[CHALLENGER][:, 1].min() >= 0.5


def test_near_duplicates_share_a_fold() -> None:
    """A fold follows from the group alone; a hundred groups fill all folds."""
    folds = [fold_of(f"{number}", n_folds=5) for number in range(100)]

    assert folds == [fold_of(f"{number}", n_folds=5) for number in range(100)]
    assert set(folds) == {0, 1, 2, 3, 4}


def test_a_new_model_is_compared_with_current_traffic_alone() -> None:
    """All of the holdout evaluates it; the sketch holds only samples of rounds that still count."""
    found = evaluated({CHALLENGER: LengthScorer()}, current=slice(2, None))

    assert found.evaluations[CHALLENGER].n == 3
    assert found.sketch.n == 2
    assert found.sketch.label_counts == (1, 1)
