"""Whose answer it is, and whether anybody looked: what accounts do on a real server, and what is gold."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from goldloop.consensus.admission import Refusal
from goldloop.core.tasks import Purpose, split_key
from goldloop.labeling.altered_tasks import PROBLEM
from goldloop.labeling.pull import PullReport
from goldloop.loop.pull import pull
from goldloop.routing.policies import Band
from goldloop.scoring.score import score_source
from goldloop.scoring.writer import Model
from tests.e2e.commands import Loop
from tests.e2e.person import Person, result_of
from tests.e2e.test_three_queues import LABELS, ThreeMoods
from tests.images import write_good

pytestmark = pytest.mark.servers

_numbers = count(1)
MOODS = Model("moods", ThreeMoods())


class Office:
    """A workspace with tasks on the real server, and the requests that any account may send."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.server = loop.servers.label_studio
        self.queue = loop.queue()
        self.project = self.queue.projects.main

    def person(self, name: str) -> Person:
        """Return somebody with an account."""
        return Person.hired(self.server, f"{name}@{self.loop.root.name}.example")

    def ask(self, who: Person | None, method: str, path: str, body: object = None, **params: Any) -> Any:
        """Send a request as somebody, the owner being None."""
        token = self.server.token if who is None else who.token
        headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        with httpx.Client(base_url=self.server.url, headers=headers, timeout=60, trust_env=False) as client:
            reply = client.request(method, path, content=content, params=params).raise_for_status()
        return reply.json() if reply.content else None

    def tasks(self, purpose: Purpose | None = None) -> dict[str, int]:
        """Return the ids of the tasks of a purpose by key."""
        keys = self.queue.all_tasks().items()
        return {key: id_ for id_, key in sorted(keys) if purpose in (None, split_key(key)[1])}

    def pull(self) -> PullReport:
        """Run the shipped pull in this process."""
        return pull(self.loop.parts.ports)

    def gold(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Return label and annotators of each gold sample."""
        records = self.loop.parts.gold.records()
        return {record.sample_id: (record.label, record.annotators) for record in records}


@pytest.fixture
def office(make_loop: Callable[..., Loop], tmp_path: Path) -> Office:
    """Return a workspace with suggestions in some tasks, and audits that want two answers."""
    write_good(tmp_path / "pictures", 60)
    loop = make_loop(
        f"whose-{next(_numbers)}",
        labels=list(LABELS),
        selection={"budget_per_round": 40, "audit_rate": 0.2},
        consensus={"method": "majority", "max_answers": 2, "audit_answers": 2, "repeat_share": 0.5},
        suggestions={"hidden_share": 0},
    )
    parts = loop.parts
    score_source(
        str(tmp_path / "pictures"),
        reader=parts.modality.reader,
        model=MOODS,
        policy=Band(0.4, 0.7),
        tables=parts.tables,
        clock=parts.ports.clock,
    )
    loop.run("push")
    return Office(loop)


def test_suggestions_made_answers_by_a_menu_are_nobodys_look(office: Office) -> None:
    """No vote, no gold, listed by every command; the tasks go to somebody who looks."""
    ann, bob = office.person("ann"), office.person("bob")
    reviews = office.tasks(Purpose.REVIEW)
    assert len(reviews) > 5
    chosen = {"selectedItems": {"all": True, "excluded": []}, "model_version": "moods"}
    office.ask(
        ann, "POST", "/api/dm/actions", chosen, id="predictions_to_annotations", project=office.project
    )

    pulled = office.loop.run("pull")

    assert office.gold() == {}
    assert f"by annotator {ann.user_id}: {Refusal.BULK}" in " ".join(pulled.err.split() + pulled.out.split())
    n = len(reviews)
    assert office.loop.json("status")["refused"] == {Refusal.BULK: n}
    (counted,) = office.loop.json("annotators")["refused"]
    assert counted == {"annotator": ann.user_id, "reason": Refusal.BULK, "n": n}
    bob.work(office.project, lambda _: "dog")
    office.pull()
    assert {office.gold()[split_key(key)[0]] for key in reviews} == {("dog", (bob.user_id,))}


def test_an_exported_project_imported_again_counts_once(office: Office) -> None:
    """Neither their authors nor the importer get a second vote, and no account is asked again."""
    ann, bob, eve = (office.person(name) for name in ("ann", "bob", "eve"))
    ann.work(office.project, lambda _: "cat")
    bob.work(office.project, lambda _: "cat")
    office.pull()
    before, answers = office.gold(), office.loop.parts.read_state().outcomes.answers
    assert before.keys() == {split_key(key)[0] for key in office.tasks()}
    exported = office.ask(
        None, "GET", f"/api/projects/{office.project}/export", exportType="JSON", download_all_tasks="true"
    )
    for task in exported:
        task["predictions"] = []
        for annotation in task["annotations"]:
            annotation.pop("prediction", None)
            if annotation["completed_by"] == int(bob.user_id):
                annotation["completed_by"] = None  # whose account the importing server would not know
    office.ask(eve, "POST", f"/api/projects/{office.project}/import", exported)

    report = office.pull()

    assert office.gold() == before
    assert office.loop.parts.read_state().outcomes.answers == answers
    assert report.n_refused == len(answers)
    assert all(sentence.endswith(Refusal.BULK) for sentence in report.problems)


def test_one_account_gives_one_of_the_independent_answers(office: Office) -> None:
    """An answer under a colleague's name is the sender's; the audit goes to somebody else."""
    ann, bob, cyd = (office.person(name) for name in ("ann", "bob", "cyd"))
    audits = office.tasks(Purpose.AUDIT)
    for task_id in audits.values():
        ann.answer(task_id, "dog")
        body = {"result": result_of("dog"), "lead_time": 2.5, "completed_by": int(bob.user_id)}
        office.ask(ann, "POST", f"/api/tasks/{task_id}/annotations/", body)

    report = office.pull()

    assert office.gold() == {}
    assert len(report.misnamed) == 1
    assert f"{len(audits)} annotations" in report.misnamed[0]
    cyd.work(office.project, lambda _: "cat")
    office.pull()
    assert not {split_key(key)[0] for key in audits} & office.gold().keys()  # disputed, ann against cyd


def test_answers_outlive_the_accounts_of_their_authors(office: Office) -> None:
    """Two people leave: gold keeps their names, and nobody new appears."""
    ann, bob = office.person("ann"), office.person("bob")
    ann.work(office.project, lambda _: "cat")
    given = bob.work(office.project, lambda _: "cat")
    office.pull()
    before, first = office.gold(), min(given.values())
    for person in (ann, bob):
        office.ask(None, "DELETE", f"/api/users/{person.user_id}/")
    office.ask(None, "PATCH", f"/api/annotations/{first}/", {"ground_truth": True})
    for task_id in office.tasks().values():
        office.ask(None, "PATCH", f"/api/tasks/{task_id}/", {"meta": {"seen": True}})

    report = office.pull()

    assert office.gold() == before
    assert (report.problems, report.gold_version) == ([], None)
    assert office.loop.json("status")["annotations"]["annotators"] == 2


def test_an_answer_without_a_label_of_the_set_is_asked_again(office: Office) -> None:
    """Unknown labels and choices that are no list stop neither their task nor anybody's pull."""
    ann, bob, cyd = (office.person(name) for name in ("ann", "bob", "cyd"))
    first, second, half, *_ = office.tasks(Purpose.REVIEW).values()
    audit = next(iter(office.tasks(Purpose.AUDIT).values()))
    ann.answer(first, "unicorn")
    broken = result_of("cat")
    broken[0]["value"] = {"choices": 5}
    with pytest.raises(httpx.HTTPStatusError):  # the server stores it, and fails when it tells of it
        office.ask(
            ann, "POST", f"/api/tasks/{half}/annotations/", {"result": result_of("\ud800"), "lead_time": 2.5}
        )
    for task_id in (second, audit):
        office.ask(ann, "POST", f"/api/tasks/{task_id}/annotations/", {"result": broken, "lead_time": 2.5})
    bob.work(office.project, lambda _: "dog")

    report = office.pull()

    assert report.n_refused == 3
    assert [sentence for sentence in report.problems if f"answers to task {half}: the labelling" in sentence]
    cyd.work(office.project, lambda _: "dog")
    ann.work(office.project, lambda _: "dog")
    office.pull()
    due = {split_key(key)[0] for key, task_id in office.tasks().items() if task_id != half}
    assert due == office.gold().keys()


def test_a_task_that_shows_another_picture_gets_no_answers(office: Office) -> None:
    """Whether its picture or its key was changed; the pull names the task."""
    ann, bob = office.person("ann"), office.person("bob")
    (key, first), (other_key, second), *_ = office.tasks(Purpose.REVIEW).items()
    data = {task_id: office.ask(ann, "GET", f"/api/tasks/{task_id}/")["data"] for task_id in (first, second)}
    office.ask(bob, "PATCH", f"/api/tasks/{first}/", {"data": data[first] | {"image": data[second]["image"]}})
    office.ask(bob, "PATCH", f"/api/tasks/{second}/", {"data": data[second] | {"key": key}})
    ann.answer(first, "cat")
    ann.answer(second, "dog")

    report = office.pull()

    assert office.gold() == {}
    assert [sentence.partition(" (")[0] for sentence in report.problems[:2]] == [
        f"the answers to task {first}",
        f"the answers to task {second}",
    ]
    assert report.problems[2].endswith(PROBLEM)
    assert (report.n_refused, report.n_foreign) == (2, 0)
    assert split_key(other_key)[0] not in office.gold()
