"""Two pulls that overlap: the slower one does not put gold back to what it saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.commands import Loop, finish, until
from tests.e2e.interrupted import Interruption
from tests.e2e.people import answer_all
from tests.images import write_good

pytestmark = pytest.mark.servers

N_TASKS = 20


def test_a_slow_pull_does_not_undo_a_quick_one(make_loop: Callable[..., Loop], tmp_path: Path) -> None:
    """One pull has read half the answers when another makes gold of all of them; gold stays whole."""
    write_good(tmp_path / "pictures", 40)
    loop = make_loop("two-pulls", labels=["cat", "dog"], selection={"budget_per_round": N_TASKS})
    loop.score_without_model(tmp_path / "pictures")
    loop.run("push")
    server, queue, place = loop.servers.label_studio, loop.queue(), tmp_path / "meeting"
    place.mkdir()
    answer_all(server, queue, lambda _: "cat", n=N_TASKS // 2)
    before_its_commit = Interruption("goldloop.tables.gold_store:gold_digest", deed="meet", place=str(place))
    slow = loop.start("pull", plan=before_its_commit)
    until(lambda: any(place.iterdir()), slow)

    answer_all(server, queue, lambda _: "dog")
    loop.run("pull")
    (place / "go on").touch()
    assert finish(slow).code == 0

    gold = loop.parts.gold
    assert Counter(one.label for one in gold.records()) == {"cat": N_TASKS // 2, "dog": N_TASKS // 2}
    assert [(one.n_records, one.n_removed) for one in gold.log()] == [(N_TASKS, 0), (0, 0)]
