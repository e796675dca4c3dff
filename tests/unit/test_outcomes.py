"""Outcomes: files of chargebacks and findings, twice, late, unknown, contradictory; they beat votes."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldloop.core.chance import is_reserved
from goldloop.core.reported_outcomes import Placement
from goldloop.core.samples import BatchId, SampleId, sample_id_of
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose, task_key
from goldloop.gold.records import GoldRecord
from goldloop.loop.outcomes import Contradiction
from goldloop.reports.costs import read_cost_inputs
from goldloop.reports.decisions import decision_log
from goldloop.selection.assigned_splits import AssignedSplits
from goldloop.settings.sections import SelectionSettings
from goldloop.tables.outcomes import read_reported
from tests.loop import PATIENT, Loop, killed_before_commit, texts
from tests.outcomes import gold_of, known, told

SELECTION = SelectionSettings(budget_per_round=40, audit_rate=0.3)


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """A loop of texts in which two people have answered every task with ham, which is no fraud."""
    loop = Loop(tmp_path, texts(80), SELECTION, consensus=PATIENT)
    loop.score()
    loop.push()
    for task in list(loop.queue.tasks):
        for annotator in ("7", "8"):
            loop.queue.answer(task, annotator, "ham")
    loop.pull()
    return loop


def of_people(loop: Loop, purpose: Purpose = Purpose.AUDIT) -> GoldRecord:
    """Return a gold record by people about a sample asked for `purpose`."""
    return next(one for one in loop.gold.read().records if one.purpose is purpose)


def unasked(loop: Loop, *, is_in_reserve: bool) -> list[SampleId]:
    """Return the samples nobody was asked about that are, or are not, in the audit reserve."""
    asked = {task.pushed.sample_id for task in loop.queue.tasks.values()}
    everything = [sample_id_of(text.encode()) for text in loop.texts.values()]
    return [
        one
        for one in everything
        if one not in asked and is_reserved(one, audit_rate=0.3, seed=0) is is_in_reserve
    ]


def test_an_outcome_beats_the_votes_and_is_told_as_a_contradiction(loop: Loop) -> None:
    """The audit sample keeps its probability and split, and gold says whence the label is, since when."""
    before = of_people(loop)
    report = told(loop, (before.sample_id, "chargeback", "", "", "2026-01-02T08:00:00Z"))

    after = known(loop, before.sample_id)
    assert (after.label, after.method, after.source) == ("spam", "outcome/1", "outcome")
    assert f"{after.labelled_at:%Y-%m-%d %H}" == "2026-01-02 08"
    assert before.source == "people"
    assert (after.purpose, after.split) == (before.purpose, before.split)
    assert after.inclusion_probability == before.inclusion_probability == 0.3
    assert (after.n_votes, after.support) == (2, 0)
    (contradiction,) = report.contradictions
    assert contradiction == Contradiction(
        before.sample_id, before.sample_id, "spam", "chargeback", "ham", "people"
    )
    assert (report.n_added, report.n_gold_changes) == (1, 1)
    assert loop.gold.newest().reason == "outcomes: 1 decided by an outcome"
    log = decision_log(loop.tables, loop.state(), loop.settings.label_set)
    assert {(one.source, one.gold) for one in log if one.sample_id == before.sample_id} == {
        ("outcome", "spam")
    }


def test_the_same_file_twice_adds_nothing(loop: Loop) -> None:
    """Also without any moment in it, when it is known since now; and gold stays as it is."""
    rows = [(of_people(loop).sample_id, "chargeback"), ("later", "manual", "ham")]
    first, number = told(loop, *rows), loop.gold.newest().version
    loop.clock.sleep(3600)
    second = told(loop, *rows)

    assert (first.n_added, first.n_known, first.n_waiting) == (2, 0, 1)
    assert (second.n_added, second.n_known, second.n_waiting) == (0, 2, 1)
    assert second.contradictions == ()
    assert second.gold_version is None
    assert loop.gold.newest().version == number
    assert len(read_reported(loop.tables.outcomes)) == 2


def test_the_newest_known_decides_in_whatever_order_files_come(tmp_path: Path) -> None:
    """A late row that was known earlier changes nothing; both orders give one gold, and both are told."""
    digests, counts = set(), []
    for name, order in (("a", (0, 1)), ("b", (1, 0))):
        loop = Loop(tmp_path / name, texts(20), SELECTION)
        loop.folder.mkdir()
        loop.score()
        sample = unasked(loop, is_in_reserve=False)[0]
        rows = [
            (sample, "chargeback", "", "", "", "2026-01-02"),
            (sample, "manual", "ham", "", "", "2026-01-03"),
        ]
        reports = [told(loop, rows[number]) for number in order]
        counts.append([report.n_contradictions for report in reports])
        assert known(loop, sample).label == "ham"
        digests.add(loop.gold.newest().digest)

    assert len(digests) == 1
    assert counts == [[{}, {"chargeback": 1}], [{}, {"manual": 1}]]


def test_an_honest_customers_dispute_does_not_become_fraud(loop: Loop) -> None:
    """It takes back the chargeback before it, and the votes count again; a later chargeback stands."""
    record = of_people(loop)
    told(loop, (record.sample_id, "chargeback", "", "", "2026-01-02"))
    assert known(loop, record.sample_id).label == "spam"
    report = told(loop, (record.sample_id, "chargeback", "", "yes", "2026-01-03"))
    assert report.n_honest_disputes == 1
    assert known(loop, record.sample_id) == record

    told(loop, (record.sample_id, "chargeback", "", "", "2026-01-04"))
    assert known(loop, record.sample_id).label == "spam"
    told(loop, (record.sample_id, "chargeback", "ham", "yes", "2026-01-05T00:00:00Z"))
    assert (known(loop, record.sample_id).label, known(loop, record.sample_id).source) == ("ham", "outcome")


def test_a_record_that_arrives_after_its_outcome_finds_it(loop: Loop) -> None:
    """The row waits, is told to wait, and is bound at the next pull."""
    loop.texts["mem/new"] = "a new text"
    report = told(loop, ("new", "chargeback"))
    assert (report.n_added, report.n_waiting, report.refused) == (1, 1, ())
    loop.pull()
    assert loop.gold.newest().n_records == len(loop.gold.read().records)
    assert all(one.sample_id is None for one in read_reported(loop.tables.outcomes))

    loop.score()
    loop.pull()
    assert known(loop, sample_id_of(b"a new text")).label == "spam"


def test_an_outcome_may_come_before_the_answers_of_a_task(loop: Loop) -> None:
    """A sample of the audit judges once it is answered, like any other; the rest need no answer any more."""
    loop.close_round()
    loop.push()
    open_tasks = {task.pushed.purpose: task.pushed for task in loop.queue.tasks.values() if not task.answers}
    assert Purpose.AUDIT in open_tasks
    other = next(task for purpose, task in open_tasks.items() if purpose is not Purpose.AUDIT)
    audit = open_tasks[Purpose.AUDIT]
    told(loop, (audit.sample_id, "chargeback"), (other.sample_id, "chargeback"))
    assert known(loop, other.sample_id).n_votes == 0
    assert gold_of(loop, audit.sample_id) is None

    (task_id,) = loop.queue.find([audit.key])[audit.key]
    loop.queue.answer(task_id, "7", "ham")
    loop.queue.answer(task_id, "8", "spam")
    loop.pull()
    record = known(loop, audit.sample_id)
    assert (record.label, record.inclusion_probability, record.support) == ("spam", 0.3, 1)
    dispute = task_key(audit.sample_id, Purpose.ADJUDICATION)
    assert dispute not in loop.state().snapshot.live


def test_what_nobody_labelled_may_train_and_never_judges(loop: Loop) -> None:
    """Outside the reserve it trains; inside it waits, withheld, for the audit, which then judges with it."""
    trains, waits = unasked(loop, is_in_reserve=False), unasked(loop, is_in_reserve=True)
    assert trains
    assert waits
    told(loop, *((sample_id, "chargeback") for sample_id in (*trains, *waits)))

    for sample_id in trains:
        record = known(loop, sample_id)
        assert record.split in (Split.TRAIN, Split.WITHHELD)
        assert (record.purpose, record.inclusion_probability) == (Purpose.OUTCOME, None)
    assert any(known(loop, sample_id).split is Split.TRAIN for sample_id in trains)
    assert {known(loop, sample_id).split for sample_id in waits} == {Split.WITHHELD}

    placed = {(one.group, one.split) for one in loop.state().snapshot.assigned}
    assert {(known(loop, one).group, known(loop, one).split) for one in trains} <= placed

    loop.close_round()
    loop.push()
    asked = {task.pushed.sample_id: task_id for task_id, task in loop.queue.tasks.items() if not task.answers}
    assert not set(trains) & set(asked)
    drawn = next(sample_id for sample_id in waits if sample_id in asked)
    for annotator in ("7", "8"):
        loop.queue.answer(asked[drawn], annotator, "ham")
    loop.pull()
    record = known(loop, drawn)
    assert (record.label, record.purpose, record.source) == ("spam", Purpose.AUDIT, "outcome")
    assert record.split in (Split.HOLDOUT, Split.VALIDATION)
    assert record.inclusion_probability == 0.3


def test_what_was_let_through_stays_let_through_in_the_costs(loop: Loop) -> None:
    """An outcome about a sample that nobody was asked about saved no answer and caught no error."""
    before = read_cost_inputs(loop.tables, loop.state(), loop.settings)
    told(loop, *((sample_id, "chargeback") for sample_id in unasked(loop, is_in_reserve=False)))
    after = read_cost_inputs(loop.tables, loop.state(), loop.settings)

    assert len(loop.gold.read().records) > len(before.labelled)
    assert len(after.labelled) == len(before.labelled)
    assert after.is_labelled.tolist() == before.is_labelled.tolist()


def test_a_name_that_several_samples_have_is_told(loop: Loop) -> None:
    """The row waits and decides nothing; the place names one of them."""
    loop.texts |= {"one/same": "the first", "two/same": "the second"}
    loop.score()
    report = told(loop, ("same", "chargeback"))
    assert (report.ambiguous, report.n_waiting) == (("same",), 1)
    assert gold_of(loop, sample_id_of(b"the first")) is None

    assert told(loop, ("two/same", "chargeback")).n_waiting == 0
    assert known(loop, sample_id_of(b"the second")).label == "spam"


def test_an_unasked_sample_keeps_its_side_when_others_of_its_group_or_entity_are_chosen() -> None:
    """What an outcome lets train is beside no judging sample that is planned later."""
    placed = Placement(BatchId("b"), "auto", "", None, Split.TRAIN, "g", "00000000000000ff", "author:1")
    splits = AssignedSplits([placed], max_distance=3)

    assert splits.join(SampleId("f" * 64), "00000000000000fe") == "g"
    assert splits.assign("g", None, Split.HOLDOUT) is Split.TRAIN
    assert splits.assign("h", "author:1", Split.HOLDOUT) is Split.WITHHELD


@pytest.mark.parametrize("n_commits", range(3))
def test_a_kill_at_any_commit_is_made_good_by_the_same_command(loop: Loop, n_commits: int) -> None:
    """Nothing is lost or half written: rows are one commit, and the rest follows from them."""
    sample_id = unasked(loop, is_in_reserve=False)[0]
    rows = [(sample_id, "chargeback"), (of_people(loop).sample_id, "chargeback")]
    with (
        killed_before_commit("append_next", n_commits)
        if n_commits < 2
        else killed_before_commit("merge_next", 0)
    ):
        told(loop, *rows)
    assert len(read_reported(loop.tables.outcomes)) == (0 if n_commits == 0 else 2)

    told(loop, *rows)
    assert {one.label for one in loop.gold.read().records if one.source == "outcome"} == {"spam"}
    assert len([one for one in loop.gold.read().records if one.source == "outcome"]) == 2
