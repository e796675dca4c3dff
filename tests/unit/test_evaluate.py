"""HoldoutEvaluation: what a new model's first batch is compared with."""

from __future__ import annotations

from dataclasses import replace

from goldloop.core.samples import sample_id_of
from goldloop.core.splits import Split
from goldloop.gold.records import GoldVersion
from goldloop.settings import Settings
from goldloop.training.evaluate import CHALLENGER, evaluate_on_holdout
from tests.loop import LABELS, LengthScorer, TextReader, TextStore
from tests.unit.test_retraining import NOW, record


def test_a_new_model_is_compared_with_current_traffic_alone() -> None:
    """All of the holdout judges it; only what looks like the traffic to come is kept for later batches."""
    texts = {f"mem/{number}": "x" * (10 + 10 * number) for number in range(6)}
    store = TextStore(TextReader(texts))
    ids = [sample_id_of(text.encode()) for text in texts.values()]
    for uri, one in zip(texts, ids, strict=True):
        store.keep(one, uri)
    holdout = [replace(record(number, Split.HOLDOUT, 0.1), sample_id=one) for number, one in enumerate(ids)]
    evaluation = evaluate_on_holdout(
        roles={CHALLENGER: "1"},
        holdout=holdout,
        version=GoldVersion(1, "digest", 6, 6, 0, 0, 0, NOW, None, "pull"),
        settings=Settings(name="texts", labels=LABELS.names),
        scorer_of=lambda _: LengthScorer(),
        store=store,
        current=ids[2:],
    )
    assert evaluation.evaluations[CHALLENGER].n == 6
    assert evaluation.sketch.n == 4
    assert evaluation.sketch.label_counts.tolist() == [3, 1]
