"""Sheets in the loop: what goes on them, what their answers come to, and who gets no more of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from goldloop.core.chance import permanent_random
from goldloop.core.planned_tasks import Event, PlannedTask
from goldloop.core.tasks import NewTask, Purpose, split_key, task_key
from goldloop.labeling import sheet_choice
from goldloop.settings.sheets import SheetSettings
from tests.sheet_loop import BUDGET, SURE, SheetLoop, lengths, loop

__all__ = ["loop"]


def sheets_of(plans: Iterable[PlannedTask]) -> dict[str | None, list[PlannedTask]]:
    """Return the plans by sheet."""
    found: dict[str | None, list[PlannedTask]] = {}
    for plan in plans:
        found.setdefault(plan.sheet, []).append(plan)
    return found


def test_sure_suggestions_share_sheets_among_which_are_planted_errors(loop: SheetLoop) -> None:
    """A sheet shows one label; of what it shows, only planted errors are gold, and of another label."""
    gold = loop.gold_labels()
    loop.push()

    sheets = sheets_of(loop.planned(Purpose.SHEET, Purpose.PLANTED))
    assert len(sheets) > 3
    assert None not in sheets
    for plans in sheets.values():
        assert 11 <= len(plans) <= 12
        assert {(plan.suggested_label, plan.is_shown) for plan in plans} == {(plans[0].suggested_label, True)}
        assert [plan.position for plan in plans] == list(
            range(plans[0].position, plans[0].position + len(plans))
        )
        for plan in plans:
            is_planted = plan.purpose is Purpose.PLANTED
            assert is_planted == (plan.sample_id in gold)
            assert not is_planted or gold[plan.sample_id] != plan.suggested_label
    everything = [plan for plans in sheets.values() for plan in plans]
    assert 0 < sum(plan.purpose is Purpose.PLANTED for plan in everything) < len(everything) / 4


def test_a_planted_error_looks_like_the_others(loop: SheetLoop) -> None:
    """Batch, model and score of a planted error are those of samples on its sheet."""
    loop.push()

    for plans in sheets_of(loop.planned(Purpose.SHEET, Purpose.PLANTED)).values():

        def seen(plan: PlannedTask) -> tuple[object, ...]:
            return plan.batch, plan.lane, plan.model_version, plan.suggested_score, plan.hint

        others = {seen(plan) for plan in plans if plan.purpose is Purpose.SHEET}
        assert {seen(plan) for plan in plans} == others


def test_no_sample_that_judges_models_is_on_a_sheet(loop: SheetLoop) -> None:
    """Audits are asked about blind, and neither they nor holdout samples are on sheets."""
    loop.push()

    audits = {plan.sample_id for plan in loop.planned(Purpose.AUDIT)}
    on_sheets = loop.planned(Purpose.SHEET, Purpose.PLANTED)
    assert audits
    assert not audits & {plan.sample_id for plan in on_sheets}
    rate, seed = loop.settings.selection.audit_rate, loop.settings.selection.seed
    numbers = [permanent_random(plan.sample_id, seed, "audit") for plan in on_sheets]
    assert min(numbers) >= rate, "a sample of the reserve is for audits, in this round or a later one"
    assert {str(plan.split) for plan in on_sheets} == {"train"}


def test_what_nobody_clicks_is_gold_and_what_somebody_clicks_is_asked_again_blind(loop: SheetLoop) -> None:
    """One look makes sure suggestions gold; a clicked one gets a blind task, for the same person too."""
    loop.push()
    shown = loop.planned(Purpose.SHEET)
    before = loop.gold_labels()
    loop.work({"1": loop.looks_over}, purpose=Purpose.SHEET)
    loop.pull()

    wrong = {plan.sample_id for plan in shown if loop.truth(plan.sample_id) != plan.suggested_label}
    right = {plan.sample_id for plan in shown} - wrong
    assert wrong
    gold = loop.gold_labels()
    assert {gold.get(sample_id) == loop.truth(sample_id) for sample_id in right} == {True}
    assert not wrong & gold.keys()
    again = {plan.sample_id: plan for plan in loop.planned(Purpose.RECHECK)}
    assert wrong <= again.keys()
    assert all("1" not in again[sample_id].barred and not again[sample_id].is_shown for sample_id in wrong)
    assert not {plan.sample_id for plan in loop.planned(Purpose.FULL)} & wrong
    assert {gold[sample_id] == label for sample_id, label in before.items()} == {True}

    loop.work({"1": loop.says, "2": loop.says})
    loop.pull()
    loop.work({"2": loop.says, "3": loop.says})
    loop.pull()
    assert {loop.gold_labels().get(sample_id) == loop.truth(sample_id) for sample_id in wrong} == {True}


def test_an_import_never_parts_a_sheet(loop: SheetLoop) -> None:
    """However few tasks an import has, the samples of a sheet are created together."""
    calls: list[list[NewTask]] = []
    push = loop.queue.push

    def recorded(tasks: Sequence[NewTask]) -> dict[str, int]:
        calls.append(list(tasks))
        return push(tasks)

    loop.queue.push = recorded  # type: ignore[method-assign]
    loop.push(import_size=5)

    where: dict[str, set[int]] = {}
    for number, tasks in enumerate(calls):
        for task in tasks:
            if task.sheet:
                where.setdefault(task.sheet, set()).add(number)
    assert len(where) > 3
    assert {len(numbers) for numbers in where.values()} == {1}


def test_a_page_that_was_not_looked_at_does_not_count(loop: SheetLoop) -> None:
    """Hundredths of a second for each sample are no look; somebody else is asked about the same sheet."""
    loop.push()
    (first, *_) = sheets_of(loop.planned(Purpose.SHEET, Purpose.PLANTED)).values()
    pushed = loop.state().snapshot.pushed
    for plan in first:
        loop.queue.answer(pushed[plan.key], "9", plan.suggested_label, lead_time_s=0.02)
    report = loop.pull()

    assert report.n_refused == len(first)
    on_sheet = [plan for plan in first if plan.purpose is Purpose.SHEET]
    assert not {plan.sample_id for plan in on_sheet} & loop.gold_labels().keys()
    asked = {loop.queue.tasks[pushed[plan.key]].n_asked for plan in on_sheet}
    assert asked == {2}


def test_chance_gives_second_looks_to_what_nobody_clicked(loop: SheetLoop) -> None:
    """With a share of 1 each unclicked sample gets a blind task, which the one who looked does not get."""
    loop.push()
    loop.settings = loop.settings.model_copy(  # no sheet pays from which every sample gets a second look
        update={"sheets": loop.settings.sheets.model_copy(update={"second_looks": 1.0})}
    )
    shown = {plan.sample_id for plan in loop.planned(Purpose.SHEET)}
    loop.work({"1": loop.looks_over}, purpose=Purpose.SHEET)
    loop.pull()

    again = {plan.sample_id: plan for plan in loop.planned(Purpose.RECHECK) if plan.sample_id in shown}
    answered = loop.state().evidence
    unclicked = {one for one in shown if answered[one].votes}
    assert len(again.keys() & unclicked) > 20
    assert all(again[one].barred == ("1",) for one in again.keys() & unclicked)


def test_an_unsure_sample_of_a_sheet_gets_a_task_of_its_own(loop: SheetLoop) -> None:
    """Nobody is asked twice about one sample of a sheet: a doubtful posterior calls for a blind task."""
    loop.settings = loop.settings.model_copy(
        update={"consensus": loop.settings.consensus.model_copy(update={"target": 0.9999})}
    )
    loop.push()
    shown = {plan.key for plan in loop.planned(Purpose.SHEET)}
    loop.work({"1": loop.looks_over}, purpose=Purpose.SHEET)
    loop.pull()

    assert {split_key(plan.key)[0] for plan in loop.planned(Purpose.RECHECK)} & {
        split_key(key)[0] for key in shown
    }
    assert not shown & {request.key for request in loop.state().snapshot.requests.requests}


def test_without_the_setting_there_are_no_sheets(loop: SheetLoop) -> None:
    """Nothing changes for who does not turn them on."""
    loop.settings = loop.settings.model_copy(update={"sheets": SheetSettings()})
    loop.push()

    assert loop.planned(Purpose.SHEET, Purpose.PLANTED) == []
    assert loop.planned(Purpose.REVIEW)


def test_a_sheet_counts_as_the_answers_that_its_time_would_pay_for(loop: SheetLoop) -> None:
    """The round's budget pays a share of an answer for each sample on a sheet, and no more than it has."""
    loop.texts |= lengths("c", [*SURE * 15])
    loop.score()
    loop.push()
    first = [plan for plan in loop.planned(*Purpose) if plan.round == loop.state().snapshot.round]
    n_on_sheets = sum(plan.purpose is Purpose.SHEET for plan in first)
    n_singly = sum(plan.purpose in (Purpose.REVIEW, Purpose.SEED) for plan in first)
    n_audits = sum(plan.purpose is Purpose.AUDIT for plan in first)
    assert n_on_sheets
    assert n_singly + 2 * n_audits + 0.2 * n_on_sheets <= BUDGET / 2
    assert n_singly + 2 * n_audits + n_on_sheets > BUDGET / 2


def test_planted_errors_are_planted_once(loop: SheetLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gold sample is planted at most once, also in later rounds."""
    monkeypatch.setattr(sheet_choice, "SURE", 0.9)
    loop.settings = loop.settings.model_copy(
        update={"sheets": loop.settings.sheets.model_copy(update={"planted_rate": 0.4})}
    )
    loop.push()
    round_ = loop.state().snapshot.round
    first = {plan.sample_id for plan in loop.planned(Purpose.PLANTED)}
    loop.work({"1": loop.looks_over}, purpose=Purpose.SHEET)
    loop.work({"1": loop.says, "2": loop.says})
    loop.pull()
    loop.close_round()
    loop.texts |= lengths("c", [*SURE * 4])
    loop.score()
    loop.push()

    later = [plan.sample_id for plan in loop.planned(Purpose.PLANTED) if plan.round > round_]
    tasks = loop.state().snapshot.tasks
    assert later
    assert not first & set(later)
    assert all(tasks[task_key(one, Purpose.PLANTED)].event is Event.PUSHED for one in later)
