"""Gold labels of single answers on sheets: somebody else looks over them, many at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from goldloop.core.chance import Arm
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose, task_key
from goldloop.labeling import sheet_choice
from goldloop.labeling.sheet_choice import rests_on_one_answer
from goldloop.labeling.sheet_plans import ChosenSheet, affordable
from goldloop.reports.section import markdown
from goldloop.reports.sheets import sheet_sections
from goldloop.settings.sections import SuggestionSettings
from goldloop.sheets.composition import Sheet
from tests.sheet_loop import SheetLoop, begun

COSTLY_EUR = 20.0  # so that a look pays from a probability of one in 500 that the label is wrong


@pytest.fixture
def loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SheetLoop:
    """Return a loop with gold of single answers, errors of which are costly."""
    monkeypatch.setattr(sheet_choice, "SURE", 0.985)
    return priced(begun(tmp_path), error=COSTLY_EUR)


def priced(loop: SheetLoop, *, error: float) -> SheetLoop:
    """Return the loop, in which a wrong label costs `error` from now on."""
    cost = loop.settings.cost.model_copy(update={"error": error})
    loop.settings = loop.settings.model_copy(update={"cost": cost})
    return loop


def verified(loop: SheetLoop) -> dict[SampleId, PlannedTask]:
    """Return the tasks on sheets whose sample people had labelled before, by sample."""
    tasks = loop.state().snapshot.tasks
    plans = loop.planned(Purpose.SHEET)
    return {one.sample_id: one for one in plans if task_key(one.sample_id, Purpose.REVIEW) in tasks}


def test_gold_of_single_answers_is_looked_over_by_somebody_else(loop: SheetLoop) -> None:
    """Such a sheet shows the gold label, holds answers of one person, and is kept from them alone."""
    before = {record.sample_id: record for record in loop.gold.read().records}
    loop.push()

    found = verified(loop)
    assert len(found) >= 11
    for sample_id, plan in found.items():
        record = before[sample_id]
        assert (record.n_votes, record.posterior[record.label] < 0.985) == (1, True)
        assert (plan.suggested_label, plan.is_shown, plan.probs) == (record.label, True, None)
        assert plan.barred == record.annotators
        assert (str(plan.split), plan.inclusion_probability) == ("train", None)
    sheets: dict[str | None, set[tuple[str, ...]]] = {}
    for plan in loop.planned(Purpose.SHEET, Purpose.PLANTED):
        sheets.setdefault(plan.sheet, set()).add(plan.barred)
    assert {len(barred) for barred in sheets.values()} == {1}
    assert loop.gold_labels() == {sample_id: record.label for sample_id, record in before.items()}


def test_a_look_that_finds_nothing_makes_gold_surer(loop: SheetLoop) -> None:
    """Who leaves the label unclicked is a second vote for it."""
    before = {record.sample_id: record for record in loop.gold.read().records}
    loop.push()
    found = verified(loop)
    loop.work({"1": loop.looks_over, "2": loop.looks_over}, purpose=Purpose.SHEET)
    loop.pull()

    after = {record.sample_id: record for record in loop.gold.read().records}
    for sample_id in found:
        old, new = before[sample_id], after[sample_id]
        assert (new.label, new.n_votes, new.purpose) == (old.label, 2, Purpose.REVIEW)
        assert new.posterior[new.label] > old.posterior[old.label]
        assert set(new.annotators) == {"1", "2"}


def test_a_clicked_gold_label_is_asked_about_again_blind(
    loop: SheetLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no gold until others have answered; the author of the label is not asked again."""
    loop.push()
    n, (wrong, plan) = len(verified(loop)), next(iter(verified(loop).items()))
    right = next(label for label in loop.settings.labels if label != plan.suggested_label)
    truth = loop.truth
    monkeypatch.setattr(loop, "truth", lambda one: right if one == wrong else truth(one))
    loop.work({"1": loop.looks_over, "2": loop.looks_over}, purpose=Purpose.SHEET)
    loop.pull()

    assert wrong not in loop.gold_labels()
    again = {one.sample_id: one for one in loop.planned(Purpose.RECHECK)}
    assert again[wrong].barred == plan.barred
    assert not again[wrong].is_shown

    loop.work({"1": loop.says, "3": loop.says})
    loop.pull()
    loop.work({"3": loop.says, "4": loop.says})
    loop.pull()
    assert loop.gold_labels()[wrong] == right
    (section,) = sheet_sections(loop.state(), loop.settings)
    assert f"{n} of these samples had the label of a single answer, by somebody else: 1 were clicked" in (
        text := markdown(section)
    )
    assert "1 have another label by now" in text


