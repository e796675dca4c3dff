"""What errors cost: the label that is taken, the lane, and the saving of a review, at each sample's stake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.core.error_costs import Amounts, ErrorCosts
from goldloop.core.errors import PolicyError
from goldloop.core.lanes import Lane
from goldloop.routing.cost_policy import Cost, Review, StakedReview, action_costs
from goldloop.routing.policies import Risk, Supported, route
from tests.loop import LABELS
from tests.strategies import probs

BASE, FACTORS = ((0.0, 5.0), (15.0, 0.0)), ((0.0, 0.0), (1.0, 0.0))
COSTS = ErrorCosts(BASE, FACTORS)
RIGHT = ((1.0, 0.0), (0.0, 1.0))
CAREFUL = Review(0.5, ((0.95, 0.05), (0.2, 0.8)), minutes=0.5)
EXPERT = Review(4.0, ((0.99, 0.01), (0.05, 0.95)), minutes=6.0)
POLICY = Cost(BASE, CAREFUL, EXPERT, factors=FACTORS)


@given(probs(), st.floats(0.1, 50))
def test_where_all_errors_cost_the_same_the_likeliest_label_is_taken(
    rows: list[list[float]], price: float
) -> None:
    """Whatever is at stake: nothing changes for kinds whose errors have one price."""
    matrix = np.array(rows).reshape(len(rows), 3)
    flat = ErrorCosts(tuple(tuple(0.0 if i == j else price for j in range(3)) for i in range(3)))
    stakes = np.linspace(0, 1e6, len(rows))

    assert flat.decided(matrix, stakes).tolist() == matrix.argmax(axis=1).tolist()


def test_the_stake_decides_what_is_taken() -> None:
    """At a risk of 10 %, declining costs 4.50; approving costs 1.50 and a tenth of the amount."""
    chances = np.tile([0.9, 0.1], (3, 1))
    stakes = np.array([10.0, 29.9, 30.1])

    assert COSTS.expected(chances, stakes) == pytest.approx(np.array([[2.5, 4.5], [4.49, 4.5], [4.51, 4.5]]))
    assert COSTS.decided(chances, stakes).tolist() == [0, 0, 1]
    assert COSTS.paid(np.array([1, 0]), np.array([0, 1]), np.array([100.0, 100.0])).tolist() == [115.0, 5.0]
    assert COSTS.of_taken(np.array([0, 1]), np.array([100.0, 100.0])).tolist() == [[0.0, 115.0], [5.0, 0.0]]
    assert COSTS.mean(stake=100.0) == pytest.approx((5 + 115) / 2)


@given(st.floats(0, 1), st.floats(0, 5000))
def test_the_lane_of_a_payment_is_the_cheapest_of_four_actions(risk: float, stake: float) -> None:
    """Approve, decline, a quick review and a full one, each with the errors that people make."""
    chances, stakes = np.array([[1 - risk, risk]]), np.array([stake])
    costs = {
        "approve": risk * (15 + stake),
        "decline": (1 - risk) * 5,
        "quick": 0.5 + (1 - risk) * 0.05 * 5 + risk * 0.2 * (15 + stake),
        "full": 4.0 + (1 - risk) * 0.01 * 5 + risk * 0.05 * (15 + stake),
    }
    least = min(costs.values())

    (lane,) = route(chances, POLICY, stakes)
    taken = "decline" if POLICY.decided(chances, stakes)[0] else "approve"
    action = {Lane.AUTO: taken, Lane.REVIEW: "quick", Lane.FULL: "full"}[lane]

    assert costs[action] == pytest.approx(least, abs=1e-4)
    assert costs[taken] == pytest.approx(min(costs["approve"], costs["decline"]), abs=1e-4)
    found = action_costs(POLICY, LABELS, chances, stakes)
    assert list(found.values()) == pytest.approx(list(costs.values()))
    assert list(found) == [*(f"take for {label}" for label in LABELS), "quick review", "full review"]


def test_a_review_is_worth_more_where_more_is_at_stake() -> None:
    """The saving counts by the minute of the lane's review; what people do not see saves nothing."""
    chances, stakes = np.tile([0.94, 0.06], (3, 1)), np.array([1.0, 100.0, 2000.0])
    policy = Cost(((0.0, 30.0), (15.0, 0.0)), CAREFUL, EXPERT, factors=FACTORS)

    assert route(chances, policy, stakes) == [Lane.AUTO, Lane.REVIEW, Lane.FULL]
    none, quick, full = policy.savings(chances, stakes).tolist()
    accept, quickly, fully = policy.expected(chances, stakes).T
    assert np.isnan(none)
    assert quick == pytest.approx((accept[1] - quickly[1]) / 0.5)
    assert full == pytest.approx((accept[2] - fully[2]) / 6.0)


