"""Evaluation on the holdout: the sketch that a new model's first batch is compared with."""

from __future__ import annotations

from datetime import UTC, datetime

from goldloop.core.samples import sample_id_of
from goldloop.gold.records import GoldVersion
from goldloop.settings import Settings
from goldloop.training.evaluate import CHALLENGER, evaluate_on_holdout
from tests.memory_texts import LABELS, LengthScorer, MemoryTexts, TextReader, TextStore
from tests.records import audited_record


def test_a_new_model_is_compared_with_current_traffic_alone() -> None:
    """All of the holdout evaluates it; the sketch holds only samples of rounds that still count."""
    texts = {f"mem/{number}": "x" * (10 + 10 * number) for number in range(6)}
    reader = TextReader(texts)
    store = TextStore(reader)
    ids = [sample_id_of(text.encode()) for text in texts.values()]
    for uri, sample_id in zip(texts, ids, strict=True):
        store.keep(sample_id, uri)
    holdout = [audited_record(sample_id, ("ham", "spam")[number % 2]) for number, sample_id in enumerate(ids)]
    evaluation = evaluate_on_holdout(
        roles={CHALLENGER: "1"},
        holdout=holdout,
        version=GoldVersion(1, "digest", 6, 6, 0, 0, 0, datetime(2026, 3, 2, tzinfo=UTC), None, "pull"),
        settings=Settings(name="texts", labels=LABELS.names),
        scorer_of=lambda _: LengthScorer(),
        modality=MemoryTexts(reader, store),
        current=ids[2:],
    )
    assert evaluation.evaluations[CHALLENGER].n == 6
    assert evaluation.sketch.n == 4
    assert evaluation.sketch.label_counts == (3, 1)
