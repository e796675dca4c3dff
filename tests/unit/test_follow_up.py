"""Following up: goldloop asks for further answers until a label is sure, within the repeat budget."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from goldloop.consensus.next_step import Step
from goldloop.core.errors import ServiceUnreachableError
from goldloop.core.tasks import Purpose
from goldloop.labeling.context import LoopState
from goldloop.settings.sections import ConsensusSettings, SuggestionSettings
from tests.loop import Loop, killed_before_commit
from tests.unit.labeling_loop import always, gold_by_sample, live, pushed


def test_an_audit_requests_two_answers_and_a_review_one(tmp_path: Path) -> None:
    """Before the first answer, only audit tasks request two answers."""
    loop = pushed(tmp_path)
    asked = {task.pushed.purpose: task.n_asked for task in loop.queue.tasks.values()}
    assert asked == {Purpose.AUDIT: 2, Purpose.REVIEW: 1}


def test_overlap_sets_the_first_answers_of_every_task(tmp_path: Path) -> None:
    """With overlap 3, every task requests three answers, audits included."""
    loop = pushed(tmp_path, overlap=3)
    assert {task.n_asked for task in loop.queue.tasks.values()} == {3}


def test_one_answer_is_not_enough_for_the_audit_and_two_that_agree_are(tmp_path: Path) -> None:
    """An audit sample becomes gold with the second answer that agrees."""
    loop = pushed(tmp_path)
    audits = live(loop, Purpose.AUDIT)

    loop.work({"1": always("ham")})
    loop.pull()
    assert audits.isdisjoint(gold_by_sample(loop))

    loop.work({"2": always("ham")})
    loop.pull()
    assert audits <= gold_by_sample(loop).keys()
    assert {record.n_votes for record in loop.gold.records() if record.purpose is Purpose.AUDIT} == {2}


def test_an_unsure_sample_gets_answers_until_the_cap_and_then_an_adjudicator(tmp_path: Path) -> None:
    """A sample below the target gets a second answer, a third, then an adjudicator."""
    doubtful = ConsensusSettings(
        method="posterior", target=0.999, max_answers=3, audit_answers=1, repeat_share=0.6
    )
    loop = pushed(tmp_path, consensus=doubtful, budget=20)
    reviewed = live(loop, Purpose.REVIEW)
    answers = Counter[str]()
    people = {"1": always("ham"), "2": always("spam"), "3": always("ham"), "4": always("ham")}

    for _ in range(5):
        loop.work(people)
        loop.pull()
    for task in loop.queue.tasks.values():
        answers[task.pushed.sample_id] += len({a.annotator for a in task.answers.values()})

    disputes = live(loop, Purpose.ADJUDICATION)
    asked_on = {sample_id for sample_id in reviewed if answers[sample_id] > 1}
    assert asked_on, "the budget allowed further answers"
    assert all(answers[sample_id] <= 3 for sample_id in reviewed)
    assert all(answers[sample_id] == 3 for sample_id in disputes & reviewed)


def test_the_repeat_budget_is_kept_and_the_rest_comes_next_round(tmp_path: Path) -> None:
    """No more disputes are sent than the round's repeat budget allows; the others are postponed."""
    stingy = ConsensusSettings(method="majority", max_answers=3, audit_answers=2, repeat_share=0.1)
    loop = pushed(tmp_path, consensus=stingy, budget=40, audit_rate=0.5)
    loop.work({"1": always("ham"), "2": always("spam")})

    report = loop.pull()

    n_disputes = len(live(loop, Purpose.ADJUDICATION))
    assert n_disputes == 4
    assert report.follow_ups is not None
    assert report.follow_ups.n_postponed == report.n_disputed - n_disputes > 0


@pytest.mark.parametrize("n_commits", range(5))
def test_a_follow_up_killed_at_any_commit_is_healed_by_the_next(tmp_path: Path, n_commits: int) -> None:
    """After a kill at any commit, the next pull completes the same follow-ups, each once."""

    def asked(loop: Loop) -> list[tuple[str, int]]:
        return sorted((task.pushed.key, task.n_asked) for task in loop.queue.tasks.values())

    def answered(folder: Path) -> Loop:
        loop = pushed(folder, suggestions=SuggestionSettings(hidden_share=0.3), budget=60)
        loop.work({"1": always("ham"), "2": always("spam")})
        return loop

    calm = answered(tmp_path / "calm")
    calm.pull()

    loop = answered(tmp_path / "killed")
    with killed_before_commit("append_next", n_commits):
        loop.pull()
    loop.clock.sleep(60)
    loop.pull()

    assert asked(loop) == asked(calm)
    assert loop.pull().follow_ups == type(calm.pull().follow_ups)()


