"""What reports say of sheets, and why there are none."""

from __future__ import annotations

from goldloop.annotators.report import annotator_report
from goldloop.core.tasks import Purpose
from goldloop.labeling.sheet_choice import why_no_sheets
from goldloop.reports.section import markdown
from goldloop.reports.sheets import sheet_sections
from goldloop.settings import Settings
from goldloop.settings.sections import ModelSettings, PolicySettings
from goldloop.settings.sheets import SheetSettings
from goldloop.tables.counts import task_counts
from tests.sheet_loop import SheetLoop, loop

__all__ = ["loop"]
ON = SheetSettings(enabled=True)


def test_reports_say_what_each_annotator_overlooked(loop: SheetLoop) -> None:
    """One who misses all planted errors and one who clicks them all stand apart, with counts."""
    assert sheet_sections(loop.state(), loop.settings) == []
    loop.push()
    planted = {plan.key for plan in loop.planned(Purpose.PLANTED)}
    for task_id, task in list(loop.queue.tasks.items()):
        if task.pushed.sheet:
            loop.queue.answer(task_id, "1", loop.looks_over(task.pushed))
            if task.pushed.key in planted:
                loop.queue.answer(task_id, "9", str(task.pushed.suggestion and task.pushed.suggestion.label))
    loop.pull()

    assert task_counts(loop.state().snapshot).purposes["sheet"] == len(loop.planned(Purpose.SHEET))
    answered = {row.key for row in loop.state().snapshot.annotations}
    waiting = [plan for plan in loop.planned(*Purpose) if plan.key not in answered]
    assert task_counts(loop.state().snapshot).waiting == len(waiting), "who clicks has answered"
    (section,) = sheet_sections(loop.state(), loop.settings)
    by_person = {str(row["who"]).removeprefix("annotator "): row for row in section.tables[0].rows}
    n = len(planted)
    assert n >= 5
    assert str(by_person["1"]["planted errors missed"]).startswith("0.0 %")
    assert str(by_person["9"]["planted errors missed"]).startswith("100.0 %")
    assert by_person["9"]["looked over"] == 0
    assert f"n={n}" in str(by_person["9"]["planted errors missed"])
    people = annotator_report(loop.outcomes(), loop.state().snapshot.requests.requests, loop.settings).people
    assert {one.annotator: one.skip_reasons for one in people}["1"] == {}, "a click is no skip"
    text = markdown(section)
    assert "annotator 9 missed" in text
    assert "by suggested label" in text


def settings(**changes: object) -> Settings:
    """Return settings of pictures."""
    return Settings(name="shop", labels=("hat", "shoe"), **changes)  # type: ignore[arg-type]


def test_push_says_why_there_can_be_no_sheets() -> None:
    """A preset without features, and a band that ends before anything is sure, are named with what to do."""
    wide = PolicySettings(kind="target")
    frozen = ModelSettings(preset="efficientnet_lite0")
    assert why_no_sheets(settings()) == []
    assert why_no_sheets(settings(sheets=ON, policy=wide, model=frozen)) == []
    (by_preset,) = why_no_sheets(settings(sheets=ON, policy=wide, model=ModelSettings(preset="tiny")))
    assert "preset tiny" in by_preset
    assert "efficientnet_lite0" in by_preset
    (by_band,) = why_no_sheets(settings(sheets=ON, model=frozen))
    assert "policy.band" in by_band
    raised = PolicySettings(thresholds={"hat": 0.99})
    assert why_no_sheets(settings(sheets=ON, model=frozen, policy=raised)) == []
