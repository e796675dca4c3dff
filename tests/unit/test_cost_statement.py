"""Statements: time, errors caught and let through, and savings, on inputs small enough to count by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from goldloop.audit.audited import Audited, Traffic
from goldloop.core.annotations import Answer
from goldloop.core.error_costs import ErrorCosts
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.costs.errors import Prices, expected, price_of_error, prices
from goldloop.costs.inputs import NO_LABEL, CostInputs, Labelled
from goldloop.costs.review_effort import Answering
from goldloop.costs.statement import Statement, statement
from goldloop.costs.time import minutes_spent, working_seconds
from goldloop.settings.costs import CostSettings
from goldloop.stats.measures import Measure, difference, exact, product, total
from goldloop.stats.metrics import Estimate

LABELS = LabelSet(("cat", "dog"))
START = datetime(2026, 10, 5, tzinfo=UTC)
PRICES = Prices("EUR", 0.6, ErrorCosts(((0.0, 2.0), (10.0, 0.0))))
ANSWERING = Answering(exact(20.0, 50), exact(0.9, 50))
SURE = (1.0, 0.0)


def answer(
    number: int,
    seconds: float | None,
    *,
    who: str = "1",
    round_: int = 0,
    purpose: Purpose = Purpose.AUDIT,
    label: str | None = "cat",
    edited_s: float = 0,
) -> Answer:
    """Return an answer, or a skip."""
    return Answer(
        annotation_id=number,
        sample_id=SampleId(f"{number:064d}"),
        purpose=purpose,
        annotator=who,
        label=label,
        reason=None,
        round=round_,
        created_at=START,
        updated_at=START + timedelta(seconds=edited_s),
        lead_time_s=seconds,
        suggested_label=None,
        is_shown=False,
    )


def labelled(rows: Sequence[tuple[int, Purpose, int, int, tuple[float, float]]]) -> Labelled:
    """Return gold from (round, purpose, label, machine's label, posterior)."""
    columns = list(zip(*rows, strict=True)) or [()] * 5
    return Labelled(
        rounds=np.array(columns[0], dtype=np.intp),
        purposes=np.array([str(one) for one in columns[1]], dtype=str),
        label=np.array(columns[2], dtype=np.intp),
        machine=np.array(columns[3], dtype=np.intp),
        posterior=np.array(columns[4], dtype=np.float64).reshape(len(rows), 2),
        stakes=np.zeros(len(rows)),
    )


def traffic(lanes: Sequence[str], rounds: Sequence[int]) -> Traffic:
    """Return samples that a model calls cat, in these lanes and rounds."""
    n = len(lanes)
    return Traffic(
        sample_ids=tuple(SampleId(f"{number:064d}") for number in range(n)),
        probs=np.tile([0.9, 0.1], (n, 1)),
        lanes=np.array(lanes, dtype=str),
        rounds=np.array(rounds, dtype=np.intp),
    )


def inputs(
    answers: Sequence[Answer], gold: Labelled, arrived: Traffic, *, audited: Sequence[tuple[int, int]] = ()
) -> CostInputs:
    """Return inputs in which round 0 is closed; `audited` are (row of the traffic, true label)."""
    rows = np.array([row for row, _ in audited], dtype=np.intp)
    is_labelled = np.zeros(len(arrived), dtype=bool)
    is_labelled[rows] = True
    return CostInputs(
        answers=answers,
        seconds=working_seconds(answers),
        assessed=(),
        labelled=gold,
        traffic=arrived,
        is_labelled=is_labelled,
        audited=Audited(
            sample_ids=tuple(arrived.sample_ids[row] for row in rows),
            truth=np.array([truth for _, truth in audited], dtype=np.intp),
            probs=arrived.probs[rows],
            weights=np.ones(len(rows)),
            lanes=arrived.lanes[rows],
            rounds=arrived.rounds[rows],
        ),
        closed=(START + timedelta(days=7),),
    )


def value(measure: Measure) -> float:
    """Return the value of a measure that has one."""
    assert measure.estimate is not None
    return measure.estimate.value


@pytest.fixture
def found() -> Statement:
    """Return the statement of a round: 20 of 50 accepted samples were audited, four reviewed."""
    gold = labelled(
        [
            (0, Purpose.REVIEW, 1, 0, (0.1, 0.9)),  # corrected, nine times out of ten rightly
            (0, Purpose.FULL, 1, 0, (0.0, 1.0)),  # corrected
            (0, Purpose.REVIEW, 0, 0, SURE),
            (0, Purpose.FULL, 0, NO_LABEL, SURE),  # nothing to correct
            *[(0, Purpose.AUDIT, int(row < 2), 0, (float(row >= 2), float(row < 2))) for row in range(20)],
            (1, Purpose.REVIEW, 1, 0, (0.0, 1.0)),  # another round's
        ]
    )
    arrived = traffic(["auto"] * 50 + ["hold"] + ["auto"] * 9, [0] * 51 + [1] * 9)
    answers = [answer(number, 30.0) for number in range(48)] + [answer(99, 30.0, round_=1)]
    return statement(
        inputs(answers, gold, arrived, audited=[(row, int(row < 2)) for row in range(20)]),
        PRICES,
        ANSWERING,
        (0,),
    )


def test_time_is_priced(found: Statement) -> None:
    """48 answers of half a minute at 0.60 a minute."""
    assert (found.n_answers, value(found.minutes), value(found.spent)) == (48, 24.0, pytest.approx(14.4))


def test_errors_caught_are_those_that_people_corrected_where_the_policy_sent_them(found: Statement) -> None:
    """Two of three machine labels were changed; each counts as far as gold is sure of it."""
    assert (found.n_looked, found.n_corrected) == (3, 2)
    assert value(found.caught) == pytest.approx(1.9)
    assert found.caught.estimate is not None
    assert found.caught.estimate.low < 1.9 < found.caught.estimate.high <= 2


def test_errors_let_through_are_scaled_to_what_nobody_labelled(found: Statement) -> None:
    """2 of 20 audited were wrong; 30 accepted samples were not audited."""
    assert (found.n_scored, found.n_accepted) == (51, 50)
    assert value(found.let_through) == pytest.approx(3.0, abs=0.5)
    assert found.let_through.estimate is not None
    assert found.let_through.estimate.low < 3 < found.let_through.estimate.high


def test_savings_compare_like_with_like(found: Statement) -> None:
    """The 54 samples with a label, at a third of 0.60 and a tenth of the mean error each, less what was paid.

    Against accepting, the machine's errors in gold are what was spared: 0.9 x 10 - 0.1 x 2 for the doubtful
    correction, 10 for each of the three others.
    """
    assert value(found.saved_against_accepting) == pytest.approx(0.9 * 10 - 0.1 * 2 + 3 * 10 - 14.4)
    paid = 14.4 + value(found.error_cost)
    assert value(found.saved_against_labelling) == pytest.approx(54 * (0.2 + 0.1 * 6) - paid)
    assert value(found.error_cost) == pytest.approx(10 * value(found.let_through) + 0.1 * 2)


def test_what_is_not_known_is_no_number() -> None:
    """With nine audits nothing is said of errors let through, nor of what hangs on them."""
    found = statement(
        inputs([], labelled([]), traffic(["auto"] * 50, [0] * 50), audited=[(row, 0) for row in range(9)]),
        PRICES,
        ANSWERING,
        (0,),
    )
    assert str(found.let_through) == "too few audits, n=9"
    assert found.saved_against_labelling.estimate is None
    assert (str(found.caught), str(found.saved_against_accepting)) == (
        "nothing reviewed, n=0",
        "no model yet, n=0",
    )
    assert value(found.spent) == 0


def test_without_accepted_samples_nothing_was_let_through() -> None:
    """No audit is needed to know it, and the saving is known too."""
    found = statement(inputs([], labelled([]), traffic(["hold"], [0]), audited=[]), PRICES, ANSWERING, (0,))
    assert str(found.let_through) == "nothing accepted, n=0"
    assert value(found.saved_against_labelling) == 0


def test_coffee_is_not_paid() -> None:
    """Beyond a person's fence a time is idle; it counts as long as that person's kind of answer takes."""
    answers = [answer(number, 10.0 + number % 3) for number in range(30)] + [answer(40, 4000.0)]
    seconds = working_seconds(answers)
    assert np.isnan(seconds[-1])
    minutes = minutes_spent(answers, seconds, np.ones(31, dtype=bool))
    assert value(minutes) == pytest.approx((30 * 11 + 11) / 60)
    assert minutes.estimate is not None
    assert minutes.estimate.low < value(minutes) < minutes.estimate.high


@pytest.mark.parametrize("n", [0, 5, 30])
@pytest.mark.parametrize("n_long", [1, 12])
def test_a_night_before_the_screen_is_not_paid(n: int, n_long: int) -> None:
    """Sixty hours are no decision, however few other times there are; long times do not vouch for others."""
    answers = [answer(number, 10.0 + number % 3) for number in range(n)]
    answers += [
        answer(100 + number, 60 * 3600.0, label=None if number % 2 else "cat") for number in range(n_long)
    ]

    seconds = working_seconds(answers)
    minutes = minutes_spent(answers, seconds, np.ones(n + n_long, dtype=bool))

    assert np.isnan(seconds[n:]).all()
    assert np.isfinite(seconds[:n]).all()
    assert minutes.estimate is None or minutes.estimate.high < 60


def test_nobody_is_paid_twice_for_the_same_minute() -> None:
    """Forty answers within minutes that claim 50 minutes each are not 33 hours of work."""
    answers = [answer(number, 10.0 + number % 3) for number in range(30)]
    first = max(one.created_at for one in answers) + timedelta(days=1)
    claimed = [
        replace(answer(100 + number, 3000.0), annotator="cheat", created_at=at, updated_at=at)
        for number, at in enumerate(first + timedelta(seconds=5 * step) for step in range(40))
    ]

    seconds = working_seconds([*answers, *claimed])

    assert np.isfinite(seconds[:31]).all()
    assert np.isnan(seconds[31:]).all()


def test_a_skip_and_an_edit_take_time_too() -> None:
    """Somebody looked, even if no label came of it or it came in two sittings."""
    answers = [answer(1, 10.0, label=None), answer(2, 20.0, edited_s=60)]
    seconds = working_seconds(answers)
    assert value(minutes_spent(answers, seconds, np.ones(2, dtype=bool))) == pytest.approx(0.5)


def test_too_few_times_are_no_time() -> None:
    """Where most answers carry no time, the minutes are not guessed."""
    answers = [answer(1, 10.0), answer(2, None)]
    assert minutes_spent(answers, working_seconds(answers), np.ones(2, dtype=bool)).estimate is None


def test_sums_have_the_interval_of_independent_parts() -> None:
    """Arms add in quadrature, and turn round where something is taken off."""
    one, other = Measure(9, Estimate(10, 7, 14, 9)), Measure(5, Estimate(4, 1, 5, 5))
    assert total([one, other]).estimate == Estimate(14, 14 - 18**0.5, 14 + 17**0.5, 5)
    assert difference(one, other).estimate == Estimate(6, 6 - 10**0.5, 6 + 5, 5)
    assert difference(one, Measure(3, None, "too few")) == Measure(3, None, "too few")
    times = product(one, exact(2.0)).estimate
    assert times == Estimate(20, 14, 28, 9)


@pytest.mark.parametrize("wrong", [0.07, 0.1, 0.13])
def test_expected_sums_hold_the_truth_where_gold_is_off(wrong: float) -> None:
    """Gold doubts a tenth of its labels; also where 7 or 13 % are wrong the interval holds it."""
    rng = np.random.default_rng(1)
    posterior = np.tile([0.9, 0.1], (400, 1))
    amounts = np.tile([0.0, 3.0], (400, 1))
    interval = expected(amounts, posterior).estimate
    assert interval is not None
    sums = 3.0 * (rng.random((2000, 400)) < wrong).sum(axis=1)
    assert np.mean((interval.low <= sums) & (sums <= interval.high)) >= 0.95
    assert not interval.low <= 3.0 * 400 * 0.2 <= interval.high


def test_what_gold_is_sure_of_needs_no_interval() -> None:
    """Labels beyond doubt cost exactly what they cost."""
    assert expected(np.array([[0.0, 3.0], [4.0, 0.0]]), np.eye(2)).estimate == Estimate(0.0, 0.0, 0.0, 2)


def test_errors_cost_what_they_are() -> None:
    """An error costs what those seen do; before any, what those expected do, or errors of all kinds."""
    arrived = traffic(["auto"] * 3, [0] * 3)
    seen = inputs([], labelled([]), arrived, audited=[(0, 1), (1, 1), (2, 0)]).audited
    none = arrived.where(np.zeros(3, dtype=bool))
    assert value(price_of_error(seen, none, PRICES)) == 10
    right = seen.where(seen.truth == 0)
    assert value(price_of_error(right, none, PRICES)) == 6
    chances = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]])
    expects = replace(arrived, probs=chances, decided=chances.argmax(axis=1))
    paid = PRICES.errors.of_taken(expects.decided)
    mean = (0.1 * paid[0, 1] + 0.1 * paid[1, 1] + 0.2 * paid[2, 0]) / 0.4
    assert value(price_of_error(right, expects, PRICES)) == pytest.approx(mean)


def test_prices_are_those_of_the_settings() -> None:
    """A pair of labels has its own price, all others the general one, and being right costs nothing."""
    found = prices(CostSettings(error=3.0, errors={"dog": {"cat": 7.0}}), LABELS)
    assert found.errors == ErrorCosts(((0.0, 3.0), (7.0, 0.0)))
    assert found.errors.mean() == 5.0
