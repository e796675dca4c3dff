"""An annotator's session: fifty pictures by keyboard alone, with skips, a correction and two decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from goldloop.core.annotations import TaskState
from goldloop.core.labels import LabelSet
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from goldloop.services import Endpoints
from goldloop.settings.workspace import Workspace
from labelstudio_config.interface import DECISIONS, SKIP_REASONS
from tests.e2e.desk import Desk, seated

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = [pytest.mark.servers, pytest.mark.browser]

LABELS = LabelSet.of(["roof", "sky", "tree", "water", "wall", "person", "nothing of these"])
BATCH = BatchId("session")
N_TASKS = 50
BLIND, MISTAKEN = 6, 28  # the picture submitted without a label, and the one corrected afterwards
_numbers = count(1)


@dataclass(frozen=True)
class Plan:
    """What the annotator is going to do with one picture."""

    task: NewTask
    label: str | None  # None: skip
    reason: str | None = None

    @property
    def suggested(self) -> list[str]:
        """What is chosen when the picture appears."""
        return [self.task.suggestion.label] if self.task.suggestion else []


def plan(number: int, path: str) -> Plan:
    """Return what happens to the picture at `path`: a third is blind, a tenth is skipped."""
    sample_id = SampleId(f"{number:064x}")
    label = LABELS[number * 3 % len(LABELS)]
    if number % 3 == 0:
        task = NewTask(sample_id, Purpose.AUDIT, BATCH, path)
    else:
        suggested = label if number % 4 else LABELS[(number * 3 + 1) % len(LABELS)]
        hint = f"Model suggests: {suggested} 55% (sky 30%)"
        task = NewTask(sample_id, Purpose.REVIEW, BATCH, path, Suggestion(suggested, 0.55, "3", hint))
    if number % 10 == 9:
        return Plan(task, None, (*SKIP_REASONS, None)[number // 10])
    return Plan(task, label)


@pytest.fixture
def plans(services_workspace: Workspace) -> list[Plan]:
    """Fifty pictures, each another part of a photograph, and what is done with each."""
    folder = services_workspace.images / "session"
    folder.mkdir(parents=True, exist_ok=True)
    photograph = Image.fromarray(load_sample_image("china.jpg"))
    for number in range(N_TASKS):
        left, top = 8 * number, 5 * (number % 25)
        photograph.crop((left, top, left + 240, top + 300)).save(folder / f"{number}.jpg")
    return [plan(number, f"session/{number}.jpg") for number in range(N_TASKS)]


@pytest.fixture
def desk(services: Endpoints, browser: WebDriver, tmp_path: Path) -> Desk:
    """Somebody who has just logged in."""
    return seated(
        services.label_studio,
        browser,
        tmp_path,
        name=f"session-{next(_numbers)}",
        labels=LABELS,
        email="sam@session.example",
    )


def appears(desk: Desk, task_id: int, chosen: list[str]) -> None:
    """Wait until a task is on the page, with its picture and with `chosen` picked."""
    desk.wait_for(f"task {task_id}", lambda: desk.shown_task() == task_id)
    desk.wait_for(f"{chosen} chosen", lambda: desk.chosen() == chosen)
    desk.picture()


def choose(desk: Desk, label: str, chosen: list[str]) -> None:
    """Pick `label` by its key, unless it is picked already."""
    if chosen != [label]:
        desk.press(str(LABELS.column(label) + 1))
        desk.wait_for(f"{label} chosen", lambda: desk.chosen() == [label])


def work_on(desk: Desk, one: Plan) -> None:
    """Answer or skip the task on the page as planned."""
    from selenium.webdriver.common.keys import Keys

    if one.label is not None:
        choose(desk, one.label, one.suggested)
        desk.press(Keys.ENTER)
        return
    if one.reason is not None:
        desk.press(str(SKIP_REASONS.index(one.reason) + 1), is_shifted=True)
        desk.wait_for("the reason chosen", lambda: one.reason in desk.chosen())
    desk.press("s")


def be_warned(desk: Desk) -> None:
    """Submit without a label, and close the warning."""
    from selenium.webdriver.common.keys import Keys

    desk.press(Keys.ENTER)
    desk.wait_for("the warning", lambda: len(desk.warnings()) == 1)
    desk.press(Keys.ENTER)
    desk.wait_for("the warning gone", lambda: desk.warnings() == [])


def read_the_guide(desk: Desk) -> None:
    """Open the instructions and close them."""
    desk.press("h")
    desk.wait_for("the guide", lambda: desk.texts(".gl-guide"))
    desk.shoot("session-guide")
    desk.press("h")
    desk.wait_for("no guide", lambda: not desk.texts(".gl-guide"))


def correct(desk: Desk, last: Plan, label: str) -> None:
    """Go back one picture, give it another label, and come back."""
    from selenium.webdriver.common.keys import Keys

    here, there = desk.shown_task(), desk.queue.find([last.task.key])[last.task.key][0]
    desk.press(Keys.ARROW_LEFT)
    appears(desk, there, [str(last.label)])
    choose(desk, label, [str(last.label)])
    desk.shoot("session-correction")
    desk.press(Keys.ENTER)
    desk.wait_for("the edit", lambda: desk.answers(last.task.key)[0].label == label)

    def is_back() -> bool:
        """Press on as a person would: while the page is still saving, the key finds no button to press."""
        if desk.shown_task() == here:
            return True
        desk.press(Keys.ARROW_RIGHT)
        return False

    desk.wait_for("where we were", is_back)


def take_back(desk: Desk, skipped: Plan, label: str) -> None:
    """Go back from the end of the queue to a skip and answer instead."""
    from selenium.webdriver.common.keys import Keys

    desk.wait_for("the end", lambda: "No More Tasks" in desk.text("body"))
    desk.press(Keys.ARROW_LEFT)
    desk.wait_for("the skip", lambda: "Cancel skip" in desk.text("body"))
    desk.press(Keys.ENTER)
    desk.wait_for("the skip gone", lambda: desk.answers(skipped.task.key) == [])
    desk.wait_for("an answer to be possible", lambda: "Submit" in desk.text("body"))
    choose(desk, label, [])
    desk.press(Keys.ENTER)
    desk.wait_for("the answer", lambda: [one.label for one in desk.answers(skipped.task.key)] == [label])


def arrived(desk: Desk, since: datetime | None = None) -> dict[str, TaskState]:
    """Return what changed on the server, by key."""
    return {state.key: state for page in desk.queue.changed_since(since) for state in page}


def test_fifty_pictures_by_keyboard_alone(desk: Desk, plans: list[Plan]) -> None:
    """Every answer, skip and reason arrives as it was keyed, and what was corrected arrives as an edit."""
    ids = desk.queue.push([one.task for one in plans])
    desk.open()

    for number, one in enumerate(plans):
        appears(desk, ids[one.task.key], one.suggested)
        if number in {0, 10, N_TASKS - 1}:
            assert f"{number + 1} of {N_TASKS}" in desk.text(".lsf-current-task")
            desk.shoot(f"session-{number + 1}")
        if number == BLIND:
            be_warned(desk)
        if number == 20:
            read_the_guide(desk)
        if number == MISTAKEN + 1:
            given = arrived(desk)[plans[MISTAKEN].task.key].updated_at
            correct(desk, plans[MISTAKEN], "person")
            assert arrived(desk, given)[plans[MISTAKEN].task.key].annotations[0].label == "person"
            appears(desk, ids[one.task.key], one.suggested)
        work_on(desk, one)
    desk.wait_for("the last skip", lambda: desk.answers(plans[-1].task.key))
    desk.shoot("session-end")
    take_back(desk, plans[-1], "wall")

    answers = {key: state.annotations for key, state in arrived(desk).items()}
    assert {len(given) for given in answers.values()} == {1}
    said = {key: (one.label, one.is_skip, one.reason, one.annotator) for key, (one,) in answers.items()}
    planned = {one.task.key: (one.label, one.label is None, one.reason, desk.user_id) for one in plans}
    changed = {plans[MISTAKEN].task.key: "person", plans[-1].task.key: "wall"}
    assert said == planned | {key: (label, False, None, desk.user_id) for key, label in changed.items()}
    (edited,) = answers[plans[MISTAKEN].task.key]
    assert edited.updated_at > edited.created_at


def test_an_adjudicator_decides_with_a_reason(desk: Desk, plans: list[Plan]) -> None:
    """What people said is shown without names; a label without a reason is not taken; both arrive."""
    from selenium.webdriver.common.keys import Keys

    counts = [{"roof": 1, "sky": 2}, {"tree": 1, "water": 1}]
    disputes = [
        NewTask(one.task.sample_id, Purpose.ADJUDICATION, BATCH, one.task.path, answers=said)
        for one, said in zip(plans, counts, strict=False)
    ]
    ids = desk.queue.push(disputes)
    desk.open("adjudication")

    appears(desk, ids[disputes[0].key], [])
    assert desk.shown() == "sky 2 · roof 1"
    choose(desk, "roof", [])
    desk.press(Keys.ENTER)
    desk.wait_for("the warning", lambda: len(desk.warnings()) == 1)
    assert desk.answers(disputes[0].key) == []
    desk.shoot("adjudication-warning")
    desk.press("3", is_shifted=True)
    desk.wait_for("the reason chosen", lambda: desk.chosen() == ["roof", DECISIONS[2]])
    desk.wait_for("the warning gone", lambda: desk.warnings() == [])
    desk.press(Keys.ENTER)
    appears(desk, ids[disputes[1].key], [])
    desk.shoot("adjudication")
    desk.press("s")
    desk.wait_for("the skip", lambda: desk.answers(disputes[1].key))

    (decision,), (skip,) = desk.answers(disputes[0].key), desk.answers(disputes[1].key)
    assert (decision.label, decision.reason, decision.annotator) == ("roof", DECISIONS[2], desk.user_id)
    assert (skip.label, skip.is_skip) == (None, True)
