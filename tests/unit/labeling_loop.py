"""A labeling loop with scored samples and pushed tasks, for the tests of follow-ups."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from goldloop.core.tasks import NewTask, Purpose
from goldloop.gold.records import GoldRecord
from goldloop.settings.sections import (
    AnnotatorSettings,
    ConsensusSettings,
    SelectionSettings,
    SuggestionSettings,
)
from tests.loop import ALWAYS_SHOWN, NO_CONTROLS, PATIENT, Loop, texts

Says = Callable[[NewTask], str | None]


def always(label: str | None) -> Says:
    """Return an annotator who always answers `label`, None for a skip."""
    return lambda _: label


def pushed(
    tmp_path: Path,
    *,
    consensus: ConsensusSettings = PATIENT,
    people: AnnotatorSettings = NO_CONTROLS,
    suggestions: SuggestionSettings = ALWAYS_SHOWN,
    budget: int = 40,
    has_model: bool = True,
    **selection: float,
) -> Loop:
    """Return a loop with pushed tasks, in a round after the first model or before it."""
    loop = Loop(
        tmp_path,
        texts(200),
        SelectionSettings(**({"budget_per_round": budget} | selection)),  # type: ignore[arg-type]
        consensus=consensus,
        people=people,
        suggestions=suggestions,
    )
    loop.score()
    if has_model:
        loop.close_round()
    loop.push()
    return loop


def disputed(tmp_path: Path, **settings: Any) -> Loop:
    """Return a loop whose audit samples have two different answers, pulled."""
    loop = pushed(tmp_path, **settings)
    loop.work({"1": always("ham"), "2": always("spam")})
    loop.pull()
    return loop


def decide(loop: Loop, annotator: str, label: str) -> None:
    """Answer the adjudication tasks as `annotator`, and pull."""
    loop.work({annotator: always(label)}, purpose=Purpose.ADJUDICATION)
    loop.pull()


def live(loop: Loop, purpose: Purpose) -> set[str]:
    """Return the samples with a task of this purpose on the server."""
    tasks = loop.queue.tasks.values()
    return {task.pushed.sample_id for task in tasks if task.pushed.purpose is purpose}


def answer_past_the_stream(loop: Loop, purpose: Purpose, annotator: str, label: str) -> None:
    """Answer all tasks of a purpose without being handed them, as the server's task list allows."""
    for task_id, task in list(loop.queue.tasks.items()):
        if task.pushed.purpose is purpose:
            loop.queue.answer(task_id, annotator, label)


def gold_by_sample(loop: Loop) -> dict[str, GoldRecord]:
    """Return the newest gold."""
    return {record.sample_id: record for record in loop.gold.records()}
