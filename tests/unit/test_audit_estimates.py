"""Estimates from audits: right on average, as sure as they say, and surer than audits alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from goldloop.audit.audited import Audited, Traffic
from goldloop.audit.designs import audit_probabilities, usual_unsureness
from goldloop.audit.estimates import estimate_accuracy, report_audit, share_of_traffic
from goldloop.core.errors import EmptyPoolError
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.stats.measures import MIN_N
from goldloop.stats.metrics import Estimate, share_estimate

PETS = LabelSet.of(["cat", "dog"])
Floats = npt.NDArray[np.float64]


def population(n: int = 4000) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return confidence and hits of an overconfident model that is right on about 85 % of `n` samples."""
    rng = np.random.default_rng(5)
    sure = 0.5 + 0.5 * rng.beta(2, 0.5, n)
    return sure, rng.random(n) < sure - 0.5 * (1 - sure)


def estimates(design: str, *, n: int, repeats: int) -> tuple[npt.NDArray[np.float64], float]:
    """Return value, low and high (repeats, 3) of audits of the population, and its true share of hits."""
    sure, hits = population()
    probs = np.stack([sure, 1 - sure], axis=1)
    usual = usual_unsureness(probs, audit_rate=n / len(sure))
    chance = audit_probabilities(
        probs, audit_rate=n / len(sure), usual=usual if design == "poisson" else None
    )
    rng = np.random.default_rng(6)
    values = []
    for _ in range(repeats):
        drawn = rng.random(len(sure)) < chance
        estimate = share_of_traffic(hits[drawn], sure[drawn], sure, weights=1 / chance[drawn])
        values.append((estimate.value, estimate.low, estimate.high))
    return np.array(values), float(hits.mean())


@pytest.mark.parametrize(
    ("design", "n"), [("uniform", 60), ("uniform", 300), ("poisson", 60), ("poisson", 300)]
)
def test_estimates_are_right_on_average_and_hold_as_often_as_they_say(design: str, n: int) -> None:
    """Over 400 audits the estimate is unbiased and the intervals cover the truth in 95 %, within chance."""
    values, truth = estimates(design, n=n, repeats=400)
    value, low, high = values.T

    assert abs(value.mean() - truth) < 3.5 * value.std() / np.sqrt(400)
    assert abs(((low <= truth) & (truth <= high)).mean() - 0.96) < 3.5 * np.sqrt(0.96 * 0.04 / 400)


def test_the_model_saves_labels() -> None:
    """The variance is smaller than that of a plain draw, and smallest with the Poisson design."""
    truth = population()[1].mean()
    of_plain_draw = truth * (1 - truth) * (1 / 300 - 1 / 4000)

    for design, saving in [("uniform", 1.1), ("poisson", 1.4)]:
        values, _ = estimates(design, n=300, repeats=400)
        assert of_plain_draw / values[:, 0].var() > saving


def test_a_slow_and_obvious_estimator_agrees() -> None:
    """Mean confidence of all, plus the weighted mean surprise, the model trusted by the tuned slope."""
    sure, hits = population(200)
    drawn, weights = np.arange(0, 200, 4), np.where(np.arange(50) < 20, 3.0, 5.0)
    total = sum(weights)
    plain = sum(w * hits[row] for w, row in zip(weights, drawn, strict=True)) / total
    mean = sum(w * sure[row] for w, row in zip(weights, drawn, strict=True)) / total
    spread = [(w / total) ** 2 * (1 - total / (w * 200)) for w in weights]
    trust = 20 * sum(spread) / 50 * sum((confidence - sure.mean()) ** 2 for confidence in sure) / 200
    slope = (
        trust
        + sum(s * (sure[row] - mean) * (hits[row] - plain) for s, row in zip(spread, drawn, strict=True))
    ) / (trust + sum(s * (sure[row] - mean) ** 2 for s, row in zip(spread, drawn, strict=True)))

    estimate = share_of_traffic(hits[drawn], sure[drawn], sure, weights=weights)

    assert estimate.value == pytest.approx(plain + slope * (sure.mean() - mean))


def test_only_ratios_of_weights_count() -> None:
    """Ten times the weights are the same draw."""
    sure, hits = population(100)
    weights = np.linspace(1, 4, 100)

    once = share_of_traffic(hits, sure, np.repeat(sure, 9), weights=weights)
    tenfold = share_of_traffic(hits, sure, np.repeat(sure, 9), weights=10 * weights)

    assert (once.value, once.low, once.high) == pytest.approx((tenfold.value, tenfold.low, tenfold.high))


def test_a_model_that_is_equally_sure_of_everything_adds_nothing() -> None:
    """Then the estimate is the share among audits."""
    hits = np.arange(50) < 40

    estimate = share_of_traffic(hits, np.full(50, 0.7), np.full(5000, 0.7))

    assert estimate.value == pytest.approx(0.8)
    assert estimate.low < share_estimate(hits).low < 0.8 < share_estimate(hits).high < estimate.high


