"""Sketches of batches: what adds up, what is kept, and which of them a new batch is compared with."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from goldloop.adapters.memory import memory_tables
from goldloop.core.codec import from_plain, to_text
from goldloop.core.errors import InvalidProbabilitiesError, LabelError
from goldloop.core.labels import LabelSet
from goldloop.drift import sketches
from goldloop.drift.checks import check_drift
from goldloop.drift.history import Seen, reference_of
from goldloop.drift.sketches import Sketch, merged
from goldloop.reports.plots.drift import batch_plot
from goldloop.tables.batches import read_reference, read_seen, save_batch

LABELS = LabelSet(("cat", "dog", "emu"))
START = datetime(2026, 1, 5, tzinfo=UTC)


def outputs(n: int, seed: int, *, dogs: float = 1.0, moved: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return probs and embeddings of n samples; `dogs` above 1 adds dogs, `moved` shifts embeddings."""
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet((1.0, dogs, 1.0), n)
    return probs, (rng.normal(size=(n, 10)) + 2 + moved).astype(np.float32)


def sketch_of(*minibatches: tuple[np.ndarray, np.ndarray], labels: LabelSet = LABELS) -> Sketch:
    """Return the sketch of these minibatches."""
    no_samples = np.zeros((0, len(labels))), np.zeros((0, 10), np.float32)
    found = merged(sketches.sketch_of(*outputs, labels) for outputs in (minibatches or [no_samples]))
    assert found is not None
    return found


def same(left: Sketch | None, right: Sketch | None) -> bool:
    """Return whether two sketches hold the same, up to rounding."""
    assert left is not None
    assert right is not None
    return left.labels == right.labels and all(
        np.allclose(getattr(left, name), getattr(right, name), rtol=1e-9)
        for name in ("confidence_counts", "label_counts", "sums", "products")
    )


# --- sketches -----------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 300), max_size=5), st.randoms())
def test_minibatches_and_their_order_mean_nothing(cuts: list[int], random: object) -> None:
    """The sketch does not depend on the minibatches or their order."""
    probs, embeddings = outputs(300, 1)
    parts = [
        (probs[start:end], embeddings[start:end])
        for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), 300], strict=True)
    ]
    random.shuffle(parts)  # type: ignore[attr-defined]

    assert same(sketch_of(*parts), sketch_of((probs, embeddings)))
    assert same(merged([sketch_of(part) for part in parts]), sketch_of((probs, embeddings)))


def test_a_sketch_counts_confidence_and_labels() -> None:
    """Confidence 0.6 opens the bin above it, 1 is in the last one, and labels are the likeliest."""
    probs = np.array([[0.6, 0.4, 0.0], [0.0, 1.0, 0.0], [0.3, 0.3, 0.4]])
    sketch = sketch_of((probs, np.ones((3, 2), np.float32)))

    assert np.flatnonzero(sketch.confidence_counts).tolist() == [8, 12, 19]
    assert sketch.label_counts == (1, 1, 1)
    assert sketch.n == 3


def test_mean_and_scatter_are_those_of_all_samples_together() -> None:
    """What was added up minibatch by minibatch gives the covariance that all rows at once give."""
    probs, embeddings = outputs(500, 2)
    lengths = np.linalg.norm(embeddings.astype(np.float64), axis=1)
    sketch = sketch_of(
        *[(probs[start : start + 64], embeddings[start : start + 64]) for start in range(0, 500, 64)]
    )

    assert sketch.mean[-1] == pytest.approx(np.log(lengths).mean())
    assert sketch.scatter[-1, -1] / 499 == pytest.approx(np.log(lengths).var(ddof=1))


def test_a_sketch_is_small_and_what_was_saved() -> None:
    """JSON keeps every bit of a sketch, and its size hardly depends on the number of samples."""
    small, large = sketch_of(outputs(10, 3)), sketch_of(outputs(20_000, 3))

    assert from_plain(Sketch, json.loads(to_text(large))) == large
    assert len(to_text(large)) < 12_000
    assert len(to_text(large)) - len(to_text(small)) < 300


def test_nothing_adds_up_to_nothing() -> None:
    """The sum of no sketches is None; an empty sketch changes no other."""
    whole = sketch_of(outputs(20, 4))

    assert merged([]) is None
    assert same(merged([sketch_of(), whole]), whole)


