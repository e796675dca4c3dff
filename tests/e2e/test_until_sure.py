"""From disagreement to gold through the real server: further answers, an adjudicator's decision, edits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from goldloop.core.tasks import Purpose, split_key
from goldloop.gold.records import GoldRecord
from tests.e2e.commands import Loop
from tests.e2e.person import REASON, Person, Task
from tests.images import write_good

pytestmark = pytest.mark.servers


def purpose_of(task: Task) -> Purpose:
    """Return why the task is there."""
    return split_key(task["data"]["key"])[1]


@pytest.fixture
def loop(make_loop: Callable[..., Loop], tmp_path: Path) -> Loop:
    """Return a workspace with tasks before people: twelve drawn at random, half of them for the audit."""
    write_good(tmp_path / "pictures", 60)
    made = make_loop(
        "until-sure",
        labels=["cat", "dog", "emu"],
        selection={"budget_per_round": 27, "audit_rate": 0.3, "audit_share": 0.5},
        consensus={"target": 0.97, "max_answers": 3, "audit_answers": 2, "repeat_share": 0.7},
    )
    made.score_without_model(tmp_path / "pictures")
    made.run("push")
    return made


@pytest.fixture
def crew(loop: Loop) -> list[Person]:
    """Return three annotators and an adjudicator."""
    server = loop.servers.label_studio
    return [Person.hired(server, f"{name}@until-sure.example") for name in ("ann", "bob", "cyd", "sen")]


def gold(loop: Loop) -> dict[str, GoldRecord]:
    """Return the newest gold by sample."""
    return {one.sample_id: one for one in loop.parts.gold.records()}


def test_from_disagreement_to_gold(loop: Loop, crew: list[Person]) -> None:
    """Audits are answered twice, disputed ones decided, unsure ones asked on; edits and deletions follow."""
    ann, bob, cyd, sen = crew
    projects = loop.queue().projects
    samples = {key: split_key(key) for key in loop.queue().all_tasks().values()}
    audits = sorted(key for key, (_, purpose) in samples.items() if purpose is Purpose.AUDIT)
    seeds = sorted(key for key, (_, purpose) in samples.items() if purpose is Purpose.SEED)
    assert len(audits) >= 4
    disputed, taken_back, mended = audits[:3]
    skipped = seeds[0]

    # Two people answer: they differ about three audit samples, and the first cannot tell what one picture is
    ann.work(projects.main, lambda task: None if task["data"]["key"] == skipped else "cat")
    by_bob = bob.work(
        projects.main,
        lambda task: "dog" if task["data"]["key"] in (disputed, taken_back, mended) else "cat",
    )
    assert by_bob.keys() == {*audits, skipped}
    report = loop.json("pull")

    assert report["n_disputed"] == 3
    assert {samples[key][0] for key in audits[3:]} <= gold(loop).keys()
    assert not {samples[key][0] for key in (disputed, taken_back, mended)} & gold(loop).keys()
    adjudication = Counter(split_key(key)[0] for key in loop.queue().all_tasks().values() if "adj" in key)
    assert adjudication == Counter(samples[key][0] for key in (disputed, taken_back, mended))
    # Seeds with one answer are not sure enough at 97 %: one more person each, as far as the budget goes
    assert report["follow_ups"]["asked"]["unsure"] > 0

    # Bob mends one answer and takes another back before anybody decides
    bob.edit(by_bob[mended], "cat")
    bob.delete(by_bob[taken_back])
    loop.run("pull")
    assert gold(loop)[samples[mended][0]].votes == {"cat": 2}
    assert samples[taken_back][0] not in gold(loop)
    assert f"{samples[mended][0]}:adjudication" not in loop.queue().all_tasks().values(), "settled, yet asked"

    # Withdrawn and unsure answers go to other annotators; then the adjudicator decides the rest
    by_cyd = cyd.work(projects.main, lambda task: "dog" if task["data"]["key"] == taken_back else "cat")
    assert taken_back in by_cyd
    loop.run("pull")
    shown: dict[str, str] = {}

    def decide(task: Task) -> str:
        shown[split_key(task["data"]["key"])[0]] = task["data"]["answers"]
        return "emu"

    decisions = sen.work(projects.adjudication, decide)
    assert shown[samples[disputed][0]] == "cat 1 · dog 1"
    assert samples[mended][0] not in shown
    loop.run("pull")
    records = gold(loop)
    for key in (disputed, taken_back):
        record = records[samples[key][0]]
        assert (record.label, record.method, record.votes) == ("emu", "adjudication/1", {"cat": 1, "dog": 1})
        assert sen.user_id in record.annotators

    # The adjudicator thinks again
    sen.edit(decisions[f"{samples[disputed][0]}:adjudication"], "dog")
    loop.run("pull")
    assert gold(loop)[samples[disputed][0]].label == "dog"
    log = loop.json("gold", "log")
    assert "adjudicated" in " ".join(one["reason"] for one in log)
    assert log[0]["n_changed"] == 1

    # Nobody was handed a task twice, nothing was doubled, and reasons came along
    for person in crew:
        assert len(person.seen) == len(set(person.seen))
    assert loop.doubled() == []
    rows = loop.parts.tables.annotations.read(["status", "reason"]).to_pylist()
    assert {one["status"] for one in rows} == {"answer", "skip", "retracted"}
    assert all(one["reason"] == REASON for one in rows if one["status"] == "skip")
