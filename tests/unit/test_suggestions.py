"""Suggestions in the loop: whoever follows them blindly is measured, and they go off."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldloop.annotators.automation_bias import AutomationBias
from goldloop.annotators.prefill_advice import Advice
from goldloop.annotators.report import suggestion_advice
from goldloop.core.chance import Arm
from goldloop.core.samples import sample_id_of
from goldloop.core.tasks import NewTask, Purpose
from goldloop.labeling.plan import plan_round
from goldloop.settings.sections import ConsensusSettings, SelectionSettings, SuggestionSettings
from tests.loop import NO_CONTROLS, Loop

TEXTS = {f"mem/{number:04d}": f"{number:04d}".ljust(40 + number % 31, "x") for number in range(400)}
"""Lengths of 40 to 70: all are reviewed, ham is suggested for the shorter half and spam for the longer."""

TRUTH = {sample_id_of(text.encode()): "ham" if int(text[:4]) % 2 else "spam" for text in TEXTS.values()}
"""Has nothing to do with length: every other suggestion is wrong."""


def honest(task: NewTask) -> str:
    """Say what is true."""
    return TRUTH[task.sample_id]


def led(task: NewTask) -> str:
    """Say what is suggested; without a suggestion, what is true."""
    return task.suggestion.label if task.suggestion else TRUTH[task.sample_id]


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """Return a loop with a hundred review tasks, two in five hidden and as many checked."""
    found = Loop(
        tmp_path,
        TEXTS,
        SelectionSettings(budget_per_round=250, audit_rate=0.0),
        consensus=ConsensusSettings(method="majority", max_answers=3, repeat_share=0.6),
        people=NO_CONTROLS,
        suggestions=SuggestionSettings(hidden_share=0.4),
    )
    found.score()
    found.close_round()
    found.push()
    return found


def worked_through(loop: Loop, crew: dict[str, object]) -> tuple[AutomationBias, Advice]:
    """Let people answer, an adjudicator decide, and return what is then known of suggestions."""
    for _ in range(4):
        loop.work(crew)  # type: ignore[arg-type]
        loop.work({"9": honest}, purpose=Purpose.ADJUDICATION)
        loop.pull()
    return suggestion_advice(loop.outcomes(), loop.settings)


def test_people_who_follow_wrong_suggestions_are_measured_and_suggestions_go_off(loop: Loop) -> None:
    """Blindly they never make the model's mistake, shown they always do: a gap of 1, so they go off."""
    anchoring, advice = worked_through(loop, {"1": led, "2": led, "3": led})

    assert anchoring.gap.difference is not None
    assert anchoring.gap.difference.value == 1.0
    assert anchoring.n_open == 0
    assert not advice.is_on

    before = set(loop.queue.tasks)
    loop.settings = loop.settings.model_copy(update={"selection": SelectionSettings(budget_per_round=500)})
    n_planned = plan_round(loop.context(), loop.state(), is_shown=advice.is_shown).n_planned
    loop.push_planned()
    arms = {one.evidence.sample_id: one.evidence.arm for one in loop.outcomes().samples}
    pushed = [loop.queue.tasks[task_id].pushed for task_id in set(loop.queue.tasks) - before]
    review = [one for one in pushed if one.purpose is Purpose.REVIEW]
    assert n_planned >= len(review) > 50
    assert {arms[one.sample_id] for one in review} == set(Arm)
    assert all((one.suggestion is not None) is (arms[one.sample_id] is Arm.SHOWN) for one in review)


def test_people_who_look_for_themselves_keep_their_suggestions(loop: Loop) -> None:
    """Honest people give no wrong suggestion, shown or hidden: a gap of 0, and still on."""
    anchoring, advice = worked_through(loop, {"1": honest, "2": honest, "3": honest})

    assert anchoring.gap.difference is not None
    assert anchoring.gap.difference.value == 0.0
    assert (anchoring.gap.n_shown, anchoring.gap.n_hidden) >= (10, 10)
    assert all(one.value == 1.0 for one in anchoring.accuracy.values())
    assert advice.is_on
    assert advice.off_labels == ()


def test_somebody_who_works_alone_is_not_measured(loop: Loop) -> None:
    """Without a second person nothing settles the truth: no figure, suggestions stay on."""
    anchoring, advice = worked_through(loop, {"1": led})

    assert anchoring.gap.difference is None
    assert anchoring.n_open == anchoring.n_shown + anchoring.n_hidden > 0
    assert advice.is_on
    assert "too few" in advice.reasons[0]
