"""An analyst of records at work: what model and policy say, answers by keyboard, and pages that are blind."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from goldloop.consensus.admission import MIN_LOOK_S
from goldloop.core.annotations import AnnotationStatus
from goldloop.core.assessments import Assessment
from goldloop.core.labels import LabelSet
from goldloop.core.questions import DEFERRAL
from goldloop.core.samples import BatchId
from goldloop.core.tasks import NewTask, Purpose, Suggestion, split_key, task_key
from goldloop.modalities.record.modality import RecordModality
from goldloop.services import Endpoints
from goldloop.settings import Settings
from tests.e2e.commands import Loop
from tests.e2e.desk import Desk, logged_in, seated
from tests.payments import SECTION, made_payments, payment, read_rows, records_in
from tests.texts import write_json

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = [pytest.mark.servers, pytest.mark.browser]

SETTINGS = Settings(
    name="payments", kind="records", labels=("genuine", "fraud"), records=SECTION, cost={"quick_s": 0.5}
)
LABELS = SETTINGS.label_set
QUESTIONS = SETTINGS.analyst_questions
N, N_SHOWN = 30, 15
DEFERRED = 4
"""Number of the record that the analyst sends to a full review."""
STRANGE = payment(
    "strange", amount=1234.5, merchant="<script>alert(1)</script> $hint", country=None, is_new_device=True
)
BEFORE = [
    payment(f"before {day}", at=f"2026-02-{day:02d}T18:15:00Z", amount=10.0 + day, merchant="<b>M</b>")
    for day in range(1, 6)
]
REASONS = {"is_new_device": 1.31, "amount": 0.62, "at/hour": 0.3, "n_last_hour": -0.21, "country": -0.08}
COSTS = {"take for genuine": 724.71, "take for fraud": 2.1, "quick review": 1.9, "full review": 2.4}
MODEL_WORDS = ("risk of 100", "Why the model", "expected cost", "Model suggests", "gl-bar", "0.58")
PAGE = """
    const page = document.querySelector('.gl').cloneNode(true);
    for (const same of page.querySelectorAll('style, .gl-guide')) same.remove();  // alike on every page
    return page.outerHTML;
