"""Following up: who is asked next about what, until a label is sure or an adjudicator has decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from goldloop.adapters.memory import MemoryTable
from goldloop.consensus.next_step import Step
from goldloop.consensus.outcomes import open_audit_note
from goldloop.core.arms import Arm
from goldloop.core.errors import ServiceUnreachableError
from goldloop.core.requests import RequestReason
from goldloop.core.tasks import NewTask, Purpose, split_key
from goldloop.gold.records import GoldRecord
from goldloop.labeling.state import LoopState
from goldloop.settings import AnnotatorSettings, ConsensusSettings, SelectionSettings, SuggestionSettings
from tests.loop import ALWAYS_SHOWN, NO_CONTROLS, PATIENT, Killed, Loop, texts

Says = Callable[[NewTask], str | None]


def always(label: str | None) -> Says:
    """Return somebody who always says the same, None for a skip."""
    return lambda _: label


def pushed(
    tmp_path: Path,
    *,
    consensus: ConsensusSettings = PATIENT,
    people: AnnotatorSettings = NO_CONTROLS,
    suggestions: SuggestionSettings = ALWAYS_SHOWN,
    budget: int = 40,
    **selection: float,
) -> Loop:
    """Return a loop with tasks before people."""
    loop = Loop(
        tmp_path,
        texts(200),
        SelectionSettings(**({"budget_per_round": budget} | selection)),  # type: ignore[arg-type]
        consensus=consensus,
        people=people,
        suggestions=suggestions,
    )
    loop.score()
    loop.push()
    return loop


def live(loop: Loop, purpose: Purpose) -> set[str]:
    """Return the samples with a task of this purpose on the server."""
    tasks = loop.queue.tasks.values()
    return {one.pushed.sample_id for one in tasks if one.pushed.purpose is purpose}


def answer_past_the_stream(loop: Loop, purpose: Purpose, annotator: str, label: str) -> None:
    """Answer all tasks of a purpose without being handed them, as the server's task list allows."""
    for task_id, task in list(loop.queue.tasks.items()):
        if task.pushed.purpose is purpose:
            loop.queue.answer(task_id, annotator, label)


def gold_by_sample(loop: Loop) -> dict[str, GoldRecord]:
    """Return the newest gold."""
    return {one.sample_id: one for one in loop.gold.records()}


def test_the_audit_is_answered_by_two_people_and_everything_else_by_one(tmp_path: Path) -> None:
    """Before anybody has answered, only what judges the models is asked twice."""
    loop = pushed(tmp_path)
    asked = {one.pushed.purpose: one.n_asked for one in loop.queue.tasks.values()}
    assert asked == {Purpose.AUDIT: 2, Purpose.REVIEW: 1}


def test_several_first_answers_can_be_asked_of_everything(tmp_path: Path) -> None:
    """With overlap 3 every task is before three people, the audit too."""
    loop = pushed(tmp_path, overlap=3)
    assert {one.n_asked for one in loop.queue.tasks.values()} == {3}


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
    assert {one.n_votes for one in loop.gold.records() if one.purpose is Purpose.AUDIT} == {2}


def test_disagreement_about_an_audit_sample_goes_to_a_senior_who_decides(tmp_path: Path) -> None:
    """No majority is taken where the models are judged: an adjudicator sees counts, and their label is gold."""
    loop = pushed(tmp_path)
    audits = live(loop, Purpose.AUDIT)
    loop.work({"1": always("ham"), "2": always("spam")})
    report = loop.pull()

    assert report.n_disputed == len(audits)
    disputes = [one.pushed for one in loop.queue.tasks.values() if one.pushed.purpose is Purpose.ADJUDICATION]
    assert {one.sample_id for one in disputes} == audits
    assert all(one.answers == {"ham": 1, "spam": 1} and one.suggestion is None for one in disputes)

    loop.work({"9": always("spam")}, purpose=Purpose.ADJUDICATION)
    loop.pull()
    records = gold_by_sample(loop)
    assert audits <= records.keys()
    for sample_id in audits:
        assert (records[sample_id].label, records[sample_id].method) == ("spam", "adjudication/1")
        assert records[sample_id].votes == {"ham": 1, "spam": 1}
        assert records[sample_id].annotators == ("1", "2", "9")
    assert "adjudicated" in loop.gold.newest().reason