def test_gold_is_verified_also_when_no_sample_is_left(
    loop: SheetLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round whose pool is empty spends its answers on gold labels of single answers."""
    monkeypatch.setattr(sheet_choice, "SURE", 0.99)
    priced(loop, error=0.01)
    loop.push()
    loop.work({"1": loop.looks_over, "2": loop.looks_over}, purpose=Purpose.SHEET)
    loop.work({"1": loop.says, "2": loop.says, "3": loop.says})
    loop.pull()
    loop.close_round()
    assert not verified(loop)
    priced(loop, error=COSTLY_EUR)
    report = loop.push()

    planned = [plan for plan in loop.planned(*Purpose) if plan.round == loop.state().snapshot.round]
    assert {plan.purpose for plan in planned} == {Purpose.SHEET, Purpose.PLANTED}
    assert report.n_planned == len(planned)
    assert verified(loop)


def test_only_single_answers_that_are_not_quite_sure_are_verified_and_once(loop: SheetLoop) -> None:
    """Each reason against a second look holds by itself."""
    loop.push()
    state = loop.state()
    records = {record.sample_id: record for record in state.snapshot.gold.records}
    record = records[next(iter(verified(loop)))]
    tasks = {task_key(record.sample_id, Purpose.REVIEW)}

    assert rests_on_one_answer(record, tasks)
    assert not rests_on_one_answer(record, state.snapshot.tasks), "it is on a sheet by now"
    for purpose in set(Purpose) - {Purpose.REVIEW}:
        assert not rests_on_one_answer(record, {*tasks, task_key(record.sample_id, purpose)})
    for other in (
        replace(record, n_votes=2),
        replace(record, split=Split.HOLDOUT),
        replace(record, purpose=Purpose.AUDIT),
        replace(record, posterior={record.label: 0.99}),
    ):
        assert not rests_on_one_answer(other, tasks)


def test_looks_at_gold_labels_cost_what_looks_at_new_samples_do(loop: SheetLoop) -> None:
    """The answers of a round pay for as many sheets, whatever they show."""
    records = list(loop.gold.read().records)[:24]
    of_one = [{record.sample_id: record for record in records[place::2]} for place in range(2)]
    sheets = [ChosenSheet(Sheet(0, tuple(ones), frozenset()), {}, {}, ones) for ones in of_one]
    per_answer = round(1 / loop.settings.sheets.share_of_review)

    assert [sheet.n_looks for sheet in sheets] == [12, 12]
    assert affordable(sheets, 24 // per_answer + 1, loop.settings) == sheets
    assert affordable(sheets, 12 // per_answer + 1, loop.settings) == sheets[:1]
    assert affordable(sheets, 0, loop.settings) == []


def test_nobody_verifies_their_own_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one person alone answers, sheets show new samples only."""
    monkeypatch.setattr(sheet_choice, "SURE", 0.985)
    loop = priced(begun(tmp_path, team=("1",)), error=COSTLY_EUR)
    loop.push()

    assert loop.planned(Purpose.SHEET)
    assert not verified(loop)


def test_samples_that_test_suggestions_are_not_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sheet would show the suggestion to whom chance hides it from."""
    monkeypatch.setattr(sheet_choice, "SURE", 0.985)
    loop = priced(begun(tmp_path, suggestions=SuggestionSettings(hidden_share=0.5)), error=COSTLY_EUR)
    tasks = loop.state().snapshot.tasks.values()
    arms = {task.plan.arm for task in tasks if task.purpose is Purpose.REVIEW}
    assert arms == {Arm.HIDDEN, Arm.SHOWN}
    loop.push()

    assert not verified(loop)


def test_cheap_errors_are_not_worth_a_look(loop: SheetLoop) -> None:
    """Where an error costs less than the look, gold stays as it is."""
    priced(loop, error=0.01)
    loop.push()

    assert not verified(loop)
