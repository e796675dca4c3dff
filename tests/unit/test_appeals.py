"""Appeals: two people who have not decided a sample look again, and their agreement is the label."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from goldloop.core.annotations import Grounds
from goldloop.core.chance import is_reserved
from goldloop.core.errors import SettingsError, SourceError
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose, task_key
from goldloop.gold.records import GoldRecord
from goldloop.labeling.follow_up_choice import CHARGED
from goldloop.loop.appeals import AppealOutcome, AppealState, add_appeal, list_appeals
from goldloop.reports.appeals import appeal_rows, appeals_section
from goldloop.reports.decisions import decision_log
from goldloop.selection.plan import n_first_asked
from goldloop.settings.sections import AnnotatorSettings, SelectionSettings
from goldloop.tables.appeals import read_appeals
from tests.loop import PATIENT, Loop, killed_before_commit, texts

SELECTION = SelectionSettings(budget_per_round=40, audit_rate=0.3)
PEOPLE = AnnotatorSettings(honeypot_rate=0, onboarding_tasks=0, adjudicators=("90",))


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """A loop of texts in which two people have answered every task the same way."""
    loop = Loop(tmp_path, texts(80), SELECTION, consensus=PATIENT, people=PEOPLE)
    loop.score()
    loop.push()
    for task in list(loop.queue.tasks):
        for annotator in ("7", "8"):
            loop.queue.answer(task, annotator, "spam")
    loop.pull()
    return loop


def record_of(loop: Loop, sample_id: SampleId) -> GoldRecord | None:
    """Return the present gold record of a sample."""
    return next((one for one in loop.gold.read().records if one.sample_id == sample_id), None)


def appealed(loop: Loop, sample_id: SampleId) -> int:
    """Add an appeal about a sample; return the id of its task."""
    add_appeal(loop.ports(), sample_id, "it was <b>a joke</b>")
    (task_id,) = loop.queue.find([task_key(sample_id, Purpose.APPEAL)])[task_key(sample_id, Purpose.APPEAL)]
    return task_id


def state_of(loop: Loop) -> AppealOutcome:
    """Return what has become of the only appeal."""
    (outcome,) = list_appeals(loop.ports())
    return outcome


def test_two_new_people_overturn_a_label(loop: Loop) -> None:
    """They see the author's words; who decided before does not get the task; their label is gold."""
    sample_id = loop.gold.read().records[0].sample_id
    task_id = appealed(loop, sample_id)
    task = loop.queue.tasks[task_id]
    assert (task.pushed.words, task.pushed.suggestion) == ("it was <b>a joke</b>", None)
    assert set(task.pushed.barred) == {"7", "8"}
    assert task.n_asked == 2
    assert state_of(loop).state is AppealState.WAITING

    loop.queue.answer(task_id, "11", "ham", grounds=Grounds(note="quoted"))
    loop.pull()
    assert (state_of(loop).state, state_of(loop).n_answers) == (AppealState.WAITING, 1)
    loop.queue.answer(task_id, "12", "ham", grounds=Grounds(rule="R1"))
    loop.pull()

    outcome = state_of(loop)
    assert (outcome.state, outcome.label, outcome.rule) == (AppealState.OVERTURNED, "ham", "R1")
    record = record_of(loop, sample_id)
    assert record is not None
    assert (record.label, record.method) == ("ham", "appeal/1")
    log = decision_log(loop.tables, loop.state(), loop.settings.label_set)
    mine = [one for one in log if one.sample_id == sample_id]
    assert {(one.source, one.appeal, one.gold) for one in mine} == {("appeal", "overturned", "ham")}
    assert {one.appeal for one in log} == {"overturned", None}


def test_an_upheld_label_stays(loop: Loop) -> None:
    """Two who say the same as before uphold it."""
    sample_id = loop.gold.read().records[0].sample_id
    task_id = appealed(loop, sample_id)
    for annotator in ("11", "12"):
        loop.queue.answer(task_id, annotator, "spam")
    loop.pull()

    assert state_of(loop).state is AppealState.UPHELD
    record = record_of(loop, sample_id)
    assert record is not None
    assert (record.label, record.method) == ("spam", "appeal/1")


def test_where_two_differ_an_adjudicator_decides(loop: Loop) -> None:
    """Nobody of those four gets the dispute; the adjudicator's word is the decision on the appeal."""
    sample_id = loop.gold.read().records[0].sample_id
    task_id = appealed(loop, sample_id)
    loop.queue.answer(task_id, "11", "spam")
    loop.queue.answer(task_id, "12", "ham")
    loop.pull()

    assert state_of(loop).state is AppealState.ADJUDICATION
    assert record_of(loop, sample_id) is None
    dispute = loop.queue.find([task_key(sample_id, Purpose.ADJUDICATION)])
    ((dispute_id,),) = dispute.values()
    assert set(loop.queue.tasks[dispute_id].pushed.barred) == {"7", "8", "11", "12"}
    loop.queue.answer(dispute_id, "90", "ham", reason="clear on a second look")
    loop.pull()
    assert (state_of(loop).state, state_of(loop).reason) == (
        AppealState.OVERTURNED,
        "clear on a second look",
    )