def test_what_does_not_fit_is_refused() -> None:
    """Other labels, another number of rows, NaN: each has an error that names it."""
    probs, embeddings = outputs(5, 5)
    broken = embeddings.copy()
    broken[3, 0] = np.nan

    with pytest.raises(LabelError, match="compare or add sketches with labels"):
        merged([sketch_of(), sketch_of(labels=LabelSet(("cat", "dog")))])
    with pytest.raises(
        InvalidProbabilitiesError, match=r"embeddings have shape \(4, 10\), but probs have 5 rows"
    ):
        sketch_of((probs, embeddings[:4]))
    with pytest.raises(InvalidProbabilitiesError, match="embedding 3 is not finite"):
        sketch_of((probs, broken))
    with pytest.raises(InvalidProbabilitiesError):
        sketch_of((probs[:, :2], embeddings))


# --- history ------------------------------------------------------------------------------------------------


def passes(*sketches: Sketch) -> list[Seen]:
    """Return these batches in weekly order, each checked against those before it that count."""
    seen: list[Seen] = []
    for week, sketch in enumerate(sketches):
        check = check_drift(sketch, reference_of(seen))
        seen.append(Seen(f"week {week}", "1", START + timedelta(weeks=week), sketch, check))
    return seen


def drifted(seen: list[Seen]) -> list[bool]:
    """Return which of them raised an alarm."""
    return [bool(scoring_pass.check.drifts) for scoring_pass in seen]


def test_after_a_broken_week_all_is_as_before() -> None:
    """One unusual batch raises one alarm; the next is compared with the batches before it."""
    usual = [sketch_of(outputs(400, seed)) for seed in range(4)]
    broken = sketch_of(outputs(400, 9, moved=3.0))

    seen = passes(usual[0], usual[1], broken, usual[2], usual[3])

    assert drifted(seen) == [False, False, True, False, False]
    assert same(reference_of(seen), merged(usual))


def test_a_change_that_stays_is_told_twice_and_then_usual() -> None:
    """Two similar unusual batches become the reference; a return raises an alarm."""
    usual = [sketch_of(outputs(400, seed)) for seed in range(3)]
    other = [sketch_of(outputs(400, 10 + seed, dogs=4.0)) for seed in range(4)]

    seen = passes(usual[0], usual[1], *other, usual[2])

    assert drifted(seen) == [False, False, True, True, False, False, True]
    assert same(reference_of(seen), merged(other))


def test_two_strange_weeks_of_different_kinds_are_no_new_normal() -> None:
    """Two different unusual batches do not change the reference."""
    usual = [sketch_of(outputs(400, seed)) for seed in range(3)]
    seen = passes(
        usual[0], sketch_of(outputs(400, 9, moved=3.0)), sketch_of(outputs(400, 10, dogs=4.0)), usual[1]
    )

    assert drifted(seen) == [False, True, True, False]
    assert same(reference_of(seen), merged(usual[:2]))


def test_a_batch_is_compared_with_what_its_own_model_saw() -> None:
    """Sketches and checks come back as saved, by model, oldest first; an empty pass leaves no row."""
    batches = memory_tables().batches
    saved = [sketch_of(outputs(100, seed)) for seed in range(4)]
    for week, (version, sketch) in [
        (0, ("2", saved[2])),
        (2, ("1", saved[1])),
        (3, ("1", saved[0])),
        (1, ("1", saved[3])),
    ]:
        moment, check = START - timedelta(weeks=week), check_drift(sketch, None)
        save_batch(batches, Seen(f"week-{week}", version, moment, sketch, check))
    save_batch(batches, Seen("none", "1", START, sketch_of(), check_drift(sketch_of(), None)))

    seen = read_seen(batches, "1")

    assert [scoring_pass.batch for scoring_pass in seen] == ["week-3", "week-2", "week-1"]
    assert seen[0].check == check_drift(saved[0], None)
    assert len(read_seen(batches)) == 4
    assert same(read_reference(batches, "1"), merged([*saved[:2], saved[3]]))
    assert same(read_reference(batches, "2"), saved[2])
    assert read_reference(batches, "3") is None


# --- the plot -----------------------------------------------------------------------------------------------


def test_the_plot_is_drawn_with_and_without_anything_to_compare() -> None:
    """A first batch, a drifted one and one of very many labels each give a picture of some size."""
    before, now = sketch_of(outputs(400, 1)), sketch_of(outputs(400, 2, dogs=5.0, moved=2.0))
    many = LabelSet(tuple(f"label $x^{number}$ of many" for number in range(60)))
    probs = np.random.default_rng(3).dirichlet(np.full(60, 0.1), 300)
    wide = sketch_of((probs, np.ones((300, 1), np.float32)), labels=many)
    pictures = [
        batch_plot(sketch, reference, check_drift(sketch, reference))("png")
        for sketch, reference in ((now, before), (now, None), (wide, wide))
    ]

    for picture in pictures:
        image = Image.open(BytesIO(picture)).convert("L")
        assert image.width >= 1000
        assert image.getextrema() == (0, 255)
    assert pictures[0] == batch_plot(now, before, check_drift(now, before))("png")
