"""The adoption gap, its interval and the switch on simulated annotators whose pull is known.

An annotator takes a wrong suggestion that is shown with probability `a` (adoption) and otherwise answers by
themselves; by themselves they give the suggested wrong label with probability `b` (blind). The true gap is
a (1 - b).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from goldloop.annotators.automation_bias import AdoptionGap, adoption_gap, gap_of_counts, observations
from goldloop.annotators.prefill_advice import recommend
from goldloop.core.annotations import Answer
from goldloop.core.chance import Arm, arm_of
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from scripts.bench.common import Report

START = datetime(2026, 1, 5, tzinfo=UTC)
N_LABELS, MAX_GAP, N_WEEKS = 10, 0.10, 104
SHARE_RIGHT, ADJUDICATOR = 0.5, 0.98
OTHER_ERROR = SLIP = 0.05


@dataclass(frozen=True, slots=True)
class Habits:
    """How somebody answers when the suggestion is wrong; a right one they follow but for SLIP."""

    adoption: float
    blind: float

    @property
    def gap(self) -> float:
        """The true adoption gap."""
        return self.adoption * (1 - self.blind)


def run(report: Report, options: argparse.Namespace) -> None:
    """Report bias and coverage of the gap, and when the switch acts."""
    rng = np.random.default_rng(options.seed)
    for adoption in (0.0, 0.1, 0.3, 0.6):
        habits = Habits(adoption, blind=0.1)
        for n_per_arm in (20, 60):
            gaps = gaps_of_counts(habits, rng, n=options.n, n_per_arm=n_per_arm)
            _report_gaps(report, f"{n_per_arm} an arm, truth known", gaps, habits)
        whole = [gap_of_project(habits, rng, n_per_arm=60) for _ in range(options.n)]
        _report_gaps(report, "60 an arm, truth from people", whole, habits)
    for blind in (0.02, 0.1, 0.3, 0.5):
        for a_week in (2, 10, 30):
            switches = first_switches(Habits(0.0, blind), rng, n=options.n, a_week=a_week)
            what = f"automation bias/no pull, blind {blind}, {a_week} a week"
            report.share(f"{what}/ever off", [switch is not None for switch in switches])
    for adoption in (0.1, 0.2, 0.3, 0.5):
        habits = Habits(adoption, blind=0.1)
        switches = first_switches(habits, rng, n=options.n, a_week=5)
        acted = [switch for switch in switches if switch is not None]
        what = f"automation bias/gap {habits.gap:.2f}, 5 a week"
        report.share(f"{what}/ever off", [switch is not None for switch in switches])
        if acted:
            report.median(f"{what}/week of it", [float(week) for week, _ in acted], "")
            report.median(f"{what}/wrong suggestions an arm", [float(count) for _, count in acted], "")


def _report_gaps(report: Report, what: str, gaps: list[AdoptionGap], habits: Habits) -> None:
    known = [gap.difference for gap in gaps if gap.difference is not None]
    name = f"automation bias/gap {habits.gap:.2f}, {what}"
    report.mean(f"{name}/bias", [part.value - habits.gap for part in known], "")
    report.share(f"{name}/interval holds", [part.low <= habits.gap <= part.high for part in known])


def gaps_of_counts(habits: Habits, rng: np.random.Generator, *, n: int, n_per_arm: int) -> list[AdoptionGap]:
    """Return `n` gaps from about `n_per_arm` wrong suggestions in each arm, where the truth is known."""
    n_shown, n_hidden = (np.maximum(rng.poisson(n_per_arm, n), 10) for _ in range(2))
    shown = rng.binomial(n_shown, habits.adoption + (1 - habits.adoption) * habits.blind)
    hidden = rng.binomial(n_hidden, habits.blind)
    counts = zip(shown.tolist(), n_shown.tolist(), hidden.tolist(), n_hidden.tolist(), strict=True)
    return [gap_of_counts(None, shown=(x, m), hidden=(y, k)) for x, m, y, k in counts]


def gap_of_project(habits: Habits, rng: np.random.Generator, *, n_per_arm: int) -> AdoptionGap:
    """Return the gap of a whole project: two arms, blind answers, and an adjudicator where answers differ."""
    answers, decisions, arms, seed = [], {}, {}, int(rng.integers(2**31))
    for number in range(4 * n_per_arm):
        sample_id = SampleId(f"s{number}")
        arms[sample_id] = arm = arm_of(sample_id, hidden_share=0.5, seed=seed)
        is_right, is_shown = bool(rng.random() < SHARE_RIGHT), arm is Arm.SHOWN
        first = _label(habits, rng, is_right=is_right, is_shown=is_shown)
        second = _label(habits, rng, is_right=is_right, is_shown=False)
        purposes = (Purpose.REVIEW, Purpose.RECHECK if is_shown else Purpose.REVIEW)
        for place, (label, purpose) in enumerate(zip((first, second), purposes, strict=True)):
            at = START + timedelta(seconds=2 * number + place)
            suggested, was_shown = "t" if is_right else "s", place == 0 and is_shown
            answers.append(
                Answer(2 * number + place, sample_id, purpose, str(place), label, None, 0, at, at, 4.0,
                       suggested, was_shown)
            )  # fmt: skip
        if first != second:
            decisions[sample_id] = "t" if rng.random() < ADJUDICATOR else first
    return adoption_gap(observations(answers, decisions, arms))


def _label(habits: Habits, rng: np.random.Generator, *, is_right: bool, is_shown: bool) -> str:
    """Return t for the true label, s for the wrong one suggested, o for another one."""
    if is_right:
        return "o" if rng.random() < SLIP else "t"
    if is_shown and rng.random() < habits.adoption:
        return "s"
    draw = rng.random()
    return "s" if draw < habits.blind else "o" if draw < habits.blind + OTHER_ERROR else "t"


def first_switches(
    habits: Habits, rng: np.random.Generator, *, n: int, a_week: float
) -> list[tuple[int, int] | None]:
    """Return for each project the week of the first switch-off and n shown by then, None for never."""
    size = (n, N_WEEKS, N_LABELS)
    n_shown, n_hidden = (rng.poisson(a_week / N_LABELS, size) for _ in range(2))
    shown = rng.binomial(n_shown, habits.adoption + (1 - habits.adoption) * habits.blind)
    hidden = rng.binomial(n_hidden, habits.blind)
    grown = np.stack([shown, n_shown, hidden, n_hidden], axis=3).cumsum(axis=1)
    return [_first_switch(weeks) for weeks in grown]


def _first_switch(weeks: npt.NDArray[np.int64]) -> tuple[int, int] | None:
    """Return the first switch in `weeks` (n_weeks, n_labels, 4): adopted and all, shown; the same, hidden."""
    for week, labels in enumerate(weeks, start=1):
        x, m, y, k = labels.sum(axis=0).tolist()
        by_label = [
            gap_of_counts(str(column), shown=(a, b), hidden=(c, d))
            for column, (a, b, c, d) in enumerate(labels.tolist())
        ]
        advice = recommend(gap_of_counts(None, shown=(x, m), hidden=(y, k)), by_label, max_gap=MAX_GAP)
        if not advice.is_on or advice.off_labels:
            return week, m
    return None
