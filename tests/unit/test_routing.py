"""Routing sends every sample to exactly one lane, whatever the policy."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from goldloop.core.codec import to_plain
from goldloop.core.error_costs import Matrix
from goldloop.core.errors import InvalidBandError, InvalidProbabilitiesError, PolicyError
from goldloop.core.lanes import Lane
from goldloop.routing.cost_policy import Cost, Review
from goldloop.routing.policies import (
    Band,
    Policy,
    PolicyEntry,
    Risk,
    Supported,
    Suspended,
    Target,
    asked_for,
    route,
)
from tests.strategies import answers, bands, cost_policies, error_costs, policies, probs

PEOPLE = {Lane.REVIEW, Lane.FULL}
FAULTLESS: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
GUESSING: Matrix = ((1 / 3,) * 3,) * 3
FLAT: Matrix = ((0.0, 2.0, 2.0), (2.0, 0.0, 2.0), (2.0, 2.0, 0.0))


def lane_of(confidence: float, policy: Policy) -> Lane:
    """Return the lane of a sample of two labels, of which the likelier one has `confidence`."""
    (lane,) = route([[confidence, 1 - confidence]], policy)
    return lane


@given(st.floats(0.5, 1), bands())
def test_a_band_parts_confidence_in_three(confidence: float, band: Band) -> None:
    """Routing is a partition, and both edges of the band belong to review."""
    lane = lane_of(confidence, band)

    assert (lane is Lane.REVIEW) == (band.low <= confidence <= band.high)
    assert (lane is Lane.AUTO) == (confidence > band.high)
    assert (lane is Lane.HOLD) == (confidence < band.low)


@pytest.mark.parametrize(
    ("confidence", "lane"),
    [(0.60, Lane.REVIEW), (0.70, Lane.REVIEW), (0.5999, Lane.HOLD), (0.7001, Lane.AUTO)],
)
def test_a_band_is_closed_at_both_ends(confidence: float, lane: Lane) -> None:
    """Both edges themselves go to people."""
    assert lane_of(confidence, Band(0.60, 0.70)) is lane


@pytest.mark.parametrize(("low", "high"), [(0.7, 0.4), (0.5, 0.5), (-0.1, 0.4), (0.4, 1.1)])
def test_a_band_outside_the_unit_interval_is_refused(low: float, high: float) -> None:
    """The error names both edges."""
    with pytest.raises(InvalidBandError, match=f"got {low} and {high}"):
        Band(low, high)


@given(probs(), policies())
def test_every_sample_gets_exactly_one_lane(rows: list[list[float]], policy: Policy) -> None:
    """One lane each, and the same one whether a sample comes alone or among others."""
    lanes = route(np.array(rows).reshape(len(rows), 3), policy)

    assert len(lanes) == len(rows)
    assert lanes == [lane for row in rows for lane in route([row], policy)]


@given(probs(), bands(), bands())
def test_a_wider_band_never_takes_a_sample_from_people(
    rows: list[list[float]], one: Band, other: Band
) -> None:
    """What people see under a band they also see under every band around it."""
    wide = Band(min(one.low, other.low), max(one.high, other.high))
    matrix = np.array(rows).reshape(len(rows), 3)

    narrow_lanes, wide_lanes = route(matrix, one), route(matrix, wide)

    assert all(
        wider in PEOPLE for lane, wider in zip(narrow_lanes, wide_lanes, strict=True) if lane in PEOPLE
    )


@given(probs(), error_costs(), answers(), st.floats(0, 5))
def test_a_free_and_faultless_annotator_gets_everything(
    rows: list[list[float]], errors: Matrix, full: Matrix, price: float
) -> None:
    """Nothing beats an answer that costs nothing and is always right, not even certainty."""
    policy = Cost(errors, quick=Review(0.0, FAULTLESS), full=Review(price, full))

    assert set(route(np.array(rows).reshape(len(rows), 3), policy)) <= PEOPLE


@given(probs(), cost_policies())
def test_at_an_infinite_price_nobody_is_asked(rows: list[list[float]], policy: Cost) -> None:
    """However dear an error is, what cannot be paid is not done."""
    unaffordable = replace(
        policy,
        quick=Review(float("inf"), policy.quick.answers),
        full=Review(float("inf"), policy.full.answers),
    )

    assert set(route(np.array(rows).reshape(len(rows), 3), unaffordable)) <= {Lane.AUTO}


@given(probs(), policies(), st.permutations(range(3)))
def test_the_order_of_labels_decides_nothing(
    rows: list[list[float]], policy: Policy, order: list[int]
) -> None:
    """The same labels in another order, costs and answers with them, get the same lanes.

    Lines of risk are about the first label.
    """
    assume(not isinstance(asked_for(policy), Risk))
    matrix = np.array(rows).reshape(len(rows), 3)

    assert route(matrix[:, order], permuted(policy, order)) == route(matrix, policy)


def permuted(policy: Policy, order: list[int]) -> Policy:
    """Return the policy for labels in another order."""
    if isinstance(policy, Suspended):
        inner = permuted(policy.policy, order)
        assert not isinstance(inner, Supported | Suspended)
        return Suspended(inner)
    if isinstance(policy, Supported):
        inner = permuted(policy.policy, order)
        assert isinstance(inner, Band | Cost)
        return Supported(inner, policy.threshold)
    if not isinstance(policy, Cost):
        return policy

    def moved(matrix: Matrix) -> Matrix:
        return tuple(tuple(matrix[row][column] for column in order) for row in order)

    quick, full = (Review(one.price, moved(one.answers)) for one in (policy.quick, policy.full))
    return Cost(moved(policy.errors), quick, full)


@pytest.mark.parametrize(
    "row", [[float("nan"), 0.5, 0.5], [0.5, 0.4, 0.0], [1.5, -0.5, 0.0], [float("inf"), 0.0, 0.0]]
)
@given(policy=policies())
def test_no_probabilities_have_no_lane(row: list[float], policy: Policy) -> None:
    """NaN, negative, infinite and unnormalised rows are refused, named, and nothing is routed."""
    with pytest.raises(InvalidProbabilitiesError, match="row 1 of probs"):
        route([[0.2, 0.3, 0.5], row], policy)


@given(policies())
def test_a_policy_comes_back_from_json_as_it_was(policy: Policy) -> None:
    """Value and version survive JSON that any parser reads, infinite prices included."""
    text = json.dumps(
        to_plain(PolicyEntry(policy, "1", 1, (), (), datetime(2026, 3, 2, tzinfo=UTC))), allow_nan=False
    )

    again = TypeAdapter(PolicyEntry).validate_python(json.loads(text)).policy

    assert again == policy
    assert again.version == policy.version


@given(cost_policies(), cost_policies())
def test_the_version_is_a_function_of_the_content(one: Cost, other: Cost) -> None:
    """Equal policies have equal versions, others do not."""
    assert (one.version == other.version) == (one == other)


@given(probs(), policies())
def test_a_suspended_policy_accepts_nothing(rows: list[list[float]], policy: Policy) -> None:
    """People get what would be accepted; all else stays where it was."""
    assume(not isinstance(policy, Supported | Suspended))
    assert not isinstance(policy, Supported | Suspended)
    matrix = np.array(rows).reshape(len(rows), 3)

    before, after = route(matrix, policy), route(matrix, Suspended(policy))

    assert after == [Lane.REVIEW if lane is Lane.AUTO else lane for lane in before]


@given(probs(), policies(), st.none() | st.floats(0, 1))
def test_a_supported_policy_accepts_from_its_threshold_on(
    rows: list[list[float]], policy: Policy, threshold: float | None
) -> None:
    """Annotators get what would be accepted with less confidence; all else stays where it was."""
    assume(isinstance(policy, Band | Cost | Risk))
    assert isinstance(policy, Band | Cost | Risk)
    matrix = np.array(rows).reshape(len(rows), 3)

    before, after = route(matrix, policy), route(matrix, Supported(policy, threshold))

    for row, lane, now in zip(matrix, before, after, strict=True):
        taken = policy.decided(row[None])[0]
        stays = threshold is not None and row[taken] >= threshold
        assert now is (lane if lane is not Lane.AUTO or stays else Lane.REVIEW)


def test_a_target_that_nothing_certifies_accepts_nothing() -> None:
    """Without a threshold people get everything, even what the model is certain of."""
    assert lane_of(1.0, Target(0.98, 0.05, None)) is Lane.REVIEW


def test_a_target_accepts_from_its_threshold_on() -> None:
    """The threshold itself is accepted."""
    policy = Target(0.98, 0.05, 0.9)

    assert [lane_of(one, policy) for one in (0.9, 0.8999)] == [Lane.AUTO, Lane.REVIEW]


def test_each_sample_goes_where_it_costs_least() -> None:
    """By hand: an error costs 2; accepting costs 2 (1 - confidence), a look 0.25 + 0.1, a review 0.7 + 0."""
    policy = Cost(
        FLAT,
        quick=Review(0.25, ((0.95, 0.025, 0.025), (0.025, 0.95, 0.025), (0.025, 0.025, 0.95))),
        full=Review(0.7, FAULTLESS),
    )
    rows = [[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.4, 0.3, 0.3]]

    assert route(rows, policy) == [Lane.AUTO, Lane.REVIEW, Lane.REVIEW]
    assert policy.expected(np.array(rows)) == pytest.approx(
        np.array([[0.2, 0.35, 0.7], [0.4, 0.35, 0.7], [1.2, 0.35, 0.7]])
    )
    careless = replace(policy, quick=Review(0.25, GUESSING))
    assert route(rows, careless) == [Lane.AUTO, Lane.AUTO, Lane.FULL]


def test_peoples_errors_count_by_the_true_label() -> None:
    """Who takes every other dog for a cat costs nothing on cats, half an error on dogs."""
    policy = Cost(
        FLAT, Review(0.25, ((1.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.0, 0.0, 1.0))), Review(9.0, FAULTLESS)
    )

    assert policy.expected(np.eye(3))[:, 1] == pytest.approx([0.25, 1.25, 0.25])


def test_the_label_that_costs_least_is_taken() -> None:
    """Not the likeliest one: to take the second label for the first costs ten times the contrary."""
    errors = ((0.0, 1.0, 2.0), (10.0, 0.0, 10.0), (2.0, 2.0, 0.0))
    policy, probs = Cost(errors, Review(3.0, FAULTLESS), Review(9.0, FAULTLESS)), np.array([[0.8, 0.2, 0.0]])

    assert policy.decided(probs).tolist() == [1]
    assert policy.expected(probs)[0, 0] == pytest.approx(0.8)


@pytest.mark.parametrize("factor", [1 - 1e-12, 1.0, 1 + 1e-12])
def test_rounding_decides_nothing(factor: float) -> None:
    """Accepting and a look cost 0.6 but for the last digits, which depend on the order of the sum."""
    policy = Cost(FLAT, Review(0.6 * factor, FAULTLESS), Review(9.0, FAULTLESS))

    assert route([[0.7, 0.1, 0.2], [0.7, 0.2, 0.1]], policy) == [Lane.REVIEW, Lane.REVIEW]


def test_a_dear_error_sends_a_likelier_label_to_people() -> None:
    """What matters is what a wrong acceptance costs, not how sure the model is."""
    errors = ((0.0, 1.0, 1.0), (100.0, 0.0, 1.0), (1.0, 1.0, 0.0))
    policy = Cost(errors, quick=Review(0.5, FAULTLESS), full=Review(5.0, FAULTLESS))

    assert route([[0.98, 0.02, 0.0], [0.02, 0.98, 0.0]], policy) == [Lane.REVIEW, Lane.AUTO]


@pytest.mark.parametrize(
    ("errors", "answers", "price", "message"),
    [
        (((0.0, 1.0), (1.0, 0.0)), FAULTLESS, 1.0, r"quick.answers of a cost policy needs 2 x 2"),
        (((1.0, 1.0, 1.0),) * 3, FAULTLESS, 1.0, r"got \[1.0, 1.0, 1.0\] on the diagonal"),
        (((0.0, -1.0, 1.0),) * 3, FAULTLESS, 1.0, r"errors of a cost policy needs 3 x 3 finite values"),
        (FLAT, ((0.5, 0.5, 0.5),) * 3, 1.0, r"Each row of quick.answers must sum to 1"),
        (FLAT, FAULTLESS, -1.0, r"The price of a review must be at least 0, got -1.0"),
        (FLAT, FAULTLESS, float("nan"), r"The price of a review must be at least 0, got nan"),
    ],
)
def test_a_cost_policy_that_makes_no_sense_is_refused(
    errors: Matrix, answers: Matrix, price: float, message: str
) -> None:
    """The error names what is wrong and the value seen."""
    with pytest.raises(PolicyError, match=message):
        Cost(errors, Review(price, answers), Review(1.0, FAULTLESS))


@pytest.mark.parametrize(("accuracy", "delta", "threshold"), [(1.0, 0.05, 0.5), (0.9, 0.0, 0.5)])
def test_a_target_nobody_can_show_is_refused(accuracy: float, delta: float, threshold: float) -> None:
    """Neither certainty nor an accuracy of 1 can be had."""
    with pytest.raises(PolicyError, match=f"got {accuracy} and {delta}"):
        Target(accuracy, delta, threshold)
