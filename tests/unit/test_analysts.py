"""Analysts: who reviews what best, told only by evidence."""

from __future__ import annotations

from goldloop.costs.analysts import Looks, best_looks
from goldloop.stats.measures import Measure, exact, share

BAND = (0.0, 50.0)


def looks(who: str, n_right: int, n: int, band: tuple[float, float] | None = BAND) -> Looks:
    """Return quick looks of one annotator, or of everybody."""
    return Looks("quick", who, band, n, share(n_right, n), exact(30.0))


def test_the_best_reviewer_is_better_than_everybody_by_evidence() -> None:
    """A few right answers are none; of two who are better the surer one is named."""
    everybody = looks("", 700, 1000)
    few, good, better, usual = (
        looks("1", 9, 10),
        looks("2", 95, 100),
        looks("3", 190, 200),
        looks("4", 70, 100),
    )

    assert best_looks([everybody, few, good, better, usual]) == [(better, everybody)]
    assert best_looks([everybody, few, usual]) == []


def test_each_part_of_the_stakes_has_its_own_best_reviewer() -> None:
    """Who is good at small payments need not be so at large ones; what is not known counts nowhere."""
    large = (50.0, 900.0)
    small_all, large_all = looks("", 700, 1000), looks("", 600, 1000, large)
    ana, ben = looks("1", 95, 100), looks("2", 90, 100, large)
    unknown = Looks("quick", "3", large, 4, Measure(4, None), exact(30.0))

    found = best_looks([small_all, large_all, ana, ben, unknown, looks("1", 60, 100, large)])
    assert found == [(ana, small_all), (ben, large_all)]
