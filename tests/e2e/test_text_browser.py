"""An annotator of texts at work: the same keys, suggestion, guide and blind tasks as for pictures."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldloop.core.labels import LabelSet
from goldloop.core.samples import BatchId
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from goldloop.modalities.text.modality import TextModality
from goldloop.services import Endpoints
from labelstudio_config.interface import DECISIONS
from tests.e2e.desk import Desk, seated

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = [pytest.mark.servers, pytest.mark.browser]

LABELS = LabelSet.of(["fine", "spam", "harassment"])
TEXTS = [
    "<b>Bold</b> <script>alert(1)</script> & $hint: you have won!\nCall 0900 000 before Friday.\n\n  Signed",
    "https://example.org/only-a-link",
    "grüße 猫 " + "a rather long text that goes on and on. " * 120,
]
THREAD = [{"author": "bo", "text": "<i>Who</i> is it?\n$hint"}, {"author": "ann", "text": "Me & you."}]
_numbers = count(1)


@pytest.fixture
def tasks(tmp_path: Path) -> tuple[TextModality, list[NewTask]]:
    """Texts that arrived, and a task about each: two with a suggestion, one blind."""
    texts = TextModality(tmp_path / "texts.sqlite")
    rows = [{"id": number, "text": text} for number, text in enumerate(TEXTS)]
    rows[0] |= {"author": "ann", "thread": THREAD, "reports": 2, "<b>tag</b>": "<u>x</u>"}
    source = str(tmp_path / "posts.jsonl")
    Path(source).write_text("".join(json.dumps(row) + "\n" for row in rows))
    ids = [one.sample_id for one in texts.reader.arrivals(source, is_known=lambda _: False)]
    shown = Suggestion("spam", 0.58, "3", "Model suggests: spam 58% (fine 30%)")
    batch = BatchId("texts")
    purposes = [(Purpose.REVIEW, shown), (Purpose.AUDIT, None), (Purpose.REVIEW, shown)]
    return texts, [
        NewTask(sample_id, purpose, batch, "", suggestion)
        for sample_id, (purpose, suggestion) in zip(ids, purposes, strict=True)
    ]


@pytest.fixture
def desk(
    services: Endpoints, browser: WebDriver, tmp_path: Path, tasks: tuple[TextModality, list[NewTask]]
) -> Desk:
    """An annotator who has just logged in, in front of an empty project of texts."""
    return seated(
        services.label_studio,
        browser,
        tmp_path,
        name=f"text-browser-{next(_numbers)}",
        labels=LABELS,
        email="eve@texts.example",
        kind="text",
        task_data=tasks[0].task_data,
    )


def shown_text(desk: Desk) -> str:
    """Return the text on the page, as a person sees it."""
    return desk.text(".gl-said .lsf-richtext__container")


def appears(desk: Desk, task_id: int, chosen: list[str]) -> None:
    """Wait until this task is on the page with what is chosen at first."""
    desk.wait_for(f"task {task_id}", lambda: desk.shown_task() == task_id)
    desk.wait_for(f"{chosen} chosen", lambda: desk.chosen() == chosen)


def test_texts_are_labelled_by_keys_alone(desk: Desk, tasks: tuple[TextModality, list[NewTask]]) -> None:
    """The text stands there as it is, markup and links included; Enter accepts, a key corrects, S skips."""
    from selenium.webdriver.common.keys import Keys

    _, (first, blind, long) = tasks
    ids = desk.queue.push([first, blind, long])
    desk.browser.get(desk.queue.project_urls()["labeling"])

    appears(desk, ids[first.key], ["spam"])
    assert shown_text(desk).split() == TEXTS[0].split()
    assert "Call 0900 000 before Friday." in shown_text(desk).splitlines()
    assert desk.text(".gl-context").splitlines() == [
        "reports 2 · <b>tag</b> <u>x</u>",
        "",
        "A <i>Who</i> is it?",
        "$hint",
        "author Me & you.",
    ]
    assert desk.shown() == "Model suggests: spam 58% (fine 30%)"
    desk.shoot("text-suggestion")
    desk.press("h")
    desk.wait_for("the guide", lambda: desk.texts(".gl-guide"))
    assert "Choose what the text as a whole means" in desk.text(".gl-guide")
    desk.shoot("text-guide")
    desk.press("h")
    desk.wait_for("no guide", lambda: not desk.texts(".gl-guide"))
    desk.press(Keys.ENTER)

    appears(desk, ids[blind.key], [])
    assert (shown_text(desk), desk.shown(), desk.text(".gl-context")) == (TEXTS[1], "", "")
    desk.shoot("text-blind")
    desk.press("3")
    desk.wait_for("the label chosen", lambda: desk.chosen() == ["harassment"])
    desk.press(Keys.ENTER)

    appears(desk, ids[long.key], ["spam"])
    desk.shoot("text-long")
    box = desk.one(".gl-text").rect
    assert box["y"] + box["height"] <= desk.browser.execute_script("return window.innerHeight")
    desk.press("s")
    desk.wait_for("the skip", lambda: desk.answers(long.key))

    answers = {task.key: desk.answers(task.key) for task in (first, blind, long)}
    assert [(one.label, one.is_skip) for (one,) in answers.values()] == [
        ("spam", False),
        ("harassment", False),
        (None, True),
    ]


def test_a_disputed_text_is_adjudicated(desk: Desk, tasks: tuple[TextModality, list[NewTask]]) -> None:
    """What annotators answered stands beside the text; a label and a reason arrive."""
    from selenium.webdriver.common.keys import Keys

    _, (first, *_) = tasks
    dispute = NewTask(first.sample_id, Purpose.ADJUDICATION, first.batch, "", answers={"fine": 1, "spam": 2})
    ids = desk.queue.push([dispute])
    desk.browser.get(desk.queue.project_urls()["adjudication"])

    appears(desk, ids[dispute.key], [])
    assert desk.shown() == "spam 2 · fine 1"
    assert shown_text(desk).split() == TEXTS[0].split()
    desk.press("1")
    desk.press("3", is_shifted=True)
    desk.wait_for("label and reason", lambda: desk.chosen() == ["fine", DECISIONS[2]])
    desk.shoot("text-adjudication")
    desk.press(Keys.ENTER)
    desk.wait_for("the decision", lambda: desk.answers(dispute.key))

    (decision,) = desk.answers(dispute.key)
    assert (decision.label, decision.reason) == ("fine", DECISIONS[2])
