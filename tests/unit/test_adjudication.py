"""Adjudication: disputes go to an adjudicator, whose decision becomes gold."""

from __future__ import annotations

from pathlib import Path

from goldloop.consensus.outcomes import open_audit_note
from goldloop.core.tasks import Purpose
from goldloop.settings.sections import AnnotatorSettings
from tests.unit.labeling_loop import (
    always,
    answer_past_the_stream,
    decide,
    disputed,
    gold_by_sample,
    live,
    pushed,
)


def test_an_adjudicator_decides_a_disagreement_about_an_audit_sample(tmp_path: Path) -> None:
    """An audit sample takes no majority: the adjudicator sees the counts, and their label is gold."""
    loop = pushed(tmp_path)
    audits = live(loop, Purpose.AUDIT)
    loop.work({"1": always("ham"), "2": always("spam")})
    report = loop.pull()

    assert report.n_disputed == len(audits)
    disputes = [
        task.pushed for task in loop.queue.tasks.values() if task.pushed.purpose is Purpose.ADJUDICATION
    ]
    assert {task.sample_id for task in disputes} == audits
    assert all(task.answers == {"ham": 1, "spam": 1} and task.suggestion is None for task in disputes)

    decide(loop, "9", "spam")
    records = gold_by_sample(loop)
    assert audits <= records.keys()
    for sample_id in audits:
        assert (records[sample_id].label, records[sample_id].method) == ("spam", "adjudication/1")
        assert records[sample_id].votes == {"ham": 1, "spam": 1}
        assert records[sample_id].annotators == ("1", "2", "9")
    assert "adjudicated" in loop.gold.newest().reason


def test_a_decision_taken_back_reopens_the_dispute(tmp_path: Path) -> None:
    """Gold follows the adjudicator's edit, and loses the record when the decision is deleted."""
    loop = disputed(tmp_path)
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


def test_a_dispute_that_the_annotators_settle_is_withdrawn(tmp_path: Path) -> None:
    """An edit that ends the disagreement withdraws the adjudication; a new one brings it back."""
    loop = disputed(tmp_path)
    task_id = loop.queue.next_for("9", purpose=Purpose.ADJUDICATION)
    assert task_id is not None
    sample_id = loop.queue.tasks[task_id].pushed.sample_id
    mine = next(
        (annotation_id, answer)
        for task in loop.queue.tasks.values()
        if task.pushed.sample_id == sample_id
        for annotation_id, answer in task.answers.items()
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


def test_no_voter_decides_the_dispute(tmp_path: Path) -> None:
    """Voters are not shown the dispute; an answer that a voter gives all the same does not count."""
    loop = disputed(tmp_path)
    audits = live(loop, Purpose.AUDIT)
    assert loop.queue.next_for("2", purpose=Purpose.ADJUDICATION) is None
    answer_past_the_stream(loop, Purpose.ADJUDICATION, "2", "spam")

    loop.pull()
    assert audits.isdisjoint(gold_by_sample(loop))

    decide(loop, "9", "ham")
    assert {gold_by_sample(loop)[sample_id].label for sample_id in audits} == {"ham"}


def test_only_a_named_adjudicator_decides(tmp_path: Path) -> None:
    """A decision of another annotator does not count, and the dispute stays open."""
    named = AnnotatorSettings(honeypot_rate=0, onboarding_tasks=0, adjudicators=("9",))
    loop = disputed(tmp_path, people=named)
    audits = live(loop, Purpose.AUDIT)
    decide(loop, "7", "spam")
    assert audits.isdisjoint(gold_by_sample(loop))

    decide(loop, "9", "ham")
    assert {gold_by_sample(loop)[sample_id].label for sample_id in audits} == {"ham"}


def test_a_sample_that_every_annotator_skips_goes_to_an_adjudicator(tmp_path: Path) -> None:
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


def test_a_note_gives_the_number_of_unsettled_audit_samples(tmp_path: Path) -> None:
    """While disputed audit samples wait for an adjudicator, a note gives their number."""
    loop = pushed(tmp_path)
    assert open_audit_note(loop.outcomes().samples) is None, "nobody has begun"
    n_audits = len(live(loop, Purpose.AUDIT))
    loop.work({"1": always("ham"), "2": always("spam")})
    loop.pull()
    note = open_audit_note(loop.outcomes().samples)
    assert note is not None
    assert f"{n_audits} of {n_audits} answered audit samples are not settled yet" in note

    decide(loop, "9", "spam")
    assert open_audit_note(loop.outcomes().samples) is None