def test_a_decision_taken_back_reopens_the_dispute(tmp_path: Path) -> None:
    """Gold follows the adjudicator's edit, and loses the record when the decision is deleted."""
    loop = pushed(tmp_path)
    loop.work({"1": always("ham"), "2": always("spam")})
    loop.pull()
    task_id = loop.queue.next_for("9", purpose=Purpose.ADJUDICATION)
    assert task_id is not None
    sample_id = loop.queue.tasks[task_id].pushed.sample_id
    decision = loop.queue.answer(task_id, "9", "ham", reason="clear on a second look")
    loop.pull()
    assert gold_by_sample(loop)[sample_id].label == "ham"

    loop.queue.edit(decision, "spam")
    loop.pull()
    assert gold_by_sample(loop)[sample_id].label == "spam"

    loop.queue.retract(decision)
    loop.pull()
    assert sample_id not in gold_by_sample(loop)
    assert loop.queue.next_for("8", purpose=Purpose.ADJUDICATION) is not None


def test_a_dispute_that_people_settle_themselves_is_taken_from_the_senior(tmp_path: Path) -> None:
    """An edit that ends the disagreement withdraws the adjudication; a new one brings it back."""
    loop = pushed(tmp_path)
    loop.work({"1": always("ham"), "2": always("spam")})
    loop.pull()
    task_id = loop.queue.next_for("9", purpose=Purpose.ADJUDICATION)
    assert task_id is not None
    sample_id = loop.queue.tasks[task_id].pushed.sample_id
    mine = next(
        (annotation_id, answer)
        for one in loop.queue.tasks.values()
        if one.pushed.sample_id == sample_id
        for annotation_id, answer in one.answers.items()
        if answer.annotator == "2"
    )

    loop.queue.edit(mine[0], "ham")
    report = loop.pull().follow_ups
    assert report is not None
    assert report.n_withdrawn == 1
    assert sample_id not in live(loop, Purpose.ADJUDICATION)
    assert sample_id in gold_by_sample(loop)

    loop.queue.edit(mine[0], "spam")
    loop.pull()
    assert sample_id in live(loop, Purpose.ADJUDICATION)
    assert sample_id not in gold_by_sample(loop)


def test_nobody_decides_a_case_of_their_own(tmp_path: Path) -> None:
    """Voters are not shown the dispute; whoever gets at it is not counted, and another adjudicator is asked."""
    loop = pushed(tmp_path)
    loop.work({"1": always("ham"), "2": always("spam")})
    loop.pull()
    audits = live(loop, Purpose.AUDIT)
    assert loop.queue.next_for("2", purpose=Purpose.ADJUDICATION) is None
    answer_past_the_stream(loop, Purpose.ADJUDICATION, "2", "spam")

    loop.pull()
    assert audits.isdisjoint(gold_by_sample(loop))

    loop.work({"9": always("ham")}, purpose=Purpose.ADJUDICATION)
    loop.pull()
    assert {gold_by_sample(loop)[one].label for one in audits} == {"ham"}


def test_only_a_senior_decides_where_seniors_are_named(tmp_path: Path) -> None:
    """Somebody else's decision does not count; the dispute is asked of one more person."""
    named = AnnotatorSettings(honeypot_rate=0, onboarding_tasks=0, adjudicators=("9",))
    loop = pushed(tmp_path, people=named)
    audits = live(loop, Purpose.AUDIT)
    loop.work({"1": always("ham"), "2": always("spam")})
    loop.pull()
    loop.work({"7": always("spam")}, purpose=Purpose.ADJUDICATION)
    loop.pull()
    assert audits.isdisjoint(gold_by_sample(loop))

    loop.work({"9": always("ham")}, purpose=Purpose.ADJUDICATION)
    loop.pull()
    assert {gold_by_sample(loop)[one].label for one in audits} == {"ham"}