def test_a_declined_payment_is_accepted_only_with_support_for_that_label() -> None:
    """It is taken for fraud with a probability of 0.4: below the certified threshold people get it."""
    chances, stakes = np.array([[0.6, 0.4]]), np.array([5.0])
    quickest = Cost(BASE, Review(9.0, RIGHT), Review(9.0, RIGHT), factors=FACTORS)

    assert quickest.decided(chances, stakes).tolist() == [1]
    assert route(chances, quickest, stakes) == [Lane.AUTO]
    assert route(chances, Supported(quickest, 0.39), stakes) == [Lane.AUTO]
    assert route(chances, Supported(quickest, 0.41), stakes) == [Lane.REVIEW]


def test_lines_of_risk_send_each_payment_to_one_of_four_actions() -> None:
    """The stake plays no part: the lines are the user's own."""
    policy = Risk(0.02, 0.2, 0.6, ("genuine", "fraud"))
    risks = np.array([0.019, 0.021, 0.19, 0.21, 0.59, 0.61])
    chances = np.stack([1 - risks, risks], axis=1)

    lanes = [str(lane) for lane in route(chances, policy, np.full(6, 1e9))]
    assert lanes == ["auto", "review", "review", "full", "full", "auto"]
    assert policy.decided(chances).tolist() == [0, 0, 0, 0, 1, 1]


BY_STAKE = replace(CAREFUL, by_stake=(StakedReview(0.0, CAREFUL), StakedReview(50.0, EXPERT)))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 100), st.integers(0, 1)), min_size=1, max_size=9))
def test_a_review_costs_what_it_does_at_the_stake_of_the_sample(
    rows: list[tuple[float, float, int]],
) -> None:
    """Each part of the stakes has its own time and errors; without stakes the review of all counts."""
    risks, stakes, truth = (np.array(column) for column in zip(*rows, strict=True))
    chances = np.column_stack([1 - risks, risks])
    is_large = stakes >= 50

    finders: list[Callable[[Review], Amounts]] = [
        lambda one: one.expected(chances, COSTS, stakes),
        lambda one: one.of_truth(truth, COSTS, stakes),
        lambda one: one.minutes_of(stakes, len(stakes)),
    ]
    for find in finders:
        found = find(BY_STAKE)
        assert found[is_large] == pytest.approx(find(EXPERT)[is_large])
        assert found[~is_large] == pytest.approx(find(CAREFUL)[~is_large])
    assert BY_STAKE.expected(chances, COSTS) == pytest.approx(CAREFUL.expected(chances, COSTS))


def test_the_lane_and_the_saving_follow_the_reviews_of_the_stake() -> None:
    """A review of a large payment that takes six minutes saves less in each of them."""
    thorough = StakedReview(50.0, replace(EXPERT, price=1.0))
    policy = replace(POLICY, quick=replace(CAREFUL, by_stake=(thorough,)))
    chances, stakes = np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([40.0, 400.0])

    accept, quick, _ = policy.expected(chances, stakes).T
    assert policy.lanes(chances, stakes).tolist() == ["review", "review"]
    assert policy.savings(chances, stakes) == pytest.approx((accept - quick) / [0.5, 6.0])


def test_policies_from_before_reviews_by_stake_keep_their_names() -> None:
    """The name is in every prediction: another one would have the whole pool routed anew."""
    plain = Cost(BASE, CAREFUL, EXPERT, ("genuine", "fraud"), FACTORS)

    assert plain.version == "cost[eeec51664afe]"
    assert replace(plain, quick=BY_STAKE).version != plain.version


def test_wrong_reviews_by_stake_are_refused() -> None:
    """As those of all stakes are."""
    wrong = replace(CAREFUL, by_stake=(StakedReview(0.0, Review(0.5, ((1.0, 1.0), (0.0, 1.0)))),))
    with pytest.raises(PolicyError, match=r"Each row of quick.answers must sum to 1"):
        replace(POLICY, quick=wrong)