def test_an_answer_of_somebody_who_decided_before_is_replaced(loop: Loop) -> None:
    """The server may let them in all the same; a third person is asked then."""
    sample_id = loop.gold.read().records[0].sample_id
    task_id = appealed(loop, sample_id)
    loop.queue.answer(task_id, "7", "ham")
    loop.queue.answer(task_id, "11", "ham")
    loop.pull()

    assert loop.queue.tasks[task_id].n_asked == 3
    assert (state_of(loop).state, state_of(loop).n_answers) == (AppealState.WAITING, 1)


def test_what_only_the_machine_labelled_can_be_appealed(tmp_path: Path) -> None:
    """Its label becomes gold that trains and judges nothing, and the audit may still draw the sample."""
    loop = Loop(tmp_path, texts(80), with_budget(4), consensus=PATIENT, people=PEOPLE)
    loop.score()
    loop.push()
    asked = {task.pushed.sample_id for task in loop.queue.tasks.values()}
    free = [one for one in seen_by_people(loop) if one not in asked]
    reserved = next(one for one in free if is_reserved(one, audit_rate=0.3, seed=0))
    other = next(one for one in free if not is_reserved(one, audit_rate=0.3, seed=0))

    for sample_id in (reserved, other):
        task_id = appealed(loop, sample_id)
        for annotator in ("11", "12"):
            loop.queue.answer(task_id, annotator, "ham")
    loop.pull()

    for sample_id in (reserved, other):
        record = record_of(loop, sample_id)
        assert record is not None
        assert (record.label, record.split, record.inclusion_probability) == ("ham", Split.WITHHELD, None)
    loop.settings = loop.settings.model_copy(update={"selection": with_budget(400)})
    loop.push()
    asked_later = {(one.pushed.sample_id, one.pushed.purpose) for one in loop.queue.tasks.values()}
    assert (reserved, Purpose.AUDIT) in asked_later
    assert [purpose for sample_id, purpose in asked_later if sample_id == other] == [Purpose.APPEAL]


def with_budget(n: int) -> SelectionSettings:
    """Return settings with so many answers a round."""
    return SELECTION.model_copy(update={"budget_per_round": n})


def seen_by_people(loop: Loop) -> list[SampleId]:
    """Return every sample that the policy sends to annotators."""
    rows = loop.tables.predictions.read(["sample_id", "lane"]).to_pylist()
    return sorted(SampleId(row["sample_id"]) for row in rows if row["lane"] == "review")


def test_what_cannot_be_appealed_is_named(loop: Loop) -> None:
    """No words, an unknown sample: each says what to give."""
    sample_id = loop.gold.read().records[0].sample_id

    with pytest.raises(SettingsError, match="needs the author's words"):
        add_appeal(loop.ports(), sample_id, " \n ")
    with pytest.raises(SourceError, match="0 samples are named 'nothing'"):
        add_appeal(loop.ports(), "nothing", "no")
    with pytest.raises(SourceError, match="80 samples are named ''"):
        add_appeal(loop.ports(), "", "no")
    assert read_appeals(loop.tables.appeals) == []


def test_an_appeal_is_made_once_whatever_is_killed(loop: Loop) -> None:
    """Killed between record and task, or repeated with other words, it stays one appeal and one task."""
    sample_id = loop.gold.read().records[0].sample_id
    with killed_before_commit("append_next", 1):
        add_appeal(loop.ports(), sample_id, "a joke")

    add_appeal(loop.ports(), sample_id, "other words")
    add_appeal(loop.ports(), sample_id, "other words")

    (appeal,) = read_appeals(loop.tables.appeals)
    assert appeal.words == "a joke"
    keys = [task.pushed.key for task in loop.queue.tasks.values()]
    assert keys.count(task_key(sample_id, Purpose.APPEAL)) == 1


def test_an_appeal_does_not_cost_the_round(loop: Loop) -> None:
    """The budget of the round is what it was, for first answers and for further ones."""

    def left() -> tuple[int, int]:
        snapshot = loop.state().snapshot
        asked = [one for one in snapshot.requests.requests if one.reason in CHARGED]
        return n_first_asked(snapshot.live.values(), snapshot.round, loop.settings), len(asked)

    before = left()
    for record in loop.gold.read().records[:5]:
        add_appeal(loop.ports(), record.sample_id, "a joke")

    assert left() == before


def test_the_share_of_overturned_labels_has_an_interval(loop: Loop) -> None:
    """Few appeals are too few for a share; those that wait are counted apart."""
    sample_id = loop.gold.read().records[0].sample_id
    appealed(loop, sample_id)
    waiting = state_of(loop)
    overturned = replace(waiting, state=AppealState.OVERTURNED, label="ham")
    upheld = replace(waiting, state=AppealState.UPHELD, label="spam")

    section = appeals_section([*[overturned] * 3, *[upheld] * 9, waiting])

    assert [str(row["overturned"]).split(" [")[0] for row in section.tables[0].rows] == ["25.0 %", "25.0 %"]
    assert section.notes == ["1 appeals wait for a decision."]
    assert appeals_section([]).is_empty
    (row,) = appeal_rows([waiting])
    assert (row["before"], row["by"], row["state"]) == ("spam", "moderators", "waiting for moderators")