def test_an_unsure_sample_is_asked_on_until_the_cap_and_then_decided(tmp_path: Path) -> None:
    """One vote below the target: a second person, a third, then the adjudicator."""
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
    for one in loop.queue.tasks.values():
        answers[one.pushed.sample_id] += len({a.annotator for a in one.answers.values()})

    disputes = live(loop, Purpose.ADJUDICATION)
    asked_on = {one for one in reviewed if answers[one] > 1}
    assert asked_on, "the budget allowed further answers"
    assert all(answers[one] <= 3 for one in reviewed)
    assert all(answers[one] == 3 for one in disputes & reviewed)


def test_nobody_is_shown_one_sample_twice(tmp_path: Path) -> None:
    """Whatever is asked on, no person answers two tasks about one sample, rechecks and disputes included."""
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
        (one.pushed.sample_id, answer.annotator)
        for one in loop.queue.tasks.values()
        for answer in one.answers.values()
    )
    assert set(seen.values()) == {1}


def test_what_nobody_can_tell_goes_to_the_adjudicator(tmp_path: Path) -> None:
    """Three skips and no vote: a dispute without answers; and a skip there leaves it open."""
    loop = pushed(tmp_path, budget=20)
    crew = {name: always(None) for name in ("1", "2", "3")}
    loop.work(crew)
    loop.pull()
    disputes = live(loop, Purpose.ADJUDICATION)
    assert disputes

    loop.work({"9": always(None)}, purpose=Purpose.ADJUDICATION)
    loop.pull()
    assert loop.gold.records() == []
    assert loop.queue.next_for("8", purpose=Purpose.ADJUDICATION) is not None


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


def test_controls_come_at_the_set_rate_to_people_who_have_not_answered_them(tmp_path: Path) -> None:
    """Known blind answers are asked of one more person, in step with the answers given."""
    watched = AnnotatorSettings(honeypot_rate=0.1, onboarding_tasks=0)
    loop = pushed(tmp_path, people=watched, budget=100, audit_rate=0.5)
    crew = {"1": always("ham"), "2": always("ham"), "3": always("ham")}
    for _ in range(3):
        loop.work(crew)
        loop.pull()

    controls = [
        one for one in loop.state().snapshot.requests.requests if one.reason is RequestReason.HONEYPOT
    ]
    n_votes = sum(len(one.evidence.votes) for one in loop.outcomes().samples)
    assert 0 < len(controls) <= 0.1 * n_votes
    assert all(split_key(one.key)[1].is_blind for one in controls)


def test_newcomers_begin_with_known_answers_that_do_not_vote(tmp_path: Path) -> None:
    """The onboarding set is filled from unanimous samples; what newcomers say there changes no label."""
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


def test_both_arms_of_anchoring_get_a_blind_answer_of_somebody_else(tmp_path: Path) -> None:
    """Hidden tasks show no suggestion and are asked twice; checked ones show it and get a blind recheck."""
    loop = pushed(tmp_path, suggestions=SuggestionSettings(hidden_share=0.4), budget=60)
    arms = {one.evidence.sample_id: one.evidence.arm for one in loop.outcomes().samples}
    shown = {
        one.pushed.sample_id: one.pushed.suggestion is not None
        for one in loop.queue.tasks.values()
        if one.pushed.purpose is Purpose.REVIEW
    }
    assert {arms[one] for one in shown} == set(Arm)
    assert all(is_shown is (arms[one] is not Arm.HIDDEN) for one, is_shown in shown.items())

    crew = {"1": always("ham"), "2": always("ham")}
    loop.work(crew)
    loop.pull()
    n_asked = {
        one.pushed.sample_id: one.n_asked
        for one in loop.queue.tasks.values()
        if one.pushed.purpose is Purpose.REVIEW
    }
    assert all(n_asked[one] == (2 if arms[one] is Arm.HIDDEN else 1) for one in shown)
    assert live(loop, Purpose.RECHECK) == {one for one in shown if arms[one] is Arm.SHOWN}
    assert all(
        one.pushed.suggestion is None
        for one in loop.queue.tasks.values()
        if one.pushed.purpose is Purpose.RECHECK
    )


