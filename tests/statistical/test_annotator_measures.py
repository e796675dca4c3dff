"""How often the measures of annotators are right, on simulated people whose skill is known.

An expert, two average people, a careless one and a spammer answer 300 samples of one project. What everybody
else says of an answer is goldloop's own leave-one-out posterior, as uncertain and as wrong as in use. One
answer in twenty is a honeypot.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from goldloop.annotators.profiles import Judged, Person, people
from goldloop.core.answers import Answer
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.stats.measures import Measure
from scripts.bench.common import Report, repeated
from scripts.bench.labels.crowd import LABELS, Project

SKILLS = {"1": 0.98, "2": 0.92, "3": 0.90, "4": 0.75, "5": 0.10}
KINDS = {"1": "expert", "2": "average", "3": "average", "4": "careless", "5": "spammer"}
N_SAMPLES, N_ROUNDS = 300, 5
HONEYPOT_RATE, BAR = 0.05, 0.70
N_FIRST = 50  # blind answers: about half of a hundred tasks, as the others show a suggestion
START = datetime(2026, 1, 5, tzinfo=UTC)


def run(report: Report, options: argparse.Namespace) -> None:
    """Report bias, coverage and flags by person, where mistakes fall anywhere and where they are alike."""
    for is_alike, n in ((False, options.n), (True, max(2, options.n // 5))):
        seeds = range(options.seed * 10**6, options.seed * 10**6 + n)
        results = repeated(measures_of, seeds, [is_alike] * n, jobs=options.jobs)
        for who, skill in SKILLS.items():
            what = f"annotators/mistakes {'alike' if is_alike else 'anywhere'}/{KINDS[who]} {skill}"
            for name in results[0][who]:
                values = [result[who][name] for result in results if result[who][name] is not None]
                if name.startswith("bias"):
                    report.mean(f"{what}/{name}", values, "")
                elif values:
                    report.share(f"{what}/{name}", values)


def measures_of(seed: int, is_alike: bool) -> dict[str, dict[str, float | None]]:
    """Return by person what the measures of one project say, 1 or 0 for yes or no, None without a measure."""
    judged = judged_answers(np.random.default_rng(seed), is_alike=is_alike)
    measures = {}
    for person in measured(judged):
        who, skill = person.annotator, SKILLS[person.annotator]
        first = [answer for answer in judged if answer.answer.annotator == who][:N_FIRST]
        rest = [answer for answer in judged if answer.answer.annotator != who]
        early = next(early for early in measured(first + rest) if early.annotator == who)
        measures[who] = {
            "interval holds": holds(person.accuracy, skill),
            "bias": person.accuracy.estimate.value - skill if person.accuracy.estimate else None,
            "flagged": person.is_flagged,
            "falling": person.is_falling,
            f"flagged after {N_FIRST} answers": early.is_flagged,
        }
    return measures


def measured(judged: Sequence[Judged]) -> tuple[Person, ...]:
    """Return goldloop's measures."""
    return people(judged, labels=LABELS, bar=BAR)


def holds(measure: Measure, truth: float) -> bool | None:
    """Return whether the interval holds the truth; None where there is too little for one."""
    if measure.estimate is None:
        return None
    return measure.estimate.low <= truth <= measure.estimate.high


def judged_answers(rng: np.random.Generator, *, is_alike: bool) -> list[Judged]:
    """Return everybody's answers beside what everybody else says, with honeypots mixed in at their rate."""
    project = Project(rng, is_alike=is_alike)
    fit = project.play_round(SKILLS, N_SAMPLES)
    judged = []
    for place, (number, who) in enumerate(project.order):
        sample, round_ = project.samples[number], 1 + place * N_ROUNDS // len(project.order)
        others = None
        if sample.probs is not None or sample.decision is not None or len(sample.votes) > 1:
            others = dict(zip(LABELS, fit.leave_one_out(number, who).tolist(), strict=True))
        judged.append(Judged(_answer(place, number, who, sample.votes[who], round_), None, others))
        if rng.random() < HONEYPOT_RATE:
            right, later = int(rng.integers(len(LABELS))), 10**6 + place
            label = project.answer(right, SKILLS[who])
            judged.append(Judged(_answer(later, later, who, label, round_), LABELS[right], None))
    return judged


def _answer(number: int, sample: int, who: str, label: str, round_: int) -> Answer:
    at, sample_id = START + timedelta(seconds=number), SampleId(f"{sample:07d}")
    return Answer(number, sample_id, Purpose.AUDIT, who, label, None, round_, at, at, 4.0, None, False)
