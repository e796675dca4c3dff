"""Policies are fitted from settings, audits and what is known of people, and say what they rest on."""

from __future__ import annotations

import numpy as np
import pytest

from goldloop.audit.audited import Audited
from goldloop.core.lanes import Lane
from goldloop.core.samples import sample_id_of
from goldloop.routing.cost_policy import Cost
from goldloop.routing.fit import Answered, KnownPeople, fit_policy, joined_answers
from goldloop.routing.policies import Band, Target
from goldloop.settings import Settings


def settings(**sections: object) -> Settings:
    """Return settings of two labels with these sections."""
    return Settings.model_validate({"name": "texts", "labels": ("ham", "spam"), **sections})


def audited(n: int, *, n_wrong: int = 0, weights: object = 10.0) -> Audited:
    """Return audits that a model calls ham, ever less surely; the least sure `n_wrong` are spam."""
    sure = np.linspace(0.99, 0.6, n)
    return Audited(
        sample_ids=tuple(sample_id_of(f"sample {number}".encode()) for number in range(n)),
        truth=np.r_[np.zeros(n - n_wrong, dtype=np.intp), np.ones(n_wrong, dtype=np.intp)],
        probs=np.stack([sure, 1 - sure], axis=1),
        weights=np.broadcast_to(np.asarray(weights, dtype=np.float64), (n,)),
        lanes=np.full(n, ""),
        rounds=np.full(n, -1),
    )


def cost_of(fitted_for: Settings, people: KnownPeople | None = None) -> tuple[Cost, str]:
    """Return the fitted cost policy and its reasons in one text."""
    fitted = fit_policy(fitted_for, None, people)
    assert isinstance(fitted.policy, Cost)
    return fitted.policy, "; ".join(fitted.reasons)


def test_a_band_is_what_the_settings_say() -> None:
    """Audits do not move it."""
    fitted = fit_policy(settings(policy={"band": (0.2, 0.9), "below": "full"}), audited(500))

    assert fitted.policy == Band(0.2, 0.9, Lane.FULL)


def test_a_target_without_evidence_accepts_nothing_and_says_so() -> None:
    """The reason counts the audits, the warning says who gets the work."""
    fitted = fit_policy(settings(policy={"kind": "target"}), audited(60))

    assert fitted.policy == Target(0.98, 0.05, None)
    assert fitted.reasons == (
        "at least 149 audits, all of them right, are needed to show 98.0%; there are 60",
    )
    assert fitted.warnings == ("the target policy accepts nothing: annotators get every sample",)
    assert fit_policy(settings(policy={"kind": "target"}), None).policy == fitted.policy


def test_a_target_is_certified_by_audits() -> None:
    """Enough right answers give a threshold above the wrong ones, and the reason counts both."""
    fitted = fit_policy(settings(policy={"kind": "target", "target": 0.95}), audited(400, n_wrong=40))

    assert isinstance(fitted.policy, Target)
    assert fitted.policy.threshold is not None
    assert 0.6 < fitted.policy.threshold < 0.64
    assert fitted.warnings == ()
    assert "audits with the highest confidence are wrong" in fitted.reasons[0]


def test_audits_that_cannot_count_are_told() -> None:
    """Where most audits were drawn with more than the least probability, the user hears what it costs."""
    weights = np.r_[50.0, np.full(399, 10.0)]

    fitted = fit_policy(settings(policy={"kind": "target", "target": 0.95}), audited(400, weights=weights))

    assert any("were left out" in warning and "'uniform'" in warning for warning in fitted.warnings)


def test_without_people_the_cost_policy_rests_on_the_settings() -> None:
    """Prices are seconds at the price of a minute; accuracies are those of [cost]; the reasons say so."""
    policy, why = cost_of(settings(policy={"kind": "cost"}, cost={"minute": 0.6, "quick_s": 20}))

    assert policy.quick.price == pytest.approx(0.2)
    assert policy.quick.answers == ((0.95, pytest.approx(0.05)), (pytest.approx(0.05), 0.95))
    assert policy.full.price == pytest.approx(0.9)
    assert policy.full.answers[0][0] == pytest.approx(0.99)
    assert "20 s (from [cost]; only 0 times are known)" in why


