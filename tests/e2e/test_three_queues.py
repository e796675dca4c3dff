"""Samples routed by what is cheapest, each of the three queues worked through in its tab, until gold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.core.ports import Scores
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose, split_key
from goldloop.gold.records import GoldRecord
from goldloop.loop.policy import policy_in_force
from goldloop.routing.cost_policy import Cost
from goldloop.scoring.score import score_source
from goldloop.scoring.writer import Model
from tests.e2e.commands import Loop
from tests.e2e.person import Person, Task
from tests.images import write_good

pytestmark = pytest.mark.servers

LABELS = LabelSet.of(["cat", "dog", "emu"])
SURE, UNSURE, LOST = (0.99, 0.009, 0.001), (0.60, 0.40, 0.0), (0.30, 0.20, 0.50)
COST = {"minute": 0.5, "error": 2.0, "errors": {"emu": {"cat": 40.0, "dog": 40.0}}, "full_accuracy": 0.99}
"""A missed emu is dear: who may be one is worth two people's time."""


class ThreeMoods:
    """A model that is sure of a third of the pictures, hesitates at a third, and is lost at the rest."""

    labels = LABELS

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return scores that depend on nothing but the picture."""
        moods = [int(np.asarray(one, dtype=np.int64).sum()) % 3 for one in payloads]
        probs = np.array([(SURE, UNSURE, LOST)[mood] for mood in moods])
        return Scores(probs, np.zeros((len(payloads), 1), dtype=np.float32))


@pytest.fixture
def loop(make_loop: Callable[..., Loop], tmp_path: Path) -> Loop:
    """Return a workspace whose round is before people, routed by the cost policy of its settings."""
    write_good(tmp_path / "pictures", 60)
    made = make_loop(
        "three-queues",
        labels=list(LABELS),
        selection={"budget_per_round": 60, "audit_rate": 0.25, "audit_share": 0.4},
        consensus={"method": "majority", "max_answers": 2, "audit_answers": 2, "repeat_share": 0.2},
        policy={"kind": "cost"},
        cost=COST,
    )
    parts = made.parts
    policy = policy_in_force(parts.ports, "moods")
    assert isinstance(policy, Cost)
    score_source(
        str(tmp_path / "pictures"),
        reader=parts.modality.reader,
        model=Model("moods", ThreeMoods()),
        policy=policy,
        tables=parts.tables,
        clock=lambda: datetime.now(UTC),
    )
    made.run("push")
    return made


def lanes(loop: Loop) -> dict[SampleId, Lane]:
    """Return where the policy sent each sample."""
    rows = loop.parts.tables.predictions.read(["sample_id", "lane"]).to_pylist()
    return {one["sample_id"]: Lane(one["lane"]) for one in rows}


def waiting(loop: Loop, tab: int) -> int:
    """Return how many tasks a tab shows."""
    server = loop.servers.label_studio
    headers = {"Authorization": f"Token {server.token}"}
    reply = httpx.get(f"{server.url}/api/tasks?view={tab}&page_size=1", headers=headers, trust_env=False)
    return int(reply.raise_for_status().json()["total"])


def gold(loop: Loop) -> dict[SampleId, GoldRecord]:
    """Return the newest gold by sample."""
    return {one.sample_id: one for one in loop.parts.gold.records()}


def n_answers(given: Sequence[dict[str, int]]) -> Counter[str]:
    """Return how many people answered each task."""
    return Counter(key for one in given for key in one)


def test_each_queue_is_worked_through(loop: Loop) -> None:
    """A quick review takes one answer, a full review two and a decision, a blind check says nothing."""
    routed, queue, server = lanes(loop), loop.queue(), loop.servers.label_studio
    assert set(routed.values()) == {Lane.AUTO, Lane.REVIEW, Lane.FULL}
    people = [Person.hired(server, f"{name}@three-queues.example") for name in ("ann", "bob", "sen")]
    ann, bob, adjudicator = people
    main, tabs = queue.projects.main, queue.tabs()
    keys = {key: split_key(key) for key in queue.all_tasks().values()}
    of = {purpose: {key for key, it in keys.items() if it[1] is purpose} for purpose in Purpose}
    assert {title: waiting(loop, tab) for title, tab in tabs.items()} == {
        "All tasks": len(keys),
        "Quick review": len(of[Purpose.REVIEW]),
        "Full review": len(of[Purpose.FULL]),
        "Blind check": len(of[Purpose.AUDIT]),
        "Appeals": 0,
    }
    assert min(len(of[purpose]) for purpose in (Purpose.REVIEW, Purpose.FULL, Purpose.AUDIT)) >= 4

    # Quick reviews: the suggestion is shown, one person is enough, and nothing is left for a second one
    quick = [
        one.work(main, lambda task: str(task["data"]["suggested"]), tab=tabs["Quick review"])
        for one in (ann, bob)
    ]
    assert [one.keys() for one in quick] == [of[Purpose.REVIEW], set()]
    assert waiting(loop, tabs["Quick review"]) == 0

    # Full reviews: both people answer, neither sees a suggestion; they differ about one
    disputed = min(of[Purpose.FULL])

    def look_closely(who: Person) -> Callable[[Task], str]:
        def says(task: Task) -> str:
            assert "suggested" not in task["data"]
            assert (task["predictions"], task["annotations"]) == ([], []), "the other's answer neither"
            return "emu" if who is ann or task["data"]["key"] != disputed else "dog"

        return says

    full = [one.work(main, look_closely(one), tab=tabs["Full review"]) for one in (ann, bob)]
    assert n_answers(full) == Counter(dict.fromkeys(of[Purpose.FULL], 2))

    # Blind checks of every lane: nothing in the task says which
    looks: dict[Lane, set[str]] = {}

    def check(task: Task) -> str:
        sample_id = split_key(task["data"]["key"])[0]
        own = {"key", "image"}
        looks.setdefault(routed[sample_id], set()).add(
            repr(sorted((name, value) for name, value in task["data"].items() if name not in own))
        )
        assert task["predictions"] == []
        return "cat"

    blind = [one.work(main, check, tab=tabs["Blind check"]) for one in (ann, bob)]
    assert n_answers(blind) == Counter(dict.fromkeys(of[Purpose.AUDIT], 2))
    assert looks.keys() == {Lane.AUTO, Lane.REVIEW, Lane.FULL}
    assert len(set.union(*looks.values())) == 1
    assert waiting(loop, tabs["All tasks"]) == len(keys)
    assert ann.shown(main, tab=tabs["All tasks"]) is None

    # All but the dispute is gold; an adjudicator decides it
    report = loop.json("pull")
    assert report["n_disputed"] == 1
    settled = {sample_id for key, (sample_id, _) in keys.items() if key != disputed}
    assert gold(loop).keys() == settled
    decided = adjudicator.work(queue.projects.adjudication, lambda _: "emu")
    assert [split_key(key)[0] for key in decided] == [keys[disputed][0]]
    loop.run("pull")

    records = gold(loop)
    assert records.keys() == settled | {keys[disputed][0]}
    record = records[keys[disputed][0]]
    assert (record.label, record.votes) == ("emu", {"emu": 1, "dog": 1})
    for sample_id, purpose in keys.values():
        by = {person.user_id for person in people} & set(records[sample_id].annotators)
        assert len(by - {adjudicator.user_id}) == (1 if purpose is Purpose.REVIEW else 2)
    assert Lane.AUTO in {routed[sample_id] for sample_id in records}, "a check of what was accepted"
    for person in people:
        assert len(person.seen) == len(set(person.seen))
    assert loop.doubled() == []
