"""Evaluation on the holdout: the sketch that a new model's first batch is compared with."""

from __future__ import annotations

from datetime import UTC, datetime

from goldloop.core.ports import Scorer
from goldloop.core.samples import sample_id_of
from goldloop.core.splits import Split, fold_of
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
        audited_record(
            sample_id, ("ham", "spam")[number % 2], split=(Split.VALIDATION, Split.HOLDOUT)[number % 2]
        )
        for number, sample_id in enumerate(ids)
    ]
    return evaluate_on_holdout(
        roles={role: role for role in scorers},
        holdout=[record for record in audits if record.split is Split.HOLDOUT],
        version=GoldVersion(1, "digest", 6, 6, 0, 0, 0, datetime(2026, 3, 2, tzinfo=UTC), None, "pull"),
        settings=Settings(name="texts", labels=LABELS.names),
        scorer_of=lambda role: scorers[role],
        modality=MemoryTexts(reader, store),
        current=ids[current],
    )


def test_the_holdout_judges_and_validation_does_not() -> None:
    """Models may have learnt from validation."""
    found = evaluated({CHALLENGER: LengthScorer(), CHAMPION: LengthScorer()})

    assert found.evaluations[CHALLENGER].n == found.evaluations[CHAMPION].n == 3


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
    assert sum(found.sketch.label_counts) == 2