def test_errors_cost_what_the_settings_say() -> None:
    """One amount for all, unless a pair has its own; a right label costs nothing."""
    errors = {"spam": {"ham": 7.0}}
    policy, _ = cost_of(settings(policy={"kind": "cost"}, cost={"error": 3, "errors": errors}))

    assert policy.errors == ((0.0, 3.0), (7.0, 0.0))


def test_known_times_and_answers_replace_the_settings() -> None:
    """The mean of times is the price, as times add up; counts of answers are drawn towards their mean."""
    quick = Answered(seconds=(10.0,) * 9 + (30.0,), counts=((80.0, 0.0), (20.0, 0.0)))
    policy, why = cost_of(settings(policy={"kind": "cost"}, cost={"minute": 1.0}), KnownPeople(quick=quick))

    right = (80 + 20 * 0.95) / 120
    assert policy.quick.price == pytest.approx(12 / 60)
    assert policy.quick.answers[0][0] == pytest.approx((80 + 20 * right) / 100)
    assert policy.quick.answers[1][1] == pytest.approx(20 * right / 40)
    assert "12 s (mean of 10)" in why
    assert "of 100 answers" in why


def test_reviews_of_large_stakes_are_assessed_apart() -> None:
    """Each part has its own times and answers, drawn towards those of all stakes."""
    all_right, half = ((80.0, 0.0), (0.0, 20.0)), ((40.0, 0.0), (10.0, 10.0))
    parts = ((0.0, Answered((10.0,) * 10, all_right)), (50.0, Answered((40.0,) * 10, half)))
    quick = Answered((10.0,) * 10 + (40.0,) * 10, ((120.0, 0.0), (10.0, 30.0)), by_stake=parts)
    asked = settings(policy={"kind": "cost"}, cost={"minute": 1.0})
    policy, why = cost_of(asked, KnownPeople(quick=quick, blind=quick))

    small, large = policy.quick.by_stake
    assert (small.least, large.least) == (0.0, 50.0)
    assert (small.review.minutes, large.review.minutes) == pytest.approx((10 / 60, 40 / 60))
    found = policy.quick.answers[1][1]
    assert large.review.answers[1][1] == pytest.approx((10 + 20 * found) / 40)
    assert large.review.answers[1][1] < found < small.review.answers[1][1]
    assert policy.full.by_stake[1].review.price > policy.full.price > policy.full.by_stake[0].review.price
    assert "apart for stakes from 0, 50 on" in why


def test_too_few_times_are_not_a_price() -> None:
    """Nine times leave the setting in force."""
    quick = Answered(seconds=(10.0,) * 9, counts=((0.0, 0.0), (0.0, 0.0)))

    policy, why = cost_of(settings(policy={"kind": "cost"}), KnownPeople(quick=quick))

    assert policy.quick.price == pytest.approx(0.25)
    assert "only 9 times are known" in why


def test_two_blind_answers_and_a_decision_by_hand() -> None:
    """One case in five both answer as one; else a wrong label needs the same mistake twice, or a decision."""
    blind = np.array([[0.9, 0.1], [0.2, 0.8]])

    answers, differ = joined_answers(blind, np.eye(2), 2)

    assert differ == pytest.approx([0.8 * 0.18, 0.8 * 0.32])
    assert answers[0, 1] == pytest.approx(0.2 * 0.1 + 0.8 * 0.01)
    assert answers.sum(axis=1) == pytest.approx([1.0, 1.0])


def test_a_deep_review_is_made_of_its_parts() -> None:
    """Two blind times and now and then a decision make the price; the answers beat a single one."""
    counts = ((90.0, 10.0), (10.0, 90.0))
    people = KnownPeople(
        blind=Answered((20.0,) * 20, counts), adjudicating=Answered((60.0,) * 20, ((0.0, 0.0),) * 2)
    )

    policy, why = cost_of(settings(policy={"kind": "cost"}, cost={"minute": 1.0}), people)

    assert 40 / 60 < policy.full.price < 60 / 60
    assert policy.full.answers[0][0] > 0.95
    assert "2 blind answers, each 20 s" in why