def test_a_recheck_by_the_same_person_does_not_count_as_a_second_opinion(tmp_path: Path) -> None:
    """Nobody is shown a recheck of their own; one answered all the same leaves the sample waiting."""
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


@pytest.mark.parametrize("n_commits", range(5))
def test_a_follow_up_killed_at_any_commit_is_healed_by_the_next(
    tmp_path: Path, n_commits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever commit is the last before the kill, the same is asked in the end, each once."""

    def asked(loop: Loop) -> list[tuple[str, int]]:
        return sorted((one.pushed.key, one.n_asked) for one in loop.queue.tasks.values())

    def answered(folder: Path) -> Loop:
        loop = pushed(folder, suggestions=SuggestionSettings(hidden_share=0.3), budget=60)
        loop.work({"1": always("ham"), "2": always("spam")})
        return loop

    calm = answered(tmp_path / "calm")
    calm.pull()

    loop = answered(tmp_path / "killed")
    n_done = 0
    real = MemoryTable.append_next

    def mortal(self: MemoryTable, make_rows: object, **kwargs: object) -> object:
        nonlocal n_done
        n_done += 1
        if n_done > n_commits:
            raise Killed
        return real(self, make_rows, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(MemoryTable, "append_next", mortal)
    with pytest.raises(Killed):
        loop.pull()
    monkeypatch.setattr(MemoryTable, "append_next", real)
    loop.clock.sleep(60)
    loop.pull()

    assert asked(loop) == asked(calm)
    assert loop.pull().follow_ups == type(calm.pull().follow_ups)()


def test_a_server_lost_while_it_is_told_is_told_again(tmp_path: Path) -> None:
    """What was wanted and could not be told is told by the next pull."""
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


def test_unsettled_audit_samples_are_told_as_they_flatter_the_models(tmp_path: Path) -> None:
    """Disputed audit samples are the hard ones; until an adjudicator decides, a sentence says what is missing."""
    loop = pushed(tmp_path)
    assert open_audit_note(loop.outcomes().samples) is None, "nobody has begun"
    n_audits = len(live(loop, Purpose.AUDIT))
    loop.work({"1": always("ham"), "2": always("spam")})
    loop.pull()
    note = open_audit_note(loop.outcomes().samples)
    assert note is not None
    assert f"{n_audits} of {n_audits} answered audit samples are not settled yet" in note

    loop.work({"9": always("spam")}, purpose=Purpose.ADJUDICATION)
    loop.pull()
    assert open_audit_note(loop.outcomes().samples) is None


def test_two_follow_ups_at_once_ask_for_everything_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one is about to commit, another has done it all: the first finds nothing left to do."""
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
        found = real(self)
        if self is loop and (overtake := next(meetings, None)):
            overtake()
        return found

    monkeypatch.setattr(Loop, "state", read_and_be_overtaken)
    loop.follow_up()
    keys = [one.pushed.key for one in loop.queue.tasks.values()]
    assert len(keys) == len(set(keys))
    answer_requests = [(one.key, one.n_answers) for one in loop.state().snapshot.requests.requests]
    assert len(answer_requests) == len(set(answer_requests)) > 0
    assert live(loop, Purpose.ADJUDICATION)


def test_steps_say_what_each_sample_needs(tmp_path: Path) -> None:
    """Unanswered samples wait, agreed ones need nothing, disputed audits need an adjudicator."""
    loop = pushed(tmp_path)
    assert {one.step for one in loop.outcomes().samples} == {Step.WAIT}
    loop.work({"1": always("ham"), "2": always("spam")})
    loop.pull()
    steps = {one.evidence.purpose: one.step for one in loop.outcomes().samples}
    assert steps == {Purpose.AUDIT: Step.ADJUDICATE, Purpose.REVIEW: Step.NOTHING}