"""
_numbers = count(1)

Seat = tuple[Desk, list[NewTask], list[str]]


def shown_task(sample_id: Any, risk: float, **more: Any) -> NewTask:
    """Return a quick review with a suggestion."""
    hint = f"Model suggests: fraud {risk:.0%} (genuine {1 - risk:.0%})"
    assessment = Assessment(risk, COSTS, "EUR", REASONS)
    shown = Suggestion("fraud", risk, "3", hint)
    return NewTask(sample_id, Purpose.REVIEW, BatchId("b"), "", shown, assessment=assessment, **more)


@pytest.fixture
def seat(services: Endpoints, browser: WebDriver, tmp_path: Path) -> Seat:
    """An analyst in front of 30 records, their tasks and labels; the first half have suggestions."""
    records = records_in(tmp_path)
    made = made_payments(N - 1)
    rows = [STRANGE, *(row for row, _ in made)]
    arrivals = [one.sample_id for one in read_rows(records, tmp_path / "payments.jsonl", *rows)]
    before = [one.sample_id for one in read_rows(records, tmp_path / "before.jsonl", *BEFORE)]
    earlier = dict(zip(reversed(before), ["fraud", "", "genuine", "", ""], strict=True))
    tasks = [shown_task(arrivals[0], 0.5813, earlier=earlier)]
    tasks += [shown_task(one, 0.61) for one in arrivals[1:N_SHOWN]]
    tasks += [
        NewTask(one, Purpose.FULL if place == 0 else Purpose.AUDIT, BatchId("b"), "", earlier=earlier)
        for place, one in enumerate(arrivals[N_SHOWN:])
    ]
    desk = seated_analyst(services, browser, tmp_path, records)
    return desk, tasks, ["fraud", *(label for _, label in made)]


def seated_analyst(services: Endpoints, browser: WebDriver, folder: Path, records: RecordModality) -> Desk:
    """Return the desk of an analyst in front of an empty project of records."""
    return seated(
        services.label_studio,
        browser,
        folder,
        name=f"record-browser-{next(_numbers)}",
        labels=LabelSet.of(LABELS),
        email=f"eve{next(_numbers)}@records.example",
        kind="records",
        questions=QUESTIONS,
        task_data=records.task_data,
    )


def test_thirty_records_by_keyboard_alone(seat: Seat, services: Endpoints) -> None:
    """Label and what settled it arrive with their time, one record asks for a full review, blind is blind."""
    desk, wanted, labels = seat
    ids = desk.queue.push(wanted)
    by_id = {ids[task.key]: number for number, task in enumerate(wanted)}
    desk.browser.get(desk.queue.project_urls()["labeling"])
    for _ in range(N):
        desk.wait_for("a task without an answer", lambda: desk.shown_task() in by_id)
        number = by_id.pop(desk.shown_task())
        desk.wait_for("its fields", lambda: desk.texts(".gl-fields td"))
        if number == 0:
            look_at_the_first(desk)
        if wanted[number].assessment is None:
            is_full = wanted[number].purpose is Purpose.FULL
            look_at_a_blind_page(desk, services.label_studio.token, is_full=is_full)
        if number in (0, N_SHOWN + 1):
            desk.shoot_everywhere("record" if number == 0 else "record-blind")
        time.sleep(MIN_LOOK_S)
        say(desk, number, labels[number])
        desk.wait_for("the answer", lambda key=wanted[number].key: desk.answers(key))

    answers = [answer for task in wanted for answer in desk.answers(task.key)]
    expected: list[str | None] = [*labels]
    expected[DEFERRED] = None
    assert [answer.label for answer in answers] == expected
    assert all(answer.lead_time_s and answer.lead_time_s >= MIN_LOOK_S for answer in answers)
    given = [answer.grounds.rule if answer.grounds else None for answer in answers]
    assert given == [None if label is None else QUESTIONS.rules[label][1] for label in expected]
    assert (answers[DEFERRED].status, answers[DEFERRED].reason) == (AnnotationStatus.DEFERRED, DEFERRAL)
    assert answers[1].grounds
    assert answers[1].grounds.note == "seen before"


def test_d_brings_a_full_review_by_others(
    make_loop: Callable[..., Loop], services: Endpoints, browser: WebDriver, tmp_path: Path
) -> None:
    """Before there is a model too: the next pull puts the record into the queue of full reviews."""
    from selenium.webdriver.common.keys import Keys

    several = {"consensus": {}, "annotators": {"onboarding_tasks": 0}, "model": {}}
    loop = make_loop("deferred", kind="records", labels=list(LABELS), records=SECTION, **several)
    rows = [row for row, _ in made_payments(8)]
    loop.run("score", str(write_json(loop.root / "payments.jsonl", *rows)))
    loop.run("push")
    desk = logged_in(services.label_studio, browser, tmp_path, queue=loop.queue(), email="mo@records.example")
    browser.get(desk.queue.project_urls()["Quick review"])
    desk.wait_for("a record", lambda: desk.texts(".gl-fields td"))
    task_id = desk.shown_task()
    desk.press("d")
    desk.wait_for("no label chosen", lambda: desk.chosen() == [DEFERRAL])
    desk.press(Keys.ENTER)
    desk.wait_for("the answer", lambda: desk.queue.counts().n_answers == 1)
    loop.run("pull")

    sample_id, purpose = split_key(desk.queue.all_tasks()[task_id])
    full = desk.queue.find([task_key(sample_id, Purpose.FULL)])
    assert purpose is not Purpose.FULL
    assert [len(ids) for ids in full.values()] == [1]


def say(desk: Desk, number: int, label: str) -> None:
    """Answer one record: a label and the second of its reasons, or D for a full review."""
    from selenium.webdriver.common.keys import Keys

    if number == DEFERRED:
        desk.press("d")
        desk.wait_for("no label chosen", lambda: desk.chosen() == [DEFERRAL])
    else:
        if desk.chosen() != [label]:  # the suggestion is chosen already
            desk.press("2" if label == "fraud" else "1")
        reasons = QUESTIONS.rules[label]
        desk.wait_for("the reasons", lambda: reasons[1] in desk.text(".gl-answer"))
        desk.press("2", is_shifted=True)
        desk.wait_for("both chosen", lambda: {label, reasons[1]} <= set(desk.chosen()))
    if number == 1:
        desk.press("n")
        desk.press("seen before" + Keys.ENTER)
        desk.wait_for("the note", lambda: "seen before" in desk.text(".gl-note"))
    desk.press(Keys.ENTER)


def look_at_the_first(desk: Desk) -> None:
    """Check the strange record: risk, costs, reasons, fields as they are, and the payments before it."""
    assert desk.texts(".gl-head b") == ["1,234.50 EUR", "58"]
    assert "strange" in desk.text(".gl-head p small")
    costs = "expected cost, EUR: approve 724.71 decline 2.10 quick review 1.90 full review 2.40"
    assert " ".join(desk.text(".gl-costs").split()) == costs
    assert desk.text(".gl-costs b") == "quick review 1.90"
    rows = zip(desk.texts(".gl-reasons th"), desk.texts(".gl-reasons td:nth-child(2)"), strict=True)
    assert dict(rows) == {
        "is new device": "yes",
        "Amount": "1,234.50 EUR",
        "at, hour": "9:00",
        "payments in the last hour": "0",
        "country": "–",
    }
    script = (
        "return [...document.querySelectorAll('.gl-reasons i')].map(one => one.getBoundingClientRect().width)"
    )
    widths = desk.browser.execute_script(script)
    assert widths == sorted(widths, reverse=True)
    assert 80 < widths[0] <= 100
    assert len(desk.texts(".gl-reasons .gl-down")) == 2
    cells = dict(zip(desk.texts(".gl-fields th"), desk.texts(".gl-fields td"), strict=True))
    assert cells["merchant"] == "<script>alert(1)</script> $hint"
    assert (cells["country"], cells["is new device"]) == ("–", "yes")
    before = desk.texts(".gl-earlier td")
    assert before[:5] == ["2026-02-05 18:15:00", "15 EUR", "<b>M</b>", "ES", "fraud"]
    assert len(before) == 5 * len(BEFORE)
    assert desk.shown() == "Model suggests: fraud 58% (genuine 42%)"
    assert desk.chosen() == ["fraud"]
    look = "return document.querySelector('.gl-pace').style.background"
    desk.wait_for("the line to be full", lambda: "100%" in desk.browser.execute_script(look))
    assert desk.chosen() == ["fraud"]  # the time only shows


def look_at_a_blind_page(desk: Desk, token: str, *, is_full: bool) -> None:
    """Check that neither the page nor what the server holds of its task says anything of a model."""
    page = desk.browser.execute_script(PAGE)
    address, login = f"{desk.url}/api/tasks/{desk.shown_task()}/", {"Authorization": f"Token {token}"}
    reply = httpx.get(address, headers=login, timeout=60).raise_for_status()
    data, predictions = reply.json()["data"], reply.json()["predictions"]

    assert predictions == []
    assert "gl-record" in page
    assert not [word for word in MODEL_WORDS if word in page or word in str(data)]
    assert not {"suggested", "suggested_score", "suggested_by"} & set(data)
    assert desk.shown() == ("Full review: take your time. Somebody else answers it too." if is_full else "")
    assert bool(desk.browser.execute_script("return document.querySelector('.gl-pace')")) is not is_full
    assert desk.chosen() == []
