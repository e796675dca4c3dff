"""Labels are words, and columns belong to them: on real servers, from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldloop.core.labels import LabelSet, labels_text
from goldloop.core.ports import Scores
from goldloop.routing.policies import Band
from goldloop.scoring.score import score_source
from goldloop.scoring.writer import Model
from tests.e2e.commands import Loop
from tests.e2e.people import answer_all, some_digits

pytestmark = pytest.mark.servers

MARKUP, COMMA, STARS = "[/] :x: [red]", "hat, cap", "a|b *c* <d>"
N = 30


class Certain:
    """A model that finds `MARKUP` likely in every picture."""

    labels = LabelSet.of([MARKUP, COMMA, STARS])

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return the same scores for each."""
        n = len(payloads)
        return Scores(np.tile([0.9, 0.07, 0.03], (n, 1)), np.zeros((n, 1), dtype=np.float32))


@pytest.fixture
def loop(make_loop: Callable[..., Loop], tmp_path: Path) -> Loop:
    """Return a workspace in which one answer and the model's prediction make a label sure, scored."""
    some_digits(tmp_path / "digits", N)
    loop = make_loop(
        "label-words",
        labels=list(Certain.labels),
        consensus={"method": "posterior", "max_answers": 3, "audit_answers": 1, "repeat_share": 0.2},
        selection={"budget_per_round": 60, "audit_rate": 0.02},
        policy={"band": (0.2, 0.95)},
    )
    parts = loop.parts
    score_source(
        str(tmp_path / "digits"),
        reader=parts.modality.reader,
        model=Model("1", Certain()),
        policy=Band(0.2, 0.95),
        tables=parts.tables,
        clock=lambda: datetime.now(UTC),
    )
    return loop


def write_labels(loop: Loop, labels: Sequence[str]) -> None:
    """Edit the labels in goldloop.toml by hand."""
    path = loop.root / "goldloop.toml"
    line = f"labels = {json.dumps(list(labels), ensure_ascii=False)}"
    path.write_text(re.sub(r"(?m)^labels = .*$", lambda _: line, path.read_text()))


def test_labels_may_be_any_words_and_may_be_reordered(loop: Loop) -> None:
    """No word is read as markup anywhere; after a tidy-up of the labels gold stays as it is."""
    loop.run("push")
    answer_all(loop.servers.label_studio, loop.queue(), lambda _: MARKUP)
    pulled = loop.json("pull")
    n_gold, n_tasks = pulled["n_gold_changes"], loop.queue().counts().n_tasks
    assert n_gold > N / 2
    assert loop.run("gold", "show", "--limit", "10").out.count(f"{MARKUP} 1") == 10

    # An alphabetical tidy-up is noticed by every command, whose error shows the words as they are
    tidy = sorted(Certain.labels)
    write_labels(loop, tidy)
    for command in ("pull", "push", "score", "status"):
        refused = loop.run(command, code=1).err
        assert "another order" in refused
        assert MARKUP in refused
        assert "`goldloop labels`" in refused
    shown = loop.run("labels").out
    assert labels_text(tidy) in shown
    assert f"{n_gold} labels stay, 0 change, 0 are lost" in shown
    assert "accepted" in loop.run("labels", "--accept").out

    # Nothing is lost and nobody is asked again; the screen shows the new order
    again = loop.json("pull")
    assert (again["gold_version"], again["n_gold_changes"]) == (None, 0)
    queue = loop.queue()
    assert queue.counts().n_tasks == n_tasks
    states = [state for page in queue.changed_since(None) for state in page]
    assert {one.label for state in states for one in state.annotations} == {MARKUP}

    # A label in use is not removed
    write_labels(loop, [COMMA, STARS])
    assert f"{MARKUP!r} by " in loop.run("labels", "--accept", code=1).err
    write_labels(loop, tidy)
    loop.run("status")