def test_a_request_to_a_lost_server_is_repeated(tmp_path: Path) -> None:
    """The next pull sets on the server what the failed one could not."""
    loop = pushed(tmp_path)
    loop.work({"1": always("ham"), "2": always("spam")})
    real = loop.queue.push
    loop.queue.push = lambda tasks: (_ for _ in ()).throw(ServiceUnreachableError("gone; come back"))  # type: ignore[method-assign]
    with pytest.raises(ServiceUnreachableError):
        loop.pull()
    loop.queue.push = real  # type: ignore[method-assign]
    assert not live(loop, Purpose.ADJUDICATION)
    loop.clock.sleep(60)
    loop.pull()
    assert live(loop, Purpose.ADJUDICATION) == live(loop, Purpose.AUDIT)


def test_two_follow_ups_at_once_ask_for_everything_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When another follow-up commits first, this one finds no follow-up left."""
    loop = pushed(tmp_path, suggestions=SuggestionSettings(hidden_share=0.3), budget=60)
    loop.work({"1": always("ham"), "2": always("spam")})
    other = Loop(
        tmp_path,
        loop.texts,
        loop.selection,
        consensus=loop.consensus,
        suggestions=loop.suggestions,
        queue=loop.queue,
        clock=loop.clock,
    )
    other.store = loop.store
    meetings = iter([other.pull])
    real = Loop.state

    def read_and_be_overtaken(self: Loop) -> LoopState:
        state = real(self)
        if self is loop and (overtake := next(meetings, None)):
            overtake()
        return state

    monkeypatch.setattr(Loop, "state", read_and_be_overtaken)
    loop.follow_up()
    keys = [task.pushed.key for task in loop.queue.tasks.values()]
    assert len(keys) == len(set(keys))
    answer_requests = [
        (request.key, request.n_answers) for request in loop.state().snapshot.requests.requests
    ]
    assert len(answer_requests) == len(set(answer_requests)) > 0
    assert live(loop, Purpose.ADJUDICATION)


def test_each_sample_has_its_next_step(tmp_path: Path) -> None:
    """Unanswered samples wait, agreed ones need nothing, disputed audits need an adjudicator."""
    loop = pushed(tmp_path)
    assert {outcome.step for outcome in loop.outcomes().samples} == {Step.WAIT}
    loop.work({"1": always("ham"), "2": always("spam")})
    loop.pull()
    steps = {outcome.evidence.purpose: outcome.step for outcome in loop.outcomes().samples}
    assert steps == {Purpose.AUDIT: Step.ADJUDICATE, Purpose.REVIEW: Step.NOTHING}


SHORT = ConsensusSettings(method="majority", max_answers=3, audit_answers=2, repeat_share=0.5)
"""Half of the budget is for follow-ups; every single answer of a review task is enough."""


def n_first_answers(loop: Loop) -> int:
    """Return the number of first answers that the tasks on the server request."""
    return sum(task.n_asked for task in loop.queue.tasks.values())


def test_before_the_first_model_the_budget_goes_to_first_answers(tmp_path: Path) -> None:
    """Follow-ups then get their share of the audit's part alone: 8 of 40 answers instead of 20."""
    young = pushed(tmp_path / "young", consensus=SHORT, has_model=False, audit_rate=0.5)
    old = pushed(tmp_path / "old", consensus=SHORT, audit_rate=0.5)

    assert n_first_answers(young) == 32
    assert n_first_answers(old) == 20


def test_what_the_first_round_postpones_is_asked_after_the_first_model(tmp_path: Path) -> None:
    """Before the first model 4 of 8 disputes wait; the budget of the next round pays for them."""
    stingy = ConsensusSettings(method="majority", max_answers=3, audit_answers=2, repeat_share=0.25)
    loop = pushed(tmp_path, consensus=stingy, has_model=False, audit_rate=0.5)
    loop.work({"1": always("ham"), "2": always("spam")})
    first = loop.pull().follow_ups
    n_first = len(live(loop, Purpose.ADJUDICATION))
    loop.close_round()
    loop.push()

    assert first is not None
    assert n_first == 4
    assert len(live(loop, Purpose.ADJUDICATION)) == n_first + first.n_postponed > n_first


def test_unsure_samples_leave_room_for_the_disputes_that_audits_may_bring(tmp_path: Path) -> None:
    """While the round's audits wait for answers, each keeps one of the 12 follow-ups for an adjudicator."""
    doubtful = ConsensusSettings(target=0.999, max_answers=3, audit_answers=2, repeat_share=0.3)
    loop = pushed(tmp_path, consensus=doubtful, audit_rate=0.5)
    audits = live(loop, Purpose.AUDIT)
    for task_id, task in list(loop.queue.tasks.items()):
        if task.pushed.purpose is Purpose.REVIEW:
            loop.queue.answer(task_id, "1", "ham")
    early = loop.pull().follow_ups
    loop.work({"1": always("ham"), "2": always("spam")})
    loop.pull()

    assert early is not None
    assert early.asked["unsure"] == 12 - len(audits)
    assert early.n_postponed > 0
    assert live(loop, Purpose.ADJUDICATION) >= audits
