"""Breaks: how much of the times that a browser reports was work, from the body of the times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from goldloop.core.annotations import Answer
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.costs.breaks import minutes_of, times
from goldloop.stats.metrics import Floats

START = datetime(2026, 10, 1, tzinfo=UTC)


def _answers(seconds: Floats, purpose: Purpose = Purpose.FULL) -> list[Answer]:
    """Return answers of three annotators, NaN for one without a time."""
    return [
        Answer(
            annotation_id=place,
            sample_id=SampleId(f"{place}"),
            purpose=purpose,
            annotator=str(place % 3),
            label="fraud",
            reason=None,
            round=0,
            created_at=START + timedelta(hours=3 * place),
            updated_at=START + timedelta(hours=3 * place),
            lead_time_s=None if np.isnan(took) else float(took),
            suggested_label=None,
            is_shown=False,
        )
        for place, took in enumerate(seconds)
    ]


def _errors(spread: float | None, break_s: float, n_quarters: int = 5) -> list[float]:
    """Return relative errors of minutes of quick and full reviews: lognormal, or gamma without a spread."""
    found = []
    for seed in range(n_quarters):
        rng, true, paths = np.random.default_rng(seed), 0.0, []
        for n, usual, purpose in ((400, 30.0, Purpose.REVIEW), (150, 300.0, Purpose.FULL)):
            shape = rng.gamma(4.0, 0.25, n) if spread is None else rng.lognormal(-(spread**2) / 2, spread, n)
            work = usual * shape
            took = work + np.where(rng.random(n) < 0.02, break_s, 0.0)
            took[rng.random(n) < 0.1] = np.nan
            true += work.sum() / 60
            paths.append(times(_answers(took, purpose)))
        values = [one.estimate.value for one in minutes_of(paths) if one.estimate]
        found.append(sum(values) / true - 1)
    return found


@pytest.mark.parametrize("break_s", [0.0, 1800.0, 7200.0])
@pytest.mark.parametrize("spread", [0.4, 0.8, None])
def test_breaks_do_not_count_and_long_work_does(spread: float | None, break_s: float) -> None:
    """Minutes are right to 2.5 % on average, with breaks of half an hour, of two, and without any."""
    errors = _errors(spread, break_s)
    assert abs(float(np.mean(errors))) < 0.025, errors


def test_a_full_review_of_half_an_hour_is_work_where_times_are_spread_and_a_break_where_not() -> None:
    """What a long time is follows from the body of the times of its path."""
    rng = np.random.default_rng(1)
    minutes = []
    for spread in (0.25, 1.0):
        body = np.append(300 * rng.lognormal(0.0, spread, 60), 1800.0)
        (measure,) = minutes_of([times(_answers(body))])
        assert measure.estimate is not None
        minutes.append(body.sum() / 60 - measure.estimate.value)
    assert minutes[0] > 20, "a break, for which the usual five minutes count"
    assert minutes[1] < 10, "mostly work"


def test_unknown_times_need_ten_known_ones_and_known_times_none() -> None:
    """Five known times are a sum; one unknown time beside them leaves the minutes unknown."""
    known = np.array([250.0, 280.0, 300.0, 320.0, 350.0])

    (all_known,), (one_unknown,), (nobody,) = (
        minutes_of([times(_answers(one))]) for one in (known, np.append(known, np.nan), known[:0])
    )
    assert all_known.estimate is not None
    assert all_known.estimate.value == pytest.approx(25.0, rel=0.01)
    assert str(one_unknown) == "too few times reported, n=6"
    assert nobody.estimate is not None
    assert nobody.estimate.value == 0


def test_an_unknown_time_is_replaced_at_the_pace_of_who_answered() -> None:
    """An annotator who takes three times as long does so where no time is known, too."""
    rng = np.random.default_rng(2)
    pace = np.where(np.arange(300) % 3 == 0, 3.0, 1.0)
    work = 60 * pace * rng.lognormal(0.0, 0.2, 300)
    gone = (np.arange(300) % 3 == 0) & (rng.random(300) < 0.5)

    (measure,) = minutes_of([times(_answers(np.where(gone, np.nan, work)))])
    assert measure.estimate is not None
    assert measure.estimate.value == pytest.approx(work.sum() / 60, rel=0.04)
