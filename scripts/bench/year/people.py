"""The annotators of the simulated year, whose mistakes are where, and what, real people's mistakes were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from goldloop.core.samples import SampleId
from goldloop.core.tasks import NewTask, Purpose
from scripts.bench.year.world import CARELESS, N_CARELESS, World

SKILLS = {"1": 0.95, "2": 0.93, "3": 0.92, "4": 0.94}
ADJUDICATOR, ADJUDICATOR_SKILL = "9", 0.985
CARELESS_ONE, CARELESS_SHARE = "3", 0.35  # of that person's answers in those weeks are any label
HARDER = np.array([0.35, 1.8, 3.0, 3.5])
"""How much likelier a mistake is, by how many of three real people were wrong about the picture."""
MOST_WRONG = 0.9
LED = 0.08  # of right answers give way to a wrong suggestion
HELPED = 0.5  # of wrong answers give way to a right one
SECONDS = {"quick": 25.0, "blind": 30.0, "adjudicating": 60.0}  # means
SPREAD = 0.5  # of the logarithm of a time


class ServerTask(Protocol):
    """A task as the labelling server holds it."""

    @property
    def pushed(self) -> NewTask:
        """What was pushed."""
        ...


class Server(Protocol):
    """What annotators see of a labelling server in memory."""

    @property
    def tasks(self) -> Mapping[int, ServerTask]:
        """Tasks by id."""
        ...

    def next_for(self, annotator: str, *, purpose: Purpose | None = None) -> int | None:
        """Return the task that this annotator is shown next, or None."""
        ...

    def answer(self, task_id: int, annotator: str, label: str, *, lead_time_s: float | None) -> int:
        """Submit `label`; return the annotation id."""
        ...


class People:
    """Four annotators and an adjudicator."""

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._rng = world, np.random.default_rng([seed, 2])
        stock = world.stock
        n_wrong = (stock.people != stock.truth[:, None]).sum(axis=1)
        self._harder = HARDER[n_wrong] / HARDER[n_wrong].mean()

    def work_through(self, server: Server, week: int) -> int:
        """Let everybody answer what they are shown next, in turn, until nobody is shown anything.

        Returns the number of answers.
        """
        n = 0
        while True:
            n_before = n
            for who in [*self._rng.permutation(list(SKILLS)).tolist(), ADJUDICATOR]:
                purpose = Purpose.ADJUDICATION if who == ADJUDICATOR else None
                task_id = server.next_for(who, purpose=purpose)
                if task_id is None:
                    continue
                task = server.tasks[task_id].pushed
                suggested = task.suggestion.label if task.suggestion else None
                label = self.label(who, task.sample_id, week, suggested)
                seconds = self.seconds(task.purpose, is_shown=suggested is not None)
                server.answer(task_id, who, label, lead_time_s=seconds)
                n += 1
            if n == n_before:
                return n

    def somebody(self, but: Sequence[str] = ()) -> str:
        """Return who answers next; nobody of `but` does."""
        return str(self._rng.choice([who for who in SKILLS if who not in but]))

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
