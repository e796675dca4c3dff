"""The bench of sheets in a loop: what it counts as answers, gold and time."""

from __future__ import annotations

import numpy as np
import pytest

from goldloop.core.labels import LabelSet
from scripts.bench.sheet_loop import Loop

N = 400


@pytest.fixture
def loop() -> Loop:
    """Return a loop over two labels that features tell apart but for one sample in twenty."""
    rng = np.random.default_rng(0)
    truth = np.arange(N) % 2
    looks = np.where(rng.random(N) < 0.05, 1 - truth, truth)
    features = np.eye(16)[looks] + 0.25 * rng.standard_normal((N, 16))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    made = Loop(truth, features, 1 - np.eye(2), LabelSet.of(["cat", "dog"]), np.random.default_rng(1), 0)
    for row in range(120):
        for _ in range(2):
            made.answer(row)
    made.learn()
    return made


def test_sheets_bring_more_gold_than_single_answers_in_the_same_time(loop: Loop) -> None:
    """Some minutes of sheets make more pictures gold than they could show singly, with few errors."""
    before = loop.consensus().gold
    begun = loop.seconds
    loop.answer_on_sheets(begun + 300)

    gold = loop.consensus().gold
    added = gold.keys() - before.keys()
    assert loop.seconds - begun < 320
    assert len(added) > 320 / 2.3, "a page of its own takes 2.3 s at least"
    assert np.mean([gold[row] != loop.truth[row] for row in added]) < 0.03


def test_a_planted_error_is_no_answer(loop: Loop) -> None:
    """A planted error is counted once, and leaves the votes about its sample as they were."""
    before = {row: dict(given) for row, given in loop.votes.items()}
    loop.answer_on_sheets(loop.seconds + 300)

    assert loop.planted
    assert len(loop.planted) == len(loop.planted_rows)
    planted = loop.planted_rows & before.keys()
    assert planted
    unclicked = [row for row in planted if set(loop.votes[row]) == set(before[row])]
    assert len(unclicked) > len(planted) / 2, "only further single answers may add to them"
