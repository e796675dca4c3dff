"""A loop in memory whose sure suggestions go on sheets, and the people who look over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldloop.core.modality import Features
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.questions import DEFERRAL
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.core.tasks import NewTask, Purpose
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
    return begun(tmp_path)


def begun(folder: Path, *, team: Sequence[str] = ("1", "2", "3"), **options: Any) -> SheetLoop:
    """Return a loop with a model and gold of the first round, after sure texts have arrived.

    The first two of the `team` answer what there is, and the others what is left to them.
    """
    made = SheetLoop(
        folder,
        lengths("a", [*SURE * 4]),
        SelectionSettings(budget_per_round=BUDGET, audit_rate=0.05),
        consensus=ConsensusSettings(repeat_share=0.5),
        policy=ALL_REVIEWED,
        **options,
    )
    sheets = SheetSettings(enabled=True, pictures=12, planted_rate=0.1, second_looks=0.0)
    made.settings = made.settings.model_copy(update={"sheets": sheets})
    made.score()
    made.push()
    for people in (team[:2], team[2:]):
        made.work(dict.fromkeys(people, made.says))
        made.pull()
    made.close_round()
    made.texts |= lengths("b", [*SURE * 6], wrong=3)
    made.score()
    return made