def test_all_right_is_no_proof_of_perfection_and_all_wrong_none_of_the_opposite() -> None:
    """With no error seen the interval ends at 1 and is as wide as that of a plain draw; and reversed."""
    sure = np.full(60, 0.95)
    right = share_of_traffic(np.ones(60, dtype=bool), sure, np.full(900, 0.95))
    wrong = share_of_traffic(np.zeros(60, dtype=bool), sure, np.full(900, 0.95))

    assert (right.value, right.high) == pytest.approx((1, 1))
    assert 0.90 < right.low < share_estimate(np.ones(60)).low
    spread = np.linspace(0.9, 1, 60)
    for seed in range(12):  # some weights add up to a hair less than 1
        weights = np.random.default_rng(seed).uniform(1, 1.3, 60)
        uneven = share_of_traffic(np.ones(60), spread, np.repeat(spread, 15), weights=weights)
        assert uneven.low == pytest.approx(right.low, abs=0.02)
    assert wrong.low == pytest.approx(0, abs=1e-12)
    assert wrong.high == pytest.approx(1 - right.low)


def test_one_audit_leaves_nearly_everything_open() -> None:
    """A single answer gives an interval that covers most of the scale."""
    estimate = share_of_traffic([True], np.array([0.9]), np.full(500, 0.9))

    assert estimate.n == 1
    assert estimate.high - estimate.low > 0.7


def test_auditing_everything_leaves_nothing_to_chance() -> None:
    """An audit of all traffic is exact."""
    sure, hits = population(300)

    estimate = share_of_traffic(hits, sure, sure)

    assert estimate.value == pytest.approx(hits.mean())
    assert estimate.high - estimate.low < 1e-6


def test_no_audits_give_no_estimate() -> None:
    """Zero audits are an error, not 0 %."""
    with pytest.raises(
        EmptyPoolError, match="cannot estimate accuracy from 0 audits; label some audit samples"
    ):
        share_of_traffic([], np.zeros(0), np.full(5, 0.9))


def traffic_and_audits() -> tuple[Traffic, Audited]:
    """Return 400 scored samples in three lanes and two rounds, every fifth audited.

    All are called cats. In auto 2 of 40 audited are dogs, in review 10 of 24; in hold 16 are audited, too.
    """
    lanes = np.repeat(["auto", "review", "hold"], [200, 120, 80])
    sure = np.repeat([0.95, 0.6, 0.3], [200, 120, 80]) + np.tile([0.0, 0.01], 200)
    traffic = Traffic(
        sample_ids=tuple(SampleId(f"{row:03d}") for row in range(400)),
        probs=np.stack([np.maximum(sure, 0.5), np.minimum(1 - sure, 0.5)], axis=1),
        lanes=lanes,
        rounds=np.where(np.arange(400) < 370, 0, 1),
    )
    rows = np.arange(0, 400, 5)
    is_dog = np.concatenate([np.arange(40) < 2, np.arange(24) < 10, np.arange(16) < 9])
    return traffic, Audited(
        sample_ids=tuple(traffic.sample_ids[row] for row in rows),
        truth=is_dog.astype(np.intp),
        probs=traffic.probs[rows],
        weights=np.full(80, 5.0),
        lanes=lanes[rows],
        rounds=traffic.rounds[rows],
    )


def test_a_report_holds_every_estimate_that_audits_support() -> None:
    """Over all, by lane, by true label and by round; the errors among the accepted ones."""
    traffic, audited = traffic_and_audits()

    report = report_audit(audited, traffic, labels=PETS)

    assert (report.n, report.n_traffic, report.n_accepted) == (80, 400, 200)
    assert report.accuracy is not None
    assert report.accuracy.value == pytest.approx(1 - 21 / 80, abs=0.01)
    assert list(report.by_lane) == ["auto", "review", "hold"]
    assert report.let_through is not None
    assert report.let_through.value == pytest.approx(2 / 40, abs=0.01)
    assert report.let_through.low < 2 / 40 < report.let_through.high
    assert report.by_label == {"cat": Estimate(1.0, report.by_label["cat"].low, 1.0, 59)} | {  # type: ignore[union-attr]
        "dog": Estimate(0.0, 0.0, report.by_label["dog"].high, 21)  # type: ignore[union-attr]
    }
    missed = {name: share and (share.value, share.n) for name, share in report.missed_by_label.items()}
    assert missed == {"cat": (0.0, 59), "dog": (pytest.approx(2 / 21), 21)}  # 2 of the 21 dogs passed as cats
    assert report.by_round[0] is not None
    assert report.by_round[1] is None  # 6 audits are too few


def test_fewer_audits_than_it_takes_give_none() -> None:
    """One less than MIN_N: too few; nothing audited, or nothing accepted: none either."""
    traffic, audited = traffic_and_audits()

    assert estimate_accuracy(audited.where(np.arange(80) < MIN_N - 1), traffic) is None
    assert estimate_accuracy(audited.where(np.arange(80) < MIN_N), traffic) is not None
    nothing = report_audit(audited.where(np.zeros(80, dtype=bool)), traffic, labels=PETS)
    assert (nothing.n, nothing.accuracy, nothing.let_through) == (0, None, None)
    assert set(nothing.missed_by_label.values()) == {None}
    held = report_audit(
        audited.where(audited.lanes != "auto"), traffic.where(traffic.lanes != "auto"), labels=PETS
    )
    assert (held.n_accepted, held.let_through) == (0, None)
