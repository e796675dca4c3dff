"""Sheets in the loop: what goes on them, what their answers come to, and who gets no more of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from goldloop.core.modality import Features
from goldloop.core.planned_tasks import Event, PlannedTask
from goldloop.core.questions import DEFERRAL
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.core.tasks import NewTask, Purpose, split_key, task_key
from goldloop.loop.ports import LoopPorts
from goldloop.routing.policies import Band
from goldloop.settings.sections import ConsensusSettings, SelectionSettings
from goldloop.settings.sheets import SheetSettings
from tests.loop import Loop
from tests.memory_texts import MemoryTexts

BUDGET = 600
ALL_REVIEWED = Band(0.0, 0.999)
SURE = (*range(3, 12), *range(90, 99))
"""Lengths of texts whose suggestion is right but for those that end with a question mark."""


@dataclass(frozen=True)
class TextsWithFeatures(MemoryTexts):
    """Texts whose features are their lengths on a circle."""

    def for_preset(self, preset: str) -> MemoryTexts:
        """Return the same texts."""
        return self

    def features(self, sample_ids: Iterable[SampleId]) -> Features:
        """Return features of every text that the reader has."""
        lengths = {sample_id_of(text.encode()): len(text) for text in self.reader.texts.values()}
        return {
            one: np.array([np.cos(lengths[one] / 40), np.sin(lengths[one] / 40)], dtype=np.float16)
            for one in sample_ids
            if one in lengths
        }


class SheetLoop(Loop):
    """A loop whose texts have features, and which makes sheets of 12 samples."""

    def ports(self, owner: str = "me", import_size: int = 500) -> LoopPorts:
        """Return the ports of the routine."""
        found = super().ports(owner, import_size)
        return replace(found, modality=TextsWithFeatures(self.reader, self.store))

    def truth(self, sample_id: SampleId) -> str:
        """Return the true label of a text: a question is what the scorer does not think."""
        text = next(one for one in self.texts.values() if sample_id_of(one.encode()) == sample_id)
        return "ham" if (len(text) < 50) != text.endswith("?") else "spam"

    def says(self, task: NewTask) -> str:
        """Return the true label."""
        return self.truth(task.sample_id)

    def looks_over(self, task: NewTask) -> str:
        """Return the suggestion of a sample on a sheet where it is right, else the wish for a closer look."""
        assert task.suggestion is not None
        return task.suggestion.label if task.suggestion.label == self.says(task) else DEFERRAL

    def planned(self, *purposes: Purpose) -> list[PlannedTask]:
        """Return the live plans of these purposes, in order."""
        live = [task.plan for task in self.state().snapshot.live.values()]
        return sorted((plan for plan in live if plan.purpose in purposes), key=lambda plan: plan.position)

    def gold_labels(self) -> dict[SampleId, str]:
        """Return the label of each gold sample."""
        return {record.sample_id: record.label for record in self.gold.read().records}


def lengths(prefix: str, sizes: Sequence[int], *, wrong: int = 0) -> dict[str, str]:
    """Return distinct texts of these lengths, the first `wrong` of them with another label than they seem."""
    made = {}
    for place, size in enumerate(sizes):
        text = f"{prefix}{place:03d}".ljust(max(size, 5), "x")
        made[f"mem/{prefix}{place}"] = text[:-1] + "?" if place < wrong else text
    return made


@pytest.fixture
def loop(tmp_path: Path) -> SheetLoop:
    """Return a loop with a model and gold of the first round, after sure texts have arrived."""
    made = SheetLoop(
        tmp_path,
        lengths("a", [*SURE * 4]),
        SelectionSettings(budget_per_round=BUDGET, audit_rate=0.05),
        consensus=ConsensusSettings(repeat_share=0.5),
        policy=ALL_REVIEWED,
    )
    sheets = SheetSettings(enabled=True, pictures=12, planted_rate=0.1, second_looks=0.0)
    made.settings = made.settings.model_copy(update={"sheets": sheets})
    made.score()
    made.push()
    made.work({"1": made.says, "2": made.says})
    made.pull()
    made.work({"3": made.says})
    made.pull()
    made.close_round()
    made.texts |= lengths("b", [*SURE * 6], wrong=3)
    made.score()
    return made


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


def test_who_misses_planted_errors_gets_no_more_sheets(loop: SheetLoop) -> None:
    """A careless person is barred from open sheets and new ones; the careful one goes on."""
    loop.push()
    planted = {plan.key: plan for plan in loop.planned(Purpose.PLANTED)}
    assert len(planted) >= 4
    for task_id, task in list(loop.queue.tasks.items()):
        if task.pushed.key in planted:
            loop.queue.answer(task_id, "9", str(planted[task.pushed.key].suggested_label))
    loop.queue.answer(_open(loop), "1", DEFERRAL)  # the other one of the team looks on
    loop.settings = loop.settings.model_copy(
        update={"sheets": loop.settings.sheets.model_copy(update={"max_missed": 0.02})}
    )
    loop.pull()

    still = [task for task in loop.queue.tasks.values() if task.pushed.purpose is Purpose.SHEET]
    assert still
    assert all("9" in task.pushed.barred for task in still if not task.answers)
    assert loop.queue.next_for("9", purpose=Purpose.SHEET) is None
    assert loop.queue.next_for("1", purpose=Purpose.SHEET) is not None


def test_where_everybody_misses_planted_errors_their_samples_are_asked_singly(loop: SheetLoop) -> None:
    """Open sheets go, and their samples come back to the pool."""
    loop.push()
    for task_id, task in list(loop.queue.tasks.items()):
        if task.pushed.purpose is Purpose.PLANTED:
            for who in ("1", "2", "3"):
                loop.queue.answer(task_id, who, str(task.pushed.suggestion and task.pushed.suggestion.label))
    before = {plan.sample_id for plan in loop.planned(Purpose.SHEET)}
    loop.settings = loop.settings.model_copy(
        update={"sheets": loop.settings.sheets.model_copy(update={"max_missed": 0.02})}
    )
    report = loop.pull()

    assert report.follow_ups is not None
    assert report.follow_ups.n_withdrawn >= len(before)
    assert loop.planned(Purpose.SHEET) == []
    assert not any(task.pushed.purpose is Purpose.SHEET for task in loop.queue.tasks.values())
    loop.push()
    assert loop.planned(Purpose.SHEET) == []
    asked = {plan.sample_id for plan in loop.planned(Purpose.REVIEW)}
    assert before & asked


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


def _open(loop: SheetLoop) -> int:
    tasks = loop.queue.tasks.items()
    return next(id_ for id_, task in tasks if task.pushed.purpose is Purpose.SHEET and not task.answers)


def test_planned_errors_are_planted_once(loop: SheetLoop) -> None:
    """A gold sample is planted at most once, also in later rounds."""
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
