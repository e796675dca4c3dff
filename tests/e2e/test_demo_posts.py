"""The demo's people answer on the real Label Studio: simulated ones, and users who give real votes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from goldloop.core.tasks import split_key
from goldloop.loop.pull import pull
from goldloop.loop.push import push
from goldloop.loop.score import score_files
from goldloop.tables.answers import read_annotations
from scripts.demo_loop.made_posts import made_posts
from scripts.demo_loop.posts import Posts, voted_posts
from scripts.demo_loop.team import Staff, team_of
from tests.e2e.commands import Loop
from tests.texts import write_rows

pytestmark = pytest.mark.servers

N, LABELS, VOTERS = 40, ("fine", "spam"), ("ann", "bo", "cy", "di")


def voted(folder: Path) -> Posts:
    """Return posts of which each has the votes of two of four people, who differ about every fifth."""
    posts = write_rows(folder / "posts.csv", ((n, f"post number {n} about topic {n % 7}") for n in range(N)))
    votes = [
        (n, VOTERS[(n + turn) % 4], LABELS[(n + (turn if n % 5 == 0 else 0)) % 2])
        for n in range(N)
        for turn in range(2)
    ]
    source = write_rows(folder / "votes.csv", votes, ("id", "annotator", "label"))
    return voted_posts(posts, source, seed=0, limit=None, say=lambda _: None)


def test_every_replayed_answer_is_a_real_vote(make_loop: Callable[..., Loop], tmp_path: Path) -> None:
    """Users answer only what their person voted on, once and with that label, until no vote is left to give.

    Requests for one more answer stay open then, and nobody waits for them.
    """
    samples = voted(tmp_path)
    loop = make_loop(
        "replayed",
        kind="text",
        labels=list(LABELS),
        model={},
        selection={"budget_per_round": 150, "audit_rate": 0.5},
        consensus={"max_answers": 3, "audit_answers": 2},
    )
    parts, known = loop.parts, {one.sample_id: one for one in samples.pool}
    staff = Staff(team_of(samples, 0), loop.servers.label_studio, parts.queue().projects, samples)
    score_files(parts.ports, str(samples.write_pool(tmp_path)))
    push(parts.ports)
    n_answers = 0
    while n := staff.label() + staff.decide():
        n_answers += n
        pull(parts.ports)

    names = {one.account.user_id: one.character.name for one in staff.annotators}
    given = [
        (split_key(one.key)[0], names[one.annotator], one.label)
        for one in read_annotations(parts.tables.annotations)
        if one.annotator
    ]
    votes = {(key, who, label) for key, sample in known.items() for who, label in sample.votes.items()}
    assert len(given) == n_answers > len(known)
    assert set(given) <= votes
    assert max(Counter(given).values()) == 1
    assert parts.queue().answered(list(parts.queue().all_tasks())) != set(parts.queue().all_tasks())


def test_simulated_people_label_made_posts(make_loop: Callable[..., Loop], tmp_path: Path) -> None:
    """Every answer and skip about a post that the demo made can be read, and becomes gold."""
    samples = made_posts(seed=0, n=40)
    loop = make_loop(
        "made", kind="text", labels=list(samples.labels), model={}, selection={"audit_rate": 0.3}
    )
    parts = loop.parts
    staff = Staff(team_of(samples, 0), loop.servers.label_studio, parts.queue().projects, samples)
    score_files(parts.ports, str(samples.write_pool(tmp_path)))
    push(parts.ports)
    n_answers = staff.label()
    pulled = pull(parts.ports)

    given = read_annotations(parts.tables.annotations)
    assert len(given) == n_answers >= len(samples.pool)
    assert [one.problem for one in given if one.problem] == []
    assert pulled.n_gold_changes > 0.5 * len(samples.pool)
