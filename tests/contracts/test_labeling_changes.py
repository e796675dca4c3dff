"""What changed, by goldloop's own address of the embedded server: the same as by Label Studio's own list."""

from __future__ import annotations

import json

import httpx
import pytest

from goldloop.adapters.label_studio import LabelStudioQueue
from goldloop.adapters.label_studio.client import LabelStudioClient
from goldloop.adapters.label_studio.task_list import CHANGES
from goldloop.core.annotations import TaskState
from goldloop.core.questions import DEFERRAL
from tests.contracts.labeling import Desk, blind, disputed, known, review

pytestmark = [pytest.mark.servers, pytest.mark.parametrize("made", ["real"], indirect=True)]


def listed(queue: LabelStudioQueue) -> list[list[TaskState]]:
    """Return the pages of all changes."""
    return list(queue.changed_since(None))


def test_both_ways_list_the_same(
    queue: LabelStudioQueue, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers, skips, edits, bulk answers, copies, foreign labels, deletions, barrings, in three projects."""
    ann, bob, cyd, _ = desk.people
    ids = list(queue.push([*(blind(n) for n in range(6)), review(7), disputed(8), known(9)]).values())
    desk.answer(ids[0], ann, "cat")
    desk.edit(desk.answer(ids[1], ann, "dog"), "cat", annotator=bob)
    desk.skip(ids[2], bob, reason="too dark")
    desk.retract(desk.answer(ids[3], cyd, "dog"))
    desk.answer(ids[4], cyd, "no label of ours")
    desk.answer(ids[5], bob, DEFERRAL)
    desk.accept_suggestions([ids[6]], bob)
    desk.answer(ids[7], ann, "dog")
    queue.bar({ids[8]: [ann]})
    desk.import_copy(ids[0], {ann: cyd})
    sent: list[str] = []
    ask = LabelStudioClient._ask

    def counting(client: LabelStudioClient, method: str, path: str, *rest: object) -> object:
        sent.append(path)
        return ask(client, method, path, *rest)

    monkeypatch.setattr(LabelStudioClient, "_ask", counting)
    own = listed(queue)
    assert set(sent) == {CHANGES}
    queue._server._absent.add(CHANGES)

    assert own == listed(queue)
    assert len(own[0]) == len(ids) + 1
    assert sum(len(task.annotations) for task in own[0]) >= 8


def test_what_one_task_hides_is_asked_of_the_list(queue: LabelStudioQueue, desk: Desk) -> None:
    """An answer with half a character cannot be sent in any reply; the other tasks come all the same."""
    first, second = queue.push([blind(1), blind(2)]).values()
    answer = desk.answer(first, desk.people[0], "cat")
    halved = json.dumps({"result": [{"from_name": "label", "value": {"choices": ["\ud800"]}}]})
    server = queue._server
    server._http.patch(
        f"/api/annotations/{answer}/", content=halved, headers={"Content-Type": "application/json"}
    )
    desk.answer(second, desk.people[0], "dog")

    by_id = {task.task_id: task for page in listed(queue) for task in page}

    assert not by_id[first].is_listed
    assert [answer.label for answer in by_id[second].annotations] == ["dog"]


@pytest.mark.parametrize(
    "sent",
    [
        {},
        [1],
        {"project": "1", "since": "2026-01-05T00:00:00Z", "size": 5},
        {"project": 1, "since": "2026-01-05T00:00:00", "size": 5},
        {"project": 1, "since": "yesterday", "size": 5},
        {"project": 1, "since": "2026-01-05T00:00:00Z", "size": 10**9},
    ],
)
def test_the_server_refuses_what_names_no_page(queue: LabelStudioQueue, sent: object) -> None:
    """The reply says what to send."""
    with pytest.raises(httpx.HTTPStatusError) as refused:
        queue._server.post_if_there(CHANGES, sent)

    assert refused.value.response.status_code == 400
