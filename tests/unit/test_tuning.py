"""Tuning says what other policies would have meant, and recommends only what audits bear out."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from goldloop.audit.audited import Audited
from goldloop.core.error_costs import Matrix
from goldloop.core.errors import EmptyPoolError
from goldloop.core.lanes import Lane
from goldloop.core.plain import plain
from goldloop.core.samples import SampleId
from goldloop.reports.plots.audits import tuning_plot
from goldloop.reports.policies import tuning_json, tuning_rows, tuning_title
from goldloop.routing.cost_policy import Cost, Review
from goldloop.routing.outcomes import mean_cost, outcome
from goldloop.routing.policies import Band
from goldloop.routing.tuning import candidate_policies, threshold_points, tune
from goldloop.settings import Settings

FAULTLESS: Matrix = ((1.0, 0.0), (0.0, 1.0))
COSTS = Cost(((0.0, 2.0), (2.0, 0.0)), quick=Review(0.25, FAULTLESS), full=Review(0.75, FAULTLESS))
BAND = Band(0.4, 0.7)


def audited(sure: npt.ArrayLike, is_right: npt.ArrayLike, weights: object = 1.0) -> Audited:
    """Return audits that a model calls ham with these confidences; where it is not right they are spam."""
    high, right = np.asarray(sure, dtype=np.float64), np.asarray(is_right, dtype=bool)
    n = len(high)
    return Audited(
        sample_ids=tuple(SampleId(f"{number:064x}") for number in range(n)),
        truth=np.where(right, 0, 1),
        probs=np.stack([high, 1 - high], axis=1),
        weights=np.broadcast_to(np.asarray(weights, dtype=np.float64), (n,)),
        lanes=np.full(n, ""),
        rounds=np.full(n, -1),
    )


def calibrated(n: int, seed: int = 0) -> Audited:
    """Return audits of a model whose confidence, from 0.5 to 1, means what it says."""
    rng = np.random.default_rng(seed)
    sure = rng.uniform(0.5, 1, n)
    return audited(sure, rng.random(n) < sure)


def settings(**sections: object) -> Settings:
    """Return settings of two labels with these sections."""
    return Settings.model_validate({"name": "texts", "labels": ("ham", "spam"), **sections})


def test_an_outcome_by_hand() -> None:
    """Four audits, the last of which stands for as many samples as the other three together."""
    seen = audited([0.9, 0.8, 0.6, 0.95], [True, False, False, True], weights=[1, 1, 1, 3])

    found = outcome(BAND, seen, COSTS)

    assert found.to_people.value == pytest.approx(1 / 6)
    assert found.by_lane == pytest.approx({"auto": 5 / 6, "review": 1 / 6, "full": 0.0, "hold": 0.0})
    assert found.wrong_accepted.value == pytest.approx(1 / 6)
    assert found.let_through is not None
    assert found.let_through.value == pytest.approx(1 / 5)
    assert found.cost.value == pytest.approx(1000 * (2.0 + 0.25) / 6)


def test_peoples_errors_cost_too() -> None:
    """Whoever takes spam for ham one time in four costs half an error more on each spam."""
    careless = replace(COSTS, quick=Review(0.25, ((1.0, 0.0), (0.25, 0.75))))

    found = outcome(BAND, audited([0.6, 0.6], [True, False]), careless)

    assert found.cost.value == pytest.approx(1000 * (0.25 + 0.25 + 0.5) / 2)
    assert found.let_through is None


def test_what_is_held_costs_a_deep_review() -> None:
    """Holding is no way to save: somebody has to look in the end."""
    held = outcome(Band(0.7, 0.9), audited([0.6], [True]), COSTS)
    full = outcome(Band(0.7, 0.9, Lane.FULL), audited([0.6], [True]), COSTS)

    assert held.cost == full.cost
    assert (held.to_people.value, full.to_people.value) == (0, 1)


def test_the_interval_of_a_cost_covers() -> None:
    """Over 400 draws of weighted audits the mean cost of all traffic is inside 92 to 98 % of the time."""
    rng = np.random.default_rng(1)
    values = np.where(rng.random(20_000) < 0.1, 30.0, 3.0) * rng.uniform(0.5, 1, 20_000)
    chances = np.where(values > 10, 0.03, 0.01)
    n_covered = 0
    for _ in range(400):
        rows = np.flatnonzero(rng.random(len(values)) < chances)
        drawn = audited(np.full(len(rows), 0.9), np.ones(len(rows)), weights=1 / chances[rows])
        found = mean_cost(values[rows], drawn)
        n_covered += found.low <= values.mean() <= found.high

    assert 0.92 <= n_covered / 400 <= 0.98


def test_errors_that_few_audits_did_not_meet_are_counted_with() -> None:
    """One accepted label in 100 is wrong: 100 audits often meet none, and the interval still covers."""
    rng = np.random.default_rng(3)
    n_covered = sum(
        found.low <= 20.0 <= found.high
        for found in (
            outcome(BAND, audited(np.full(100, 0.9), rng.random(100) >= 0.01), COSTS).cost for _ in range(300)
        )
    )

    assert n_covered / 300 >= 0.93


def test_a_clear_saving_is_recommended_with_its_bound() -> None:
    """Where errors are dear and people cheap, the narrow band in force is not kept."""
    found = tune(calibrated(2000), settings(cost={"error": 20}), present=BAND)

    best = next(one for one in found.candidates if one.outcome is found.recommended)
    assert found.recommended.cost.value < found.present.cost.value
    assert best.saving.low > 0
    assert f"saves at least {best.saving.low:.0f} EUR per 1,000 samples" in found.reasons[0]


def test_nothing_is_recommended_by_luck() -> None:
    """Where the band in force is as good as any, few draws of audits speak against it."""
    quick = settings(cost={"error": 2, "minute": 1.2, "quick_s": 30, "quick_accuracy": 1.0})
    best = Band(0.0, 0.70)  # a look costs 0.6: it pays below 0.7 on average
    n_wrong = sum(
        tune(calibrated(300, seed), quick, present=best).recommended.policy != best for seed in range(40)
    )

    assert n_wrong <= 4


@pytest.mark.parametrize(("max_error", "is_recommended"), [(0.05, False), (0.5, True)])
def test_a_band_that_breaks_the_limit_on_errors_is_not_recommended(
    max_error: float, is_recommended: bool
) -> None:
    """A model that is too modest is right for 0.85: accepting is cheap, and still wrong too often."""
    rng = np.random.default_rng(0)
    modest = audited(rng.uniform(0.55, 0.69, 2000), rng.random(2000) < 0.85)
    wanted = settings(cost={"minute": 1.0}, policy={"max_error": max_error})

    found = tune(modest, wanted, present=Band(0.0, 0.98))

    assert (found.recommended.policy == Band(0.0, 0.6)) == is_recommended


def test_policies_that_no_audit_tells_apart_are_not_called_equal() -> None:
    """Where no audit lies between two bands their difference is unknown, not zero."""
    found = tune(audited(np.full(100, 0.95), np.ones(100)), settings(), present=BAND)

    savings = {one.outcome.policy: one.saving for one in found.candidates}
    assert (savings[BAND].low, savings[BAND].high) == (0, 0)
    assert savings[Band(0.0, 0.9)].low < 0 < savings[Band(0.0, 0.9)].high


def test_too_few_audits_recommend_nothing() -> None:
    """The reason counts them."""
    found = tune(calibrated(20), settings(cost={"error": 100}), present=BAND)

    assert found.recommended is found.present
    assert found.reasons[0] == "20 audits are too few to compare policies; at least 30 are needed"


def test_how_many_audits_would_settle_it_is_told() -> None:
    """Where a saving is likely but not shown, the reason says what it takes."""
    found = tune(calibrated(60), settings(), present=BAND)

    assert found.recommended is found.present
    assert "audits in all would show" in found.reasons[0]


def test_no_audits_are_an_error_that_says_what_to_do() -> None:
    """Nothing can be said of nothing."""
    with pytest.raises(EmptyPoolError, match="run `goldloop round`"):
        tune(audited([], []), settings(), present=BAND)


def test_the_candidates_hold_the_settings_own_policies() -> None:
    """The band and the target that are set are compared with the rest."""
    wanted = settings(policy={"band": (0.33, 0.77), "target": 0.8})

    found = candidate_policies(calibrated(2000), wanted, COSTS)

    assert Band(0.33, 0.77) in found
    assert any(one.version.startswith("target[0.8,") for one in found)
    assert COSTS in found
    assert len(found) == len(set(found))


def test_the_cheapest_threshold_is_where_accepting_begins_to_pay() -> None:
    """A faultless look costs 0.25, an error 2: accepting pays above 0.875."""
    cheapest = min(threshold_points(calibrated(20_000), COSTS), key=lambda point: point.cost.value)

    assert cheapest.threshold == pytest.approx(0.875, abs=0.04)


def test_the_higher_the_threshold_the_less_is_accepted() -> None:
    """Points ascend; the first accepts everything."""
    points = threshold_points(calibrated(500), COSTS)

    accepted = [one.accepted.value for one in points]
    assert accepted[0] == 1
    assert accepted == sorted(accepted, reverse=True)
    assert [one.threshold for one in points] == sorted({one.threshold for one in points})


def test_a_tuning_is_told_in_rows_json_and_a_picture() -> None:
    """One row for the policy in force and each candidate, strict JSON, and a PNG and an SVG."""
    found = tune(calibrated(400), settings(cost={"error": 20}), present=BAND)

    rows = tuning_rows(found)
    told = json.loads(json.dumps(plain(tuning_json(found)), allow_nan=False))

    assert [row[""] for row in rows].count("in force") == 1
    assert [row[""] for row in rows].count("recommended") == (found.recommended is not found.present)
    assert len(rows) == 1 + len(told["candidates"])
    assert told["recommended"]["policy"] == found.recommended.policy.version
    assert "400 audits" in tuning_title(found)
    assert tuning_plot(found)("png").startswith(b"\x89PNG")
    assert b"<svg" in tuning_plot(found)("svg")


@pytest.mark.parametrize("is_right", [True, False])
def test_a_single_audit_of_a_model_that_is_sure_of_everything_is_drawn(is_right: bool) -> None:
    """However little there is, a retrain's plots are made, and no axis shrinks to a point."""
    found = tune(audited([1.0], [is_right]), Settings(name="texts", labels=("ham", "spam")), present=BAND)

    assert b"<svg" in tuning_plot(found)("svg")
