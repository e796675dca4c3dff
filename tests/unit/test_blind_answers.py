"""Blind answers: honeypots, onboarding, and the two arms of automation bias."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from goldloop.core.chance import Arm
from goldloop.core.tasks import Purpose, RequestReason, split_key
from goldloop.settings.sections import AnnotatorSettings, SuggestionSettings
from tests.unit.labeling_loop import always, answer_past_the_stream, gold_by_sample, live, pushed


def test_no_annotator_gets_a_sample_twice(tmp_path: Path) -> None:
    """No annotator answers two tasks about one sample, rechecks and disputes included."""
    loop = pushed(
        tmp_path,
        people=AnnotatorSettings(honeypot_rate=0.2, onboarding_tasks=0),
        suggestions=SuggestionSettings(hidden_share=0.3),
        budget=60,
    )
    crew = {"1": always("ham"), "2": always("ham"), "3": always("spam"), "4": always("ham")}
    for _ in range(4):
        loop.work(crew)
        loop.work(crew, purpose=Purpose.ADJUDICATION)
        loop.pull()

    assert live(loop, Purpose.RECHECK)
    assert live(loop, Purpose.ADJUDICATION)
    seen = Counter(
        (task.pushed.sample_id, answer.annotator)
        for task in loop.queue.tasks.values()
        for answer in task.answers.values()
    )
    assert set(seen.values()) == {1}


def test_honeypots_come_at_the_set_rate_to_annotators_without_an_answer(tmp_path: Path) -> None:
    """Samples with a known label get one more answer, in proportion to the answers given."""
    watched = AnnotatorSettings(honeypot_rate=0.1, onboarding_tasks=0)
    loop = pushed(tmp_path, people=watched, budget=100, audit_rate=0.5)
    crew = {"1": always("ham"), "2": always("ham"), "3": always("ham")}
    for _ in range(3):
        loop.work(crew)
        loop.pull()

    controls = [
        request
        for request in loop.state().snapshot.requests.requests
        if request.reason is RequestReason.HONEYPOT
    ]
    n_votes = sum(len(outcome.evidence.votes) for outcome in loop.outcomes().samples)
    assert 0 < len(controls) <= 0.1 * n_votes
    assert all(split_key(request.key)[1] is not Purpose.REVIEW for request in controls)


def test_newcomers_begin_with_known_answers_that_do_not_vote(tmp_path: Path) -> None:
    """Onboarding tasks come from unanimous samples; a new annotator's answers there change no label."""
    welcoming = AnnotatorSettings(honeypot_rate=0, onboarding_tasks=5)
    loop = pushed(tmp_path, people=welcoming, budget=60, audit_rate=0.5)
    loop.work({"1": always("ham"), "2": always("ham")})
    loop.pull()
    onboarding = live(loop, Purpose.ONBOARDING)
    assert len(onboarding) == 5
    before = loop.gold.newest().digest

    loop.work({"7": always("spam")}, purpose=Purpose.ONBOARDING)
    loop.pull()

    assert loop.gold.newest().digest == before
    assert live(loop, Purpose.ONBOARDING) == onboarding


def test_a_pull_takes_different_samples_for_honeypots_and_onboarding(tmp_path: Path) -> None:
    """The label of an onboarding task is known when the task is made; a new honeypot waits for an answer."""
    both = AnnotatorSettings(honeypot_rate=0.1, onboarding_tasks=20)
    loop = pushed(tmp_path, people=both, budget=60, audit_rate=0.5)
    loop.work({"1": always("ham"), "2": always("ham"), "3": always("ham")})
    loop.pull()

    honeypots = {
        split_key(request.key)[0]
        for request in loop.state().snapshot.requests.requests
        if request.reason is RequestReason.HONEYPOT
    }
    onboarding = live(loop, Purpose.ONBOARDING)
    assert honeypots
    assert onboarding
    assert not honeypots & onboarding


def test_both_arms_get_a_blind_answer_of_another_annotator(tmp_path: Path) -> None:
    """Hidden tasks show no suggestion and get two answers; shown ones get a blind recheck."""
    loop = pushed(tmp_path, suggestions=SuggestionSettings(hidden_share=0.4), budget=60)
    arms = {outcome.evidence.sample_id: outcome.evidence.arm for outcome in loop.outcomes().samples}
    shown = {
        task.pushed.sample_id: task.pushed.suggestion is not None
        for task in loop.queue.tasks.values()
        if task.pushed.purpose is Purpose.REVIEW
    }
    assert {arms[sample_id] for sample_id in shown} == set(Arm)
    assert all(is_shown is (arms[sample_id] is not Arm.HIDDEN) for sample_id, is_shown in shown.items())

    crew = {"1": always("ham"), "2": always("ham")}
    loop.work(crew)
    loop.pull()
    n_asked = {
        task.pushed.sample_id: task.n_asked
        for task in loop.queue.tasks.values()
        if task.pushed.purpose is Purpose.REVIEW
    }
    assert all(n_asked[sample_id] == (2 if arms[sample_id] is Arm.HIDDEN else 1) for sample_id in shown)
    assert live(loop, Purpose.RECHECK) == {sample_id for sample_id in shown if arms[sample_id] is Arm.SHOWN}
    assert all(
        task.pushed.suggestion is None
        for task in loop.queue.tasks.values()
        if task.pushed.purpose is Purpose.RECHECK
    )


def test_a_recheck_by_the_same_annotator_does_not_count(tmp_path: Path) -> None:
    """No annotator gets a recheck of their own; one answered all the same leaves the sample waiting."""
    loop = pushed(tmp_path, suggestions=SuggestionSettings(hidden_share=0.5), budget=60)
    loop.work({"1": always("ham")})
    loop.pull()
    rechecked = live(loop, Purpose.RECHECK)
    assert rechecked
    assert loop.work({"1": always("ham")}) == 0
    answer_past_the_stream(loop, Purpose.RECHECK, "1", "ham")
    loop.pull()
    assert rechecked.isdisjoint(gold_by_sample(loop))

    loop.work({"2": always("ham")})
    loop.pull()
    assert rechecked <= gold_by_sample(loop).keys()
