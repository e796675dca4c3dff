"""Sheets on a real Label Studio: one task there for each sheet, and a task for each of its pictures here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from goldloop.adapters.label_studio import LabelStudioQueue, ensure_projects
from goldloop.adapters.label_studio.sheets import whole_id
from goldloop.core.annotations import AnnotationStatus
from goldloop.core.errors import ServiceError
from goldloop.core.questions import DEFERRAL, NO_QUESTIONS
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from goldloop.services import Endpoints
from goldloop.settings.identity import Identity
from labelstudio_config.sheets import WRONG_NAME
from tests.contracts.labeling import LABELS, RealDesk, blind

pytestmark = pytest.mark.servers

_numbers = count(1)


def sheet(first: int, n: int = 12, *, planted: int = 2, barred: tuple[str, ...] = ()) -> list[NewTask]:
    """Return the tasks of a sheet of cats, `planted` of them known to be none."""
    return [
        NewTask(
            SampleId(f"{number:064x}"),
            Purpose.PLANTED if number < first + planted else Purpose.SHEET,
            BatchId("shop"),
            f"{number}.png",
            Suggestion("cat", 0.97, "3", ""),
            barred=barred,
            sealed=f"sealed {number}",
            sheet=f"sheet {first}",
        )
        for number in range(first, first + n)
    ]


class Sheets:
    """A queue with a project of sheets, and people who answer there."""

    def __init__(self, endpoints: Endpoints, people: dict[str, str]) -> None:
        server = endpoints.label_studio
        self.url, self.token = server.url, server.token
        self.images = Path(str(server.files_root)) / "images"
        self.name = f"sheets-{next(_numbers)}"
        self.queue = self.opened()
        self.desk = RealDesk(server.url, server.token, people, self.queue.projects)

    def opened(
        self, *, with_sheets: bool = True, identity: Identity | None = None, n: int = 12
    ) -> LabelStudioQueue:
        """Return the queue, its projects made or brought up to date."""
        projects = ensure_projects(
            self.url,
            self.token,
            name=self.name,
            labels=LABELS,
            images_root=self.images,
            questions=replace(NO_QUESTIONS, n_on_sheet=n) if with_sheets else NO_QUESTIONS,
            identity=identity,
        )
        return LabelStudioQueue(self.url, self.token, projects, LABELS, secret=b"of this workspace")

    def click(self, task_id: int, who: str, *places: int, seconds: float = 24.0) -> int:
        """Submit the sheet that holds a task, with the pictures at these places clicked."""
        value = {"choices": [str(place) for place in places]}
        region = {"from_name": WRONG_NAME, "to_name": "question", "type": "choices", "value": value}
        body = {"result": [region] if places else [], "lead_time": seconds}
        return self.desk._annotate(whole_id(task_id), who, body)

    def asked(self, method: str, path: str, **body: Any) -> Any:
        """Return the reply of the server to its owner."""
        headers = {"Authorization": f"Token {self.token}"}
        reply = httpx.request(method, f"{self.url}{path}", json=body or None, headers=headers, timeout=60)
        return reply.raise_for_status().json() if reply.content else None


@pytest.fixture
def sheets(services: Endpoints, people: dict[str, str]) -> Iterator[Sheets]:
    """An empty queue with sheets."""
    made = Sheets(services, people)
    yield made
    made.desk.http.close()


def test_the_pictures_of_a_sheet_are_tasks_of_their_own(sheets: Sheets) -> None:
    """One task on the server, and twelve with ids, keys and plans of their own for everybody else."""
    queue, tasks = sheets.queue, sheet(100)
    alone = blind(1)
    ids = queue.push([alone, *tasks])

    assert list(ids) == [alone.key, *(task.key for task in tasks)]
    assert len(set(ids.values())) == 13
    assert len({whole_id(ids[task.key]) for task in tasks}) == 1
    assert queue.find([task.key for task in tasks] + [alone.key]) == {key: [id_] for key, id_ in ids.items()}
    assert (queue.counts().n_tasks, queue.counts().n_answers) == (13, 0)
    assert {task.task_id: task.key for task in queue.listing()} == {id_: key for key, id_ in ids.items()}
    sealed = queue.sealed_plans([ids[task.key] for task in tasks])
    assert sealed == {ids[task.key]: task.sealed for task in tasks}
    states = {state.key: state for page in queue.changed_since(None) for state in page}
    assert all(states[task.key].content == queue.content_of(task) for task in tasks)


def test_nobody_reads_on_the_server_which_errors_are_planted(sheets: Sheets) -> None:
    """The data of planted errors differ from those of the others in nothing but picture and key."""
    ids = sheets.queue.push(sheet(100))
    data = sheets.asked("GET", f"/api/tasks/{whole_id(next(iter(ids.values())))}/")["data"]

    assert "planted" not in str(data)
    assert {one["key"].rpartition(":")[2] for one in data["samples"]} == {"sheet"}
    assert len({len(one["key"]) for one in data["samples"]}) == 1
    same = [{k: v for k, v in one.items() if k not in ("key", "image")} for one in data["samples"]]
    assert same == [same[0]] * 12


def test_one_page_answers_every_picture(sheets: Sheets) -> None:
    """Two clicks: two ask for a closer look, ten are answered, each with its share of the time."""
    queue, tasks, (ann, *_) = sheets.queue, sheet(100), sheets.desk.people
    ids = queue.push(tasks)
    sheets.click(ids[tasks[0].key], ann, 1, 5)

    found = queue.states(list(ids.values()))
    assert [state.key for state in found] == [task.key for task in tasks]
    given = [state.annotations[0] for state in found]
    assert [one.reason == DEFERRAL for one in given] == [place in (0, 4) for place in range(12)]
    assert {(one.annotator, one.label, one.lead_time_s) for one in given} == {
        (ann, "cat", 2.0),
        (ann, None, 2.0),
    }
    assert queue.answered(list(ids.values())) == set(ids.values())
    assert queue.counts().n_answers == 12
    assert {task.n_annotations for task in queue.listing()} == {1}


def test_another_look_at_one_picture_asks_for_another_person_for_the_sheet(sheets: Sheets) -> None:
    """The most answers that one of its pictures wants are those of the sheet."""
    queue, tasks, (ann, bob, *_) = sheets.queue, sheet(100), sheets.desk.people
    ids = queue.push(tasks)
    sheets.click(ids[tasks[0].key], ann)
    assert sheets.desk.next_for(bob, purpose=Purpose.SHEET) is None

    queue.ask({ids[tasks[3].key]: 2, ids[tasks[4].key]: 1})
    assert sheets.desk.next_for(bob, purpose=Purpose.SHEET) == whole_id(ids[tasks[0].key])
    assert sheets.desk.next_for(ann, purpose=Purpose.SHEET) is None


def test_who_is_barred_never_gets_the_sheet_and_nobody_answered_it(sheets: Sheets) -> None:
    """Barred with the push or later, and the projects can still be brought up to date afterwards."""
    queue, (ann, bob, cyd, *_) = sheets.queue, sheets.desk.people
    tasks = sheet(100, barred=(ann,))
    ids = queue.push(tasks)
    assert sheets.desk.next_for(ann, purpose=Purpose.SHEET) is None
    queue.bar({ids[tasks[2].key]: {bob}})

    assert sheets.desk.next_for(bob, purpose=Purpose.SHEET) is None
    assert sheets.desk.next_for(cyd, purpose=Purpose.SHEET) == whole_id(ids[tasks[0].key])
    assert queue.answered(list(ids.values())) == set()
    assert queue.counts().n_answers == 0
    assert all(not state.annotations for state in queue.states(list(ids.values())))
    sheets.click(ids[tasks[0].key], cyd, 2)
    assert sheets.opened(n=24).projects.sheets == queue.projects.sheets
    config = sheets.asked("GET", f"/api/projects/{queue.projects.sheets}/")["label_config"]
    assert "/ 3 -" in config
    assert {len(state.annotations) for state in queue.states(list(ids.values()))} == {1}


def test_a_picture_taken_off_a_sheet_leaves_the_others_as_they_were(sheets: Sheets) -> None:
    """Answers to the others stay; the sheet goes with its last picture."""
    queue, tasks, (ann, *_) = sheets.queue, sheet(100), sheets.desk.people
    ids = queue.push(tasks)
    sheets.click(ids[tasks[0].key], ann, 5)
    queue.delete([ids[tasks[0].key], ids[tasks[1].key]])

    left = tasks[2:]
    assert queue.counts().n_tasks == 10
    found = {state.key: state for state in queue.states(list(ids.values()))}
    assert list(found) == [task.key for task in left]
    assert all(
        state.content == queue.content_of(task) for task, state in zip(left, found.values(), strict=True)
    )
    clicked = [
        key for key, state in found.items() if state.annotations[0].status is AnnotationStatus.DEFERRED
    ]
    assert clicked == [tasks[4].key]
    queue.delete([ids[task.key] for task in left])
    assert queue.counts().n_tasks == 0
    assert queue.find([task.key for task in tasks]) == {}


def test_the_project_of_sheets_is_made_when_somebody_asks_for_them_and_stays(sheets: Sheets) -> None:
    """Without sheets there are three projects; a workspace that ever had sheets goes on to read them."""
    made = Sheets.__new__(Sheets)
    made.url, made.token, made.images, made.name = sheets.url, sheets.token, sheets.images, f"{sheets.name}-b"
    before = made.opened(with_sheets=False)
    assert before.projects.sheets is None
    assert "sheets" not in before.project_urls()
    with pytest.raises(ServiceError, match=r"sheets\.enabled"):
        before.push(sheet(100))

    after = made.opened()
    assert tuple(after.projects)[:3] == tuple(before.projects)
    address = after.project_urls()["sheets"]
    assert address == f"{sheets.url}/projects/{after.projects.sheets}/data?labeling=1"
    recorded = Identity(id=made.name, handle=made.name, root="", projects=after.projects.known)
    assert len(recorded.projects) == 4
    assert made.opened(with_sheets=False, identity=recorded).projects == after.projects
