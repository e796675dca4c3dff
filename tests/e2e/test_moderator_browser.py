"""A moderator at work: posts under a veil; label, severity, rule, reasons and notes by keyboard."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from goldloop.consensus.admission import MIN_LOOK_S
from goldloop.core.annotations import Grounds
from goldloop.core.labels import LabelSet
from goldloop.core.questions import Questions
from goldloop.core.samples import BatchId
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from goldloop.modalities.text.modality import TextModality
from goldloop.services import Endpoints
from tests.e2e.commands import Loop
from tests.e2e.desk import Desk, logged_in, seated

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = [pytest.mark.servers, pytest.mark.browser]

LABELS = LabelSet.of(["fine", "hate speech", "harassment", "spam"])
RULES = {
    "hate speech": ("H1 attacks a group", "H2 calls for exclusion"),
    "harassment": ("A1 insults a person", "A2 sexual advances", "A3 threat"),
}
POLICY = "# House rules\n\n- **H1** A post that attacks a group is hate speech.\n"
REASONS = ("quoted or reported, not meant", "irony", "needs more context")
QUESTIONS = Questions("fine", ("mild", "strong", "very strong"), RULES, REASONS, POLICY, is_veiled=True)
SEVERITY_KEYS, RULE_KEYS = {"mild": "1", "strong": "2", "very strong": "3"}, "456"
N_POSTS = 30


def planned(number: int) -> dict[str, str]:
    """Return what the moderator says of post `number`; every seventh gets a note, every fifth a reason."""
    label = LABELS[number % len(LABELS)]
    said = {"decision": label, "severity": "", "rule": "", "reason": "", "note": ""}
    if label != "fine":
        said["severity"] = ("mild", "strong", "very strong")[number % 3]
        said["rule"] = (*RULES.get(label, ("",)),)[number % len(RULES.get(label, ("",)))]
    if number % 5 == 0:
        said["reason"] = "irony"
    if number % 7 == 0:
        said["note"] = f"note {number}"
    return said


def veil(desk: Desk) -> str:
    """Return the filter on the text of the page."""
    script = "return getComputedStyle(document.querySelector('.gl-said .lsf-richtext')).filter"
    return str(desk.browser.execute_script(script))


def say(desk: Desk, answer: dict[str, str]) -> None:
    """Give one answer by keyboard alone and submit it."""
    from selenium.webdriver.common.keys import Keys

    label = answer["decision"]
    desk.press(str(LABELS.names.index(label) + 1))
    chosen = [label]
    if answer["severity"]:
        desk.wait_for("the severities", lambda: "mild" in desk.text(".gl-answer"))
        desk.press(SEVERITY_KEYS[answer["severity"]], is_shifted=True)
        chosen.append(answer["severity"])
    if answer["rule"]:
        desk.press(RULE_KEYS[RULES[label].index(answer["rule"])], is_shifted=True)
        chosen.append(answer["rule"])
    desk.wait_for(f"{chosen} chosen", lambda: set(chosen) <= set(desk.chosen()))
    if answer["reason"]:
        desk.press("w")
    if answer["note"]:
        desk.press("n")
        desk.press(answer["note"] + Keys.ENTER)
        desk.wait_for("the note", lambda: answer["note"] in desk.text(".gl-note"))
    desk.press(Keys.ENTER)


def test_thirty_posts_by_keyboard_are_found_in_the_decision_log(
    make_loop: Callable[..., Loop], services: Endpoints, browser: WebDriver, tmp_path: Path
) -> None:
    """Label, severity, rule, reason and note of every post stand in decisions.csv, as they were given."""
    loop = make_loop(
        "moderated",
        kind="text",
        labels=list(LABELS),
        model={},
        moderation={"rules": RULES, "reasons": REASONS, "policy": "policy.md"},
    )
    (loop.root / "policy.md").write_text(POLICY)
    posts = loop.root / "posts.csv"
    posts.write_text("id,text\n" + "".join(f"{n},post number {n} says something\n" for n in range(N_POSTS)))
    loop.run("score", str(posts))
    loop.run("push")
    desk = logged_in(services.label_studio, browser, tmp_path, queue=loop.queue(), email="mo@posts.example")
    browser.get(desk.queue.project_urls()["labeling"])

    given: dict[str, dict[str, str]] = {}
    for number in range(N_POSTS):
        text = str(desk.wait_for("another post", lambda: fresh(desk, given)))
        given[text] = planned(number)
        time.sleep(MIN_LOOK_S)  # who answers faster cannot have read it, and does not count
        say(desk, given[text])
    desk.wait_for("the last answer", lambda: desk.queue.counts().n_answers == N_POSTS)
    loop.run("pull")
    loop.run("decisions", "--to", str(tmp_path / "decisions.csv"))

    rows = list(csv.DictReader(io.StringIO((tmp_path / "decisions.csv").read_text("utf-8-sig"))))
    texts = {f"{posts}#id={n}": f"post number {n} says something" for n in range(N_POSTS)}
    logged = {texts[row["sample"]]: {key: row[key] for key in planned(0)} for row in rows}
    assert len(rows) == N_POSTS
    assert logged == given


def fresh(desk: Desk, given: dict[str, Any]) -> str | None:
    """Return the text on the page once it is one that has no answer yet."""
    text = desk.text(".gl-said .lsf-richtext__container")
    return text if text and text not in given else None


@pytest.fixture
def desk(services: Endpoints, browser: WebDriver, tmp_path: Path) -> tuple[Desk, list[NewTask]]:
    """A moderator in front of a post with a suggestion, a blind one and one with a suggestion."""
    texts = TextModality(tmp_path / "texts.sqlite")
    source = tmp_path / "posts.csv"
    source.write_text("id,text,reports\n1,the first words of a post,2\n2,a second post,0\n3,a third post,0\n")
    ids = [one.sample_id for one in texts.reader.arrivals(str(source), is_known=lambda _: False)]
    shown = Suggestion("harassment", 0.5813, "3", "Model suggests: harassment 58% (fine 30%)")
    given = (shown, None, shown)
    purposes = (Purpose.REVIEW, Purpose.AUDIT, Purpose.REVIEW)
    tasks = [
        NewTask(sample_id, purpose, BatchId("posts"), "", suggestion)
        for sample_id, purpose, suggestion in zip(ids, purposes, given, strict=True)
    ]
    seat = seated(
        services.label_studio,
        browser,
        tmp_path,
        name="moderation",
        labels=LABELS,
        email="eve@posts.example",
        kind="text",
        questions=QUESTIONS,
        task_data=texts.task_data,
        acceptable="fine",
    )
    return seat, tasks


def take_back_a_label(desk: Desk) -> None:
    """Call a post very strong hate speech by a rule, then fine, and submit it."""
    from selenium.webdriver.common.keys import Keys

    desk.press("2")
    for key in ("3", "4"):
        desk.press(key, is_shifted=True)
    desk.wait_for("the grounds", lambda: "very strong" in desk.chosen())
    desk.press("1")
    desk.wait_for("another label", lambda: "fine" in desk.chosen())
    assert "very strong" not in desk.text(".gl-answer")
    desk.press(Keys.ENTER)


def mark_the_first_words(desk: Desk) -> None:
    """Mark the beginning of the text: M, then the mouse."""
    from selenium.webdriver.common.action_chains import ActionChains

    desk.press("m")
    words = desk.one(".gl-said .lsf-richtext__line")
    left = ActionChains(desk.browser).move_to_element_with_offset(words, 4 - words.rect["width"] // 2, 0)
    left.click_and_hold().move_by_offset(60, 0).release().perform()
    desk.wait_for(
        "a mark", lambda: desk.browser.execute_script("return !!document.querySelector('.htx-highlight')")
    )


def test_what_is_seen_marked_and_taken_back(desk: tuple[Desk, list[NewTask]]) -> None:
    """The veil lifts by key, H shows the policy, words are marked, and a changed label drops its grounds."""
    from selenium.webdriver.common.keys import Keys

    seat, (first, blind, _) = desk
    seat.queue.push(list(desk[1]))
    seat.browser.get(seat.queue.project_urls()["labeling"])
    seat.wait_for("the suggestion", lambda: seat.chosen() == ["harassment"])
    assert "blur" in veil(seat)
    seat.shoot_everywhere("moderator-veiled")
    seat.press("x")
    seat.wait_for("the veil to lift", lambda: "blur" not in veil(seat))
    seat.press("h")
    seat.wait_for("the policy", lambda: "attacks a group is hate speech" in seat.text(".gl-guide"))
    assert "Shift and a digit give the severity and the rule" in seat.text(".gl-guide")
    seat.shoot_everywhere("moderator-policy")
    seat.press("h")
    mark_the_first_words(seat)
    for key in ("2", "5"):
        seat.press(key, is_shifted=True)
    seat.press("q")
    seat.shoot_everywhere("moderator-answered")
    seat.press(Keys.ENTER)

    seat.wait_for("the blind post", lambda: "second" in seat.text(".gl-said"))
    page = seat.browser.page_source
    assert not [word for word in ("harassment 58%", "0.58", "5813") if word in page]
    assert (seat.shown(), seat.chosen()) == ("", [])
    take_back_a_label(seat)
    seat.wait_for("the answer", lambda: seat.answers(blind.key))

    (answer,), (changed,) = seat.answers(first.key), seat.answers(blind.key)
    assert answer.label == "harassment"
    assert answer.reason == "quoted or reported, not meant"
    assert answer.grounds is not None
    assert (answer.grounds.severity, answer.grounds.rule) == ("strong", "A2 sexual advances")
    assert answer.grounds.spans == ("the first",)
    assert (changed.label, changed.grounds) == ("fine", None)


def test_a_dispute_shows_the_rules_and_takes_others(desk: tuple[Desk, list[NewTask]]) -> None:
    """The adjudicator reads each answer with its rule and severity, and decides with a reason."""
    from selenium.webdriver.common.keys import Keys

    seat, (first, *_) = desk
    answers = {"harassment (A1 insults a person, mild)": 1, "fine": 1}
    dispute = NewTask(first.sample_id, Purpose.ADJUDICATION, first.batch, "", answers=answers)
    seat.queue.push([dispute])
    seat.browser.get(seat.queue.project_urls()["adjudication"])

    seat.wait_for("the answers", lambda: "A1 insults a person, mild" in seat.shown())
    seat.press("3")
    seat.wait_for("the severities", lambda: "very strong" in seat.text(".gl-answer"))
    for key in ("1", "6"):
        seat.press(key, is_shifted=True)
    seat.press("e")
    seat.shoot_everywhere("moderator-dispute")
    seat.press(Keys.ENTER)
    seat.wait_for("the decision", lambda: seat.answers(dispute.key))

    (decision,) = seat.answers(dispute.key)
    assert (decision.label, decision.reason) == ("harassment", "labels overlap, needs a rule")
    assert decision.grounds == Grounds("mild", "A3 threat")
