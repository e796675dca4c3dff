"""An analyst of records at work: fields as they are, what is at stake in large, and a label by one key."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldloop.core.labels import LabelSet
from goldloop.core.samples import BatchId
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from goldloop.modalities.record.modality import RecordModality
from goldloop.services import Endpoints
from tests.e2e.desk import Desk, seated
from tests.payments import made_payments, payment, read_rows, records_in

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = [pytest.mark.servers, pytest.mark.browser]

LABELS = LabelSet.of(["genuine", "fraud"])
N = 30
STRANGE = payment(
    "strange", amount=1234.5, merchant="<script>alert(1)</script> $hint", country=None, is_new_device=True
)
_numbers = count(1)


@pytest.fixture
def tasks(tmp_path: Path) -> tuple[RecordModality, list[NewTask], list[str]]:
    """Records that arrived, a task about each, and their labels; only the first has a suggestion."""
    records, made = records_in(tmp_path), made_payments(N - 1)
    rows = [STRANGE, *(row for row, _ in made)]
    arrivals = read_rows(records, tmp_path / "payments.jsonl", *rows)
    shown = Suggestion("fraud", 0.58, "3", "Model suggests: fraud 58% (genuine 42%)")
    batch = BatchId("payments")
    tasks = [NewTask(arrivals[0].sample_id, Purpose.REVIEW, batch, "", shown)]
    tasks += [NewTask(one.sample_id, Purpose.AUDIT, batch, "") for one in arrivals[1:]]
    return records, tasks, ["fraud", *(label for _, label in made)]


@pytest.fixture
def desk(
    services: Endpoints,
    browser: WebDriver,
    tmp_path: Path,
    tasks: tuple[RecordModality, list[NewTask], list[str]],
) -> Desk:
    """An analyst who has just logged in, in front of an empty project of records."""
    return seated(
        services.label_studio,
        browser,
        tmp_path,
        name=f"record-browser-{next(_numbers)}",
        labels=LABELS,
        email="eve@records.example",
        kind="records",
        task_data=tasks[0].task_data,
    )


def test_thirty_records_are_labelled_by_keys_alone(
    desk: Desk, tasks: tuple[RecordModality, list[NewTask], list[str]]
) -> None:
    """Fields stand there as they are, no blind page holds a score, and each answer arrives with its time."""
    from selenium.webdriver.common.keys import Keys

    _, wanted, labels = tasks
    ids = desk.queue.push(wanted)
    by_id = {ids[task.key]: (task, label) for task, label in zip(wanted, labels, strict=True)}
    desk.browser.get(desk.queue.project_urls()["labeling"])
    for number in range(N):
        desk.wait_for("a task without an answer", lambda: desk.shown_task() in by_id)
        task, label = by_id.pop(desk.shown_task())
        desk.wait_for("its fields", lambda: desk.texts(".gl-record td"))
        if number == 0:
            look_at_the_first(desk)
        else:
            assert desk.shown() == ""
            assert not [word for word in ("fraud 58%", "0.58") if word in desk.browser.page_source]
            desk.press("2" if label == "fraud" else "1")
        desk.wait_for("the label chosen", lambda wanted=label: desk.chosen() == [wanted])
        if number == 1:
            desk.shoot("record-blind")
        desk.press(Keys.ENTER)
        desk.wait_for("the answer", lambda key=task.key: desk.answers(key))

    answers = [desk.answers(task.key) for task in wanted]
    assert [answer.label for (answer,) in answers] == labels
    assert all(answer.lead_time_s and answer.lead_time_s > 0 for (answer,) in answers)


def look_at_the_first(desk: Desk) -> None:
    """Check the strange record, which has a suggestion."""
    assert desk.text(".gl-record p b") == "1,234.50 EUR"
    assert "strange" in desk.text(".gl-record p small")
    cells = dict(zip(desk.texts(".gl-record th"), desk.texts(".gl-record td"), strict=True))
    assert cells == {
        "merchant": "<script>alert(1)</script> $hint",
        "country": "–",
        "is new device": "yes",
        "payments in the last hour": "0",
    }
    assert desk.shown() == "Model suggests: fraud 58% (genuine 42%)"
    assert desk.chosen() == ["fraud"]
    desk.shoot("record-suggestion")
