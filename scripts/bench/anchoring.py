"""Check the adoption gap, its interval and the switch on simulated annotators whose pull is known.

An annotator takes a wrong suggestion that is shown with probability `a` (adoption) and otherwise answers by
themselves; by themselves they give the suggested wrong label with probability `b` (blind). The true gap is
a (1 - b). Prints, over 1,000 repeats, the bias of the estimate with its standard error, the share of 95 %
intervals that cover the true gap, and how often and after how many wrong suggestions the switch acts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from _common import Report, parser

from goldloop.annotators.anchoring import Observation, observations
from goldloop.annotators.automation_bias import AdoptionGap, adoption_gap, gap_of_counts, time_ratio
from goldloop.annotators.prefill_advice import recommend
from goldloop.core.answers import Answer
from goldloop.core.arms import Arm, arm_of
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.stats.metrics import share_estimate

START = datetime(2026, 1, 5, tzinfo=UTC)
N_LABELS, MAX_GAP, N_WEEKS = 10, 0.10, 104


@dataclass(frozen=True, slots=True)
class Habits:
    """How somebody answers when the suggestion is wrong; a right one they follow but for `slip`."""

    adoption: float
    blind: float
    other_error: float = 0.05
    slip: float = 0.05

    @property
    def gap(self) -> float:
        """The true adoption gap."""
        return self.adoption * (1 - self.blind)


def answer(habits: Habits, random: np.random.Generator, *, is_right: bool, is_shown: bool) -> str:
    """Return t for the true label, s for the wrong one suggested, o for another one."""
    if is_right:
        return "o" if random.random() < habits.slip else "t"
    if is_shown and random.random() < habits.adoption:
        return "s"
    draw = random.random()
    return "s" if draw < habits.blind else "o" if draw < habits.blind + habits.other_error else "t"


def project(
    habits: Habits, random: np.random.Generator, *, n_samples: int, share_right: float, adjudicator: float
) -> tuple[list[Answer], dict[SampleId, str], dict[SampleId, Arm]]:
    """Return the answers, the adjudicator's decisions and the arms of one whole project.

    Each sample of the two arms gets an answer and a blind one of somebody else; where they differ an adjudicator
    annotator decides, rightly with probability `adjudicator`.
    """
    answers, decisions, arms, seed = [], {}, {}, int(random.integers(2**31))
    for number in range(n_samples):
        sample_id = SampleId(f"s{number}")
        arms[sample_id] = arm = arm_of(sample_id, hidden_share=0.5, seed=seed)
        is_right = bool(random.random() < share_right)
        suggested = "t" if is_right else "s"
        first = answer(habits, random, is_right=is_right, is_shown=arm is Arm.SHOWN)
        second = answer(habits, random, is_right=is_right, is_shown=False)
        purposes = (Purpose.REVIEW, Purpose.RECHECK if arm is Arm.SHOWN else Purpose.REVIEW)
        for place, (said, purpose) in enumerate(zip((first, second), purposes, strict=True)):
            moment = START + timedelta(seconds=2 * number + place)
            is_shown = place == 0 and arm is Arm.SHOWN
            answers.append(
                Answer(2 * number + place, sample_id, purpose, str(place), said, None, 0, moment, moment, 4.0,
                       suggested, is_shown)
            )  # fmt: skip
        if first != second:
            decisions[sample_id] = "t" if random.random() < adjudicator else first
    return answers, decisions, arms


def estimates(
    habits: Habits, random: np.random.Generator, *, n_repeats: int, n_per_arm: int, is_whole: bool
) -> list[AdoptionGap]:
    """Return the gaps estimated in repeats with about `n_per_arm` wrong suggestions in each arm.

    `is_whole` goes through answers, blind answers and adjudication; otherwise the truth is known.
    """
    if is_whole:
        found = []
        for _ in range(n_repeats):
            answers, decisions, arms = project(
                habits, random, n_samples=4 * n_per_arm, share_right=0.5, adjudicator=0.98
            )
            found.append(adoption_gap(observations(answers, decisions, arms)))
        return found
    n_shown, n_hidden = (np.maximum(random.poisson(n_per_arm, n_repeats), 10) for _ in range(2))
    shown = random.binomial(n_shown, habits.adoption + (1 - habits.adoption) * habits.blind)
    hidden = random.binomial(n_hidden, habits.blind)
    counts = zip(shown.tolist(), n_shown.tolist(), hidden.tolist(), n_hidden.tolist(), strict=True)
    return [gap_of_counts(None, shown=(x, m), hidden=(y, n)) for x, m, y, n in counts]


def report_estimates(report: Report, gaps: list[AdoptionGap], habits: Habits, name: str) -> None:
    """Add bias and coverage of the gaps that had enough to go by."""
    known = [gap.difference for gap in gaps if gap.difference is not None]
    errors = np.array([one.value for one in known]) - habits.gap
    covered = share_estimate([one.low <= habits.gap <= one.high for one in known])
    spread = errors.std(ddof=1) / np.sqrt(len(errors))
    report.add(f"{name}: bias", float(errors.mean()), "", note=f"+-{1.96 * spread:.4f}, repeats={len(known)}")
    report.add(f"{name}: coverage", covered.value, "", note=str(covered))


def switch_weeks(
    habits: Habits, random: np.random.Generator, *, n_repeats: int, n_per_week: float
) -> list[tuple[int, int] | None]:
    """Return for each project the week of the first switch-off and the wrong suggestions shown by then."""
    size = (n_repeats, N_WEEKS, N_LABELS)
    n_shown, n_hidden = (random.poisson(n_per_week / N_LABELS, size) for _ in range(2))
    shown = random.binomial(n_shown, habits.adoption + (1 - habits.adoption) * habits.blind)
    hidden = random.binomial(n_hidden, habits.blind)
    grown = np.stack([shown, n_shown, hidden, n_hidden], axis=3).cumsum(axis=1)
    return [first_switch(weeks) for weeks in grown]


def first_switch(weeks: np.ndarray) -> tuple[int, int] | None:
    """Return the first week (from 1) in which anything is off, and n shown by then; None if never.

    `weeks` is (n_weeks, n_labels, 4): adopted and all, shown; adopted and all, hidden.
    """
    for week, labels in enumerate(weeks, start=1):
        x, m, y, n = labels.sum(axis=0).tolist()
        by_label = [
            gap_of_counts(str(i), shown=(a, b), hidden=(c, d))
            for i, (a, b, c, d) in enumerate(labels.tolist())
        ]
        advice = recommend(gap_of_counts(None, shown=(x, m), hidden=(y, n)), by_label, max_gap=MAX_GAP)
        if not advice.is_on or advice.off_labels:
            return week, m
    return None


def report_times(report: Report, random: np.random.Generator, *, n_repeats: int, n: int) -> None:
    """Add bias and coverage of the time ratio: log-normal decision times, three in a hundred of them idle."""
    ratio, found = 0.7, []
    for _ in range(n_repeats):
        times = np.exp(random.normal(np.log(4.0), 0.5, 2 * n))
        times[random.random(2 * n) < 0.03] += 600
        times[:n] *= ratio
        seen = [Observation("s", "s", None, place < n, time) for place, time in enumerate(times.tolist())]
        found.append(time_ratio(seen))
    known = [one for one in found if one is not None]
    covered = share_estimate([one.low <= ratio <= one.high for one in known])
    report.add(f"time ratio 0.7, {n} answers an arm: coverage", covered.value, "", note=str(covered))


def main() -> None:
    """Run the bench."""
    options = parser(__doc__ or "").parse_args()
    report, random = Report("anchoring", options), np.random.default_rng(options.seed)
    n_repeats = 200 if options.quick else 1000
    for n in (20, 60):
        for adoption in (0.0, 0.1, 0.3, 0.6):
            habits = Habits(adoption, blind=0.1)
            gaps = estimates(habits, random, n_repeats=n_repeats, n_per_arm=n, is_whole=False)
            report_estimates(report, gaps, habits, f"gap {habits.gap:.2f}, n={n}, truth known")
    for adoption in (0.0, 0.3, 0.6):
        habits = Habits(adoption, blind=0.1)
        gaps = estimates(habits, random, n_repeats=n_repeats, n_per_arm=60, is_whole=True)
        report_estimates(report, gaps, habits, f"gap {habits.gap:.2f}, n=60, truth from people")
    report_times(report, random, n_repeats=n_repeats, n=60)
    for blind in (0.02, 0.1, 0.3, 0.5):
        for per_week in (2, 10, 30):
            never = Habits(0.0, blind)
            weeks = switch_weeks(never, random, n_repeats=n_repeats, n_per_week=per_week)
            off = share_estimate([one is not None for one in weeks])
            name = f"no anchoring, blind {blind}, {per_week} a week: ever off"
            report.add(name, off.value, "", note=f"{off}; aim: at most 0.05")
    for adoption in (0.1, 0.2, 0.3, 0.5):
        habits = Habits(adoption, blind=0.1)
        weeks = switch_weeks(habits, random, n_repeats=n_repeats // 2, n_per_week=5)
        acted = [one for one in weeks if one is not None]
        name = f"gap {habits.gap:.2f}, 5 a week: off within two years"
        report.add(name, len(acted) / len(weeks), "", note=f"n={len(weeks)}")
        report.add(f"gap {habits.gap:.2f}, 5 a week: week of it", [float(one[0]) for one in acted], "weeks")
        report.add(f"gap {habits.gap:.2f}, 5 a week: n an arm", [float(one[1]) for one in acted], "wrong")
    report.finish()


if __name__ == "__main__":
    main()
