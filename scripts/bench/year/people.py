"""The annotators of the simulated year, whose mistakes are where, and what, real people's mistakes were."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldloop.adapters.memory import MemoryLabelingServer
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from scripts.bench.year.world import CARELESS, N_CARELESS, World

SKILLS = {"1": 0.95, "2": 0.93, "3": 0.92, "4": 0.94}
PEOPLE = tuple(SKILLS)
ADJUDICATOR, ADJUDICATOR_SKILL = "9", 0.985
CARELESS_ONE, CARELESS_SHARE = "3", 0.35  # of that person's answers in those weeks are any label
HARDER = np.array([0.35, 1.8, 3.0, 3.5])
"""How much likelier a mistake is, by how many of three real people were wrong about the picture."""
MOST_WRONG = 0.9
LED = 0.08  # of right answers give way to a wrong suggestion
HELPED = 0.5  # of wrong answers give way to a right one
SECONDS = {"quick": 25.0, "blind": 30.0, "adjudicating": 60.0}  # means
SPREAD = 0.5  # of the logarithm of a time


class People:
    """Four annotators and an adjudicator."""

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._rng = world, np.random.default_rng([seed, 2])
        stock = world.stock
        n_wrong = (stock.people != stock.truth[:, None]).sum(axis=1)
        self._harder = HARDER[n_wrong] / HARDER[n_wrong].mean()

    def work_through(self, server: MemoryLabelingServer, week: int) -> int:
        """Let annotators, in an order of chance, answer each open task that they may; return how many did.

        The adjudicator alone decides disputes.
        """
        n = 0
        for task_id, task in server.tasks.items():
            if not task.is_open:
                continue
            purpose, suggestion = task.pushed.purpose, task.pushed.suggestion
            suggested = suggestion.label if suggestion else None
            may = (
                (ADJUDICATOR,) if purpose is Purpose.ADJUDICATION else self._rng.permutation(PEOPLE).tolist()
            )
            for who in may:
                if task.is_open and not task.knows(who):
                    label = self.label(who, task.pushed.sample_id, week, suggested)
                    seconds = self.seconds(purpose, is_shown=suggested is not None)
                    server.answer(task_id, who, label, lead_time_s=seconds)
                    n += 1
        return n

    def label(self, who: str, sample_id: SampleId, week: int, suggested: str | None = None) -> str:
        """Return what somebody answers in a week, led or helped by what is suggested to them."""
        labels, sample = self._world.labels, self._world.samples[sample_id]
        if _is_careless(who, week) and self._rng.random() < CARELESS_SHARE:
            return labels[int(self._rng.integers(len(labels)))]
        skill = ADJUDICATOR_SKILL if who == ADJUDICATOR else SKILLS[who]
        is_wrong = self._rng.random() < min(MOST_WRONG, (1 - skill) * self._harder[sample.row])
        right = labels[sample.truth]
        if suggested is not None:
            if is_wrong and suggested == right:
                is_wrong = self._rng.random() >= HELPED
            elif not is_wrong and suggested != right and self._rng.random() < LED:
                return suggested
        return labels[self._mistake(sample.row, sample.truth)] if is_wrong else right

    def seconds(self, purpose: Purpose, *, is_shown: bool) -> float:
        """Return how many seconds an answer takes."""
        kind = "quick" if is_shown else "adjudicating" if purpose is Purpose.ADJUDICATION else "blind"
        return float(SECONDS[kind] * np.exp(self._rng.normal(0, SPREAD) - SPREAD**2 / 2))

    def expected_errors(self, sample_ids: Sequence[SampleId], week: int) -> float:
        """Return how many samples one blind answer each is expected to get wrong."""
        harder = self._harder[[self._world.samples[sample_id].row for sample_id in sample_ids]]
        totals = []
        for who, skill in SKILLS.items():
            errors = np.minimum(MOST_WRONG, (1 - skill) * harder)
            if _is_careless(who, week):
                at_random = 1 - 1 / len(self._world.labels)
                errors = CARELESS_SHARE * at_random + (1 - CARELESS_SHARE) * errors
            totals.append(errors.sum())
        return float(np.mean(totals))

    def _mistake(self, row: int, truth: int) -> int:
        real = [int(column) for column in self._world.stock.people[row] if column != truth]
        if real:
            return real[int(self._rng.integers(len(real)))]
        n_labels = len(self._world.labels)
        return int((truth + self._rng.integers(1, n_labels)) % n_labels)


def _is_careless(who: str, week: int) -> bool:
    return who == CARELESS_ONE and CARELESS <= week < CARELESS + N_CARELESS
