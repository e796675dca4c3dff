"""The stop rule: the learning curve, what the next answers bring, past forecasts, and the advice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldloop.loop.retrain import retrain
from goldloop.reports.outlook import outlook_line, outlook_section
from goldloop.stats.power_law import Measured, error_covariance, fit_power_law, interval_of
from goldloop.tables.past_models import read_past_models
from goldloop.tables.rounds import read_rounds
from goldloop.training.outlook import Advice, Outlook, PastModels, Price, outlook
from tests.unit.retraining_bench import HOLDOUT, TRAIN, Bench, train_record

PRICE = Price("EUR", error=2.0, answer=0.25, n_unlabelled=10_000)
ANSWERS = np.array([200.0, 400.0, 600.0, 800.0, 1000.0])


def curve(answers: np.ndarray, floor: float = 0.05, scale: float = 0.25, rate: float = 0.7) -> np.ndarray:
    """Return the errors of a power law, with `scale` that at 200 answers."""
    return np.asarray(floor + scale * (answers / 200) ** -rate)


def measured(deviation: float, answers: np.ndarray = ANSWERS, **law: float) -> Measured:
    """Return the errors of a power law, each measured with this standard deviation."""
    return Measured(answers, curve(answers, **law), np.eye(len(answers)) * deviation**2)


def models(n_models: int, n: int = 400, seed: int = 0, **law: float) -> PastModels:
    """Return models of a power law that all judge the same `n` samples, each in its own round."""
    answers = 200.0 * (1 + np.arange(n_models))
    hard = np.random.default_rng(seed).random(n)
    return PastModels(
        rounds=np.arange(n_models),
        answers=answers,
        is_wrong=(hard < curve(answers, **law)[:, None]).astype(float),
        first_judged=np.repeat(np.arange(n_models)[:, None], n, axis=1),
        weights=np.ones(n),
        clusters=np.arange(n).astype(str),
    )


def test_the_gain_of_a_known_curve_is_found() -> None:
    """Measured exactly, the interval is narrow and holds the true gain; measured badly, it is wide."""
    true = float(curve(np.array([1000.0]))[0] - curve(np.array([1100.0]))[0])
    exact, rough = (interval_of(fit_power_law(measured(one)).gain(100), n=5) for one in (0.001, 0.1))

    assert exact.low < true < exact.high
    assert rough.low < true < rough.high
    assert exact.high - exact.low < (rough.high - rough.low) / 4
    assert exact.low >= 0


def test_a_flat_curve_promises_little_and_a_steep_one_much() -> None:
    """The expected gain follows the measured slope."""
    flat, steep = (
        interval_of(fit_power_law(measured(0.005, scale=scale)).gain(100), n=5) for scale in (0.0, 0.6)
    )
    assert flat.value < 0.003
    assert steep.value > 0.012


def test_samples_in_common_make_differences_precise() -> None:
    """Two models that judge the same samples differ by less chance than two with samples of their own."""
    rng = np.random.default_rng(1)
    hard = rng.random(1000)
    wrong = np.array([hard < 0.2, hard < 0.18], dtype=float)
    apart = np.full((2, 2000), np.nan)
    apart[0, :1000], apart[1, 1000:] = wrong
    spread = []
    for rows in (wrong, apart):
        _, covariance = error_covariance(rows, np.ones(rows.shape[1]), np.arange(rows.shape[1]).astype(str))
        spread.append(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert spread[0] < spread[1] / 5


def test_weights_and_clusters_count() -> None:
    """A sample drawn half as often counts twice; samples of one author are one piece of evidence."""
    wrong = np.array([[1.0, 0.0, 0.0, 1.0] * 25])
    alone, authors = np.arange(100).astype(str), np.repeat(np.arange(25), 4).astype(str)
    ones = np.ones(100)

    errors, _ = error_covariance(wrong, np.array([2.0, 1.0, 1.0, 1.0] * 25), alone)
    assert errors[0] == pytest.approx(0.6)
    together = np.array([[1.0] * 4 + [0.0] * 4] * 13).reshape(1, -1)[:, :100]
    of_each, of_authors = (error_covariance(together, ones, one)[1][0, 0] for one in (alone, authors))
    assert of_authors > 3 * of_each


def test_a_model_without_mistakes_is_not_taken_for_perfect() -> None:
    """Of 20 samples without a mistake the error is not known to be 0."""
    errors, covariance = error_covariance(np.zeros((1, 20)), np.ones(20), np.arange(20).astype(str))
    assert errors[0] == 0
    assert covariance[0, 0] ** 0.5 > 0.03


def test_too_few_models_are_said() -> None:
    """With two models there is no gain, no advice, and a sentence that says how many there are."""
    found = outlook(models(2), PRICE)

    assert (found.gain, found.pays, found.advice, found.past) == (None, None, Advice.UNKNOWN, ())
    assert outlook_line(found).startswith("not known yet: 2 of the 3 models")
    assert outlook_section(found).tables == ()
    assert outlook_section(None).is_empty
    assert outlook_line(None) == ""


def test_the_advice_follows_the_prices() -> None:
    """The same curve says go on where labels are many and dear, stop where answers cost more than all."""
    past = models(8, n=2000)
    dear, cheap = (outlook(past, replace(PRICE, n_unlabelled=n)) for n in (1_000_000, 10))

    assert dear.gain == cheap.gain
    assert dear.gain is not None
    assert dear.worth is not None
    assert dear.worth.value == pytest.approx(dear.gain.value * 2_000_000)
    assert dear.cost == 25
    assert (dear.advice, cheap.advice) == (Advice.GO_ON, Advice.STOP)
    assert outlook(past, replace(PRICE, n_unlabelled=dear.pays_from or 0)).advice is Advice.UNCLEAR


def test_past_forecasts_use_only_what_was_known() -> None:
    """What later models measured changes no forecast of an earlier round."""
    past = models(8)
    later = past.is_wrong.copy()
    later[6:] = 1 - later[6:]
    before, after = outlook(past, PRICE).past, outlook(replace(past, is_wrong=later), PRICE).past

    assert [one.round for one in before] == [3, 4, 5, 6, 7]
    assert before[:3] == after[:3]
    assert not after[3].holds
    assert all(one.holds for one in before)


def test_a_champion_judged_again_is_known_as_it_was_then() -> None:
    """Samples that an old model judged only in a later round count for no earlier forecast."""
    past = models(5)
    first = past.first_judged.copy()
    first[0, 200:] = 4
    wrong = past.is_wrong.copy()
    wrong[0, 200:] = 1
    changed = replace(past, first_judged=first, is_wrong=wrong)

    assert changed.measured(3).errors[0] == past.is_wrong[0, :200].mean()
    assert changed.measured(5).errors[0] > past.is_wrong[0].mean()
    right = wrong.copy()
    right[0, 200:] = 0
    other = replace(past, first_judged=first, is_wrong=right)
    assert outlook(changed, PRICE).past[0] == outlook(other, PRICE).past[0]
    assert outlook(changed, PRICE).gain != outlook(other, PRICE).gain


def test_every_retrain_records_its_outlook(tmp_path: Path) -> None:
    """After three models the round holds gain, worth and cost, with the prices of the settings."""
    bench = Bench(tmp_path)
    records = [*TRAIN, *HOLDOUT]
    for number in range(4):
        bench.commit(*records, *(train_record(30 + one) for one in range(number)))
        retrain(bench.ports, bench.notes)

    rounds = read_rounds(bench.tables.rounds)
    assert [one.outlook.n_models if one.outlook else None for one in rounds] == [1, 2, 3, 4]
    newest = rounds[-1].outlook
    assert newest is not None
    assert newest.price.answer == pytest.approx(0.25)  # 30 s of a minute at 0.50 EUR, none measured
    assert (newest.price.error, newest.cost) == (2.0, pytest.approx(25.0))
    assert [one.round for one in newest.past] == [3]
    labels = bench.ports.settings.label_set
    past = read_past_models(bench.tables, bench.gold.records(), labels, rounds)
    assert past.rounds.tolist() == [0, 1, 2, 3]
    assert past.is_wrong.shape == (4, 4)
    assert past.first_judged[0].tolist() == [0] * 4


def test_the_page_and_the_status_say_it() -> None:
    """Amounts, the probability that they pay, the advice, and how often past forecasts held."""
    found = outlook(models(8, n=2000), PRICE)
    section, line = outlook_section(found), outlook_line(found)

    assert isinstance(found, Outlook)
    assert "5 of 5 past forecasts held" in line
    assert "worth" in line
    assert "cost 25.00" in line
    amounts = {str(row["what"]): str(row["amount"]) for row in section.tables[0].rows}
    assert amounts["cost, EUR"] == "25.00"
    assert "points [" in amounts["accuracy"]
    assert len(section.tables[1].rows) == 5
    assert "in 5 of 5" in section.notes[0]
    assert b"<svg" in section.plots[0].picture("svg")
