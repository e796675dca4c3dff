"""What is accepted by machine is right as often as was promised, with the certainty that was promised."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from goldloop.audit.audited import Audited
from goldloop.core.errors import InvalidProbabilitiesError, LabelError, PolicyError
from goldloop.core.samples import sample_id_of
from goldloop.routing.certificate import certify, evenly_drawn, fewest_audits, most_errors, planned_sequence

Floats = npt.NDArray[np.float64]


def audited(weights: Floats) -> Audited:
    """Return audits with these weights; nothing else about them matters."""
    n = len(weights)
    return Audited(
        sample_ids=tuple(sample_id_of(f"sample {number}".encode()) for number in range(n)),
        truth=np.zeros(n, dtype=np.intp),
        probs=np.tile([0.9, 0.1], (n, 1)),
        weights=weights,
        lanes=np.full(n, ""),
        rounds=np.full(n, -1),
    )


@pytest.mark.parametrize(("accuracy", "n"), [(0.95, 59), (0.98, 149), (0.99, 299), (0.995, 598)])
def test_the_fewest_audits_that_show_anything(accuracy: float, n: int) -> None:
    """ln(delta) / ln(accuracy), and one audit fewer shows nothing."""
    sure = np.linspace(0.5, 1, n)

    assert fewest_audits(accuracy, 0.05) == n
    assert certify(sure, np.ones(n), accuracy=accuracy, delta=0.05).threshold == 0.0
    assert certify(sure[1:], np.ones(n - 1), accuracy=accuracy, delta=0.05).threshold is None


def test_too_few_audits_are_named() -> None:
    """The reason says how many there are and how many it takes."""
    found = certify(np.ones(60), np.ones(60), accuracy=0.98, delta=0.05)

    assert found.reason == "at least 149 audits, all of them right, are needed to show 98.0%; there are 60"


def test_too_many_errors_are_named() -> None:
    """The reason says how many of the surest are wrong, and how many might be."""
    found = certify(np.linspace(0.5, 1, 200), np.zeros(200), accuracy=0.95, delta=0.05)

    assert found.threshold is None
    assert "highest confidence are wrong; at most 0 may be wrong to show 95.0%" in found.reason


def test_no_audit_certifies_nothing() -> None:
    """Nothing is not evidence."""
    assert certify([], [], accuracy=0.9, delta=0.05).threshold is None


def test_the_region_holds_what_was_tested_and_nothing_else() -> None:
    """It ends just above the surest audit left out: 300 right ones pass, the 100 wrong ones below do not."""
    sure = np.linspace(0.4, 0.99, 400)
    right = sure > 0.5475

    found = certify(sure, right, accuracy=0.95, delta=0.05)

    assert found.threshold is not None
    assert sure[sure < found.threshold].max() == pytest.approx(found.threshold, abs=1e-12)
    assert 300 <= (sure >= found.threshold).sum() <= 320


def test_equal_confidences_are_accepted_together() -> None:
    """No threshold can part them, so no region that was tested does."""
    sure = np.repeat([0.99, 0.9, 0.6], [100, 100, 100])
    right = np.r_[np.ones(200), np.zeros(100)]

    found = certify(sure, right, accuracy=0.95, delta=0.05)

    assert found.threshold == np.nextafter(0.6, 1)


def flat(sure: Floats) -> Floats:
    """Everything is wrong a little too often, however sure the model is."""
    return np.full(len(sure), 0.101)


def upside_down(sure: Floats) -> Floats:
    """The surer the model the oftener it is wrong."""
    return 0.6 * (sure - 0.5)


def cliff(sure: Floats) -> Floats:
    """Right above 0.75, always; below it mostly wrong: the last certified step is the one that fails."""
    return np.where(sure > 0.75, 0.0, 0.6)


def waves(sure: Floats) -> Floats:
    """Good and bad regions take turns."""
    return np.where(np.floor(sure * 40) % 2 == 0, 0.0, 0.25)


@pytest.mark.parametrize("risk", [flat, upside_down, cliff, waves])
def test_the_target_is_missed_no_oftener_than_promised(risk: object) -> None:
    """At most 5 % of audits accept what is wrong too often, even where confidence means something else."""
    assert callable(risk)
    rng = np.random.default_rng(7)
    traffic = np.sort(rng.uniform(0.5, 1, 100_000))[::-1]
    risks = np.cumsum(risk(traffic)) / np.arange(1, len(traffic) + 1)
    n_repeats, n_missed = 200, 0
    for _ in range(n_repeats):
        sure = rng.uniform(0.5, 1, 250)
        right = rng.random(250) >= risk(sure)
        threshold = certify(sure, right, accuracy=0.9, delta=0.05).threshold
        n_accepted = 0 if threshold is None else int((traffic >= threshold).sum())
        n_missed += n_accepted > 0 and risks[n_accepted - 1] > 0.1

    assert n_missed / n_repeats <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n_repeats)


def test_the_limit_on_errors_is_the_exact_one() -> None:
    """As many errors as have a probability of at most delta, by summing the binomial by hand."""
    most = most_errors(np.array([10, 60, 100]), risk=0.05, delta=0.05)

    assert most.tolist() == [-1, 0, 1]  # .95^60 = .046; .95^100 + 5 x .95^99 = .037, with two errors .118


def test_the_planned_sequence_accepts_most_on_average() -> None:
    """Of all sequences that leap from station to station and then walk, by trying every set of labels."""
    sure = np.array([0.99, 0.97, 0.95, 0.93, 0.92, 0.9, 0.88, 0.8, 0.7, 0.6, 0.6, 0.55])
    sizes = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12])  # the two at 0.6 go together
    most = most_errors(sizes, risk=0.4, delta=0.2)
    stations = np.flatnonzero(np.diff(most, prepend=-1) > 0)
    wrong = np.array(list(product([False, True], repeat=12)))
    chances = np.where(wrong, 1 - sure, sure).prod(axis=1)
    passes = np.cumsum(wrong, axis=1)[:, sizes - 1] <= most

    def accepted(sequence: npt.NDArray[np.intp]) -> float:
        reached = np.zeros(len(wrong))
        is_going = np.ones(len(wrong), dtype=bool)
        for place in sequence:
            is_going &= passes[:, place]
            reached[is_going] = sizes[place]
        return float(chances @ reached)

    everything = [
        np.r_[stations[begin:leave], stations[leave] : len(sizes)]
        for begin in range(len(stations))
        for leave in range(begin, len(stations))
    ]

    planned = planned_sequence(sure, sizes, most)

    assert len(stations) >= 3
    assert accepted(planned) == pytest.approx(max(accepted(one) for one in everything))


def test_many_audits_are_certified_near_the_truth() -> None:
    """With 8,000 audits little is left to luck: what is accepted is right for a little more than 0.95."""
    rng = np.random.default_rng(2)
    sure = 1 - 0.5 * rng.beta(0.5, 2, 8000)
    right = rng.random(8000) < sure

    found = certify(sure, right, accuracy=0.95, delta=0.05)

    assert found.threshold is not None
    assert 0.95 < sure[sure >= found.threshold].mean() < 0.96


def test_audits_of_an_author_who_is_always_wrong_count_once() -> None:
    """Of pairs that are right or wrong together about half of the audits stay, which keeps the guarantee."""
    everything = audited(np.ones(400))
    is_wrong = np.repeat(np.arange(200) % 5 == 0, 2).astype(np.intp)
    pairs = np.repeat(np.arange(200), 2).astype(np.str_)

    alone = evenly_drawn(replace(everything, truth=is_wrong), seed=0)
    together = evenly_drawn(replace(everything, truth=is_wrong, clusters=pairs), seed=0)

    assert len(alone) == 400
    assert 170 < len(together) < 240


def test_evenly_drawn_audits_all_stay() -> None:
    """Equal probabilities need no thinning."""
    assert len(evenly_drawn(audited(np.full(50, 10.0)), seed=0)) == 50


def test_audits_that_were_likelier_are_thinned() -> None:
    """The rarest all stay; of those drawn five times as often one in five does."""
    everything = audited(np.r_[np.full(200, 50.0), np.full(2000, 10.0)])

    kept = evenly_drawn(everything, seed=0)

    assert (kept.weights == 50).sum() == 200
    assert 340 <= (kept.weights == 10).sum() <= 460


def test_who_stays_does_not_depend_on_who_else_is_there() -> None:
    """An audit that counted this week counts next week, as long as the rarest draw is as rare."""
    weights = np.r_[50.0, np.full(300, 10.0)]

    early, late = (evenly_drawn(audited(weights[:n]), seed=0) for n in (150, 301))

    assert set(early.sample_ids) == set(late.sample_ids) & set(audited(weights[:150]).sample_ids)


def test_input_that_makes_no_sense_is_refused() -> None:
    """The error says what is wrong."""
    with pytest.raises(LabelError, match=r"\(2,\) answers for \(3,\) confidences"):
        certify([0.5, 0.6, 0.7], [True, False], accuracy=0.9, delta=0.05)
    with pytest.raises(InvalidProbabilitiesError, match=r"outside \[0, 1\]"):
        certify([0.5, float("nan")], [True, False], accuracy=0.9, delta=0.05)
    with pytest.raises(PolicyError, match=r"got 1\.0 and 0\.05"):
        certify([0.5], [True], accuracy=1.0, delta=0.05)
