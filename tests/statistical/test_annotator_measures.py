"""Measures of annotators hold the truth as often as they promise, on simulated people whose skill is known.

An expert, two average people, a careless one and a spammer answer 300 samples of one project. What everybody
else says of an answer is goldloop's own leave-one-out posterior, as uncertain and as wrong as in use. One
answer in twenty is a honeypot.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest

from goldloop.annotators.profiles import AnnotatorProfile, AssessedAnswer, annotator_profiles
from goldloop.core.annotations import Answer
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from scripts.bench.labels.crowd import LABELS, Project
from tests.statistical.promises import at_least, at_most

pytestmark = pytest.mark.statistical

SKILLS = {"1": 0.98, "2": 0.92, "3": 0.90, "4": 0.75, "5": 0.10}
SPAMMER = "5"
REPEATS = 60
N_SAMPLES, N_ROUNDS = 300, 5
HONEYPOT_RATE, BAR = 0.05, 0.70
N_FIRST = 50  # blind answers: about half of a hundred tasks, as the others show a suggestion
START = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize("is_alike", [False, True], ids=["mistakes anywhere", "mistakes alike"])
def test_the_accuracy_is_in_its_interval(is_alike: bool) -> None:
    """The interval of a person's accuracy holds their skill in at least 92 % of cases."""
    estimates = [
        (person.accuracy.estimate, SKILLS[person.annotator])
        for judged in projects(is_alike)
        for person in measured(judged)
    ]

    assert at_least(
        [found is not None and found.low <= skill <= found.high for found, skill in estimates], 0.92
    )


def test_only_the_spammer_is_flagged() -> None:
    """After 50 blind answers the spammer is flagged in nearly every project, others in at most 2 %."""
    flags = {who: [is_flagged_early(judged, who) for judged in projects(False)] for who in SKILLS}
    others = [flag for who, of_person in flags.items() if who != SPAMMER for flag in of_person]

    assert at_least(flags[SPAMMER], 0.98)
    assert at_most(others, 0.02)


def test_steady_people_are_rarely_called_falling() -> None:
    """Somebody who never changes is called falling in at most 2 % of projects."""
    assert at_most([who.is_falling for judged in projects(False) for who in measured(judged)], 0.02)


@cache
def projects(is_alike: bool) -> list[list[AssessedAnswer]]:
    """Return the answers of all projects."""
    return [judged_answers(np.random.default_rng(seed), is_alike=is_alike) for seed in range(REPEATS)]


def is_flagged_early(judged: Sequence[AssessedAnswer], who: str) -> bool:
    """Return whether somebody is flagged by their first answers beside everybody else's."""
    first = [answer for answer in judged if answer.answer.annotator == who][:N_FIRST]
    rest = [answer for answer in judged if answer.answer.annotator != who]
    return next(person.is_flagged for person in measured(first + rest) if person.annotator == who)


def measured(judged: Sequence[AssessedAnswer]) -> tuple[AnnotatorProfile, ...]:
    """Return goldloop's measures."""
    return annotator_profiles(judged, labels=LABELS, bar=BAR)


def judged_answers(rng: np.random.Generator, *, is_alike: bool) -> list[AssessedAnswer]:
    """Return everybody's answers beside what everybody else says, with honeypots mixed in at their rate."""
    project = Project(rng, is_alike=is_alike)
    fit = project.play_round(SKILLS, N_SAMPLES)
    judged = []
    for place, (number, who) in enumerate(project.order):
        sample, round_ = project.samples[number], 1 + place * N_ROUNDS // len(project.order)
        others = None
        if sample.probs is not None or sample.decision is not None or len(sample.votes) > 1:
            others = dict(zip(LABELS, fit.leave_one_out(number, who).tolist(), strict=True))
        judged.append(AssessedAnswer(_answer(place, number, who, sample.votes[who], round_), None, others))
        if rng.random() < HONEYPOT_RATE:
            right, later = int(rng.integers(len(LABELS))), 10**6 + place
            label = project.answer(right, SKILLS[who])
            judged.append(AssessedAnswer(_answer(later, later, who, label, round_), LABELS[right], None))
    return judged


def _answer(number: int, sample: int, who: str, label: str, round_: int) -> Answer:
    at, sample_id = START + timedelta(seconds=number), SampleId(f"{sample:07d}")
    return Answer(number, sample_id, Purpose.AUDIT, who, label, None, round_, at, at, 4.0, None, False)
