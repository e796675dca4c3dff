"""Breaks: how much of the times that a browser reports was work.

A quick review of half an hour is a break; a full review of half an hour may be work. Log times of work are
taken as normal on either side of their mode, with a spread of its own on each [wallis2014], and log seconds
of breaks as normal. The body of the times then tells how probable each long time is as work, and nothing is
cut off at a line. Paths share what they show of spreads and breaks: ten full reviews show neither.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit, ndtr
from scipy.stats import t as student

from goldloop.annotators.pace import MAX_DECISION_S, overlapping
from goldloop.core.annotations import Answer
from goldloop.stats.measures import MIN_N, Measure, exact
from goldloop.stats.metrics import Estimate, Floats

BREAK_S = 300.0
"""Shortest break that is told from work, in seconds; what is shorter counts as work."""

USUAL = (log(0.5), log(0.5), float(logit(0.02)), log(1200.0), log(0.7))
USUAL_SDS = (0.5, 0.5, 2.0, 0.7, 0.5)
"""Prior of all times: log of the spread of log times below and above the mode, log-odds of a break, mean of
the log seconds of breaks, log of their spread."""

PATH_SDS = (0.25, 0.25, 1.0, 0.25, 0.25)
"""How far a path may be from all times together, in the same terms."""

N_PACE = 10.0
"""Answers of an annotator that weigh as much as everybody's for the annotator's own pace."""

_BOUNDS = [(-2.0, 2.0), (-3.0, 1.0), (-3.0, 1.0), (-12.0, 0.0), (log(400.0), log(3600.0)), (-2.5, 0.5)]
_STEP = 1e-3
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Times:
    """Times of answers along a path: `seconds` (n,), NaN where unknown, and the `pace` (n,) of who answered.

    The pace is an annotator's median time as a multiple of everybody's, shrunk to 1 where answers are few.
    """

    seconds: Floats
    pace: Floats

    @property
    def known(self) -> Times:
        """The answers whose time is known."""
        rows = np.isfinite(self.seconds)
        return Times(self.seconds[rows], self.pace[rows])

    @property
    def median(self) -> float:
        """The median time at the usual pace, in seconds."""
        return float(np.median(self.seconds / self.pace))

    @property
    def logs(self) -> Floats:
        """Log times at the usual pace, minus that of the median, (n,)."""
        return np.asarray(np.log(self.seconds / self.pace / self.median))

    @property
    def idle(self) -> Floats:
        """Seconds beyond the median at the annotator's pace, at least one, (n,)."""
        return np.asarray(np.maximum(self.seconds - self.median * self.pace, 1.0))


def times(answers: Sequence[Answer]) -> Times:
    """Return the times of `answers` along one path.

    Times beyond an hour, and those that began before the same annotator's answer before, are unknown.
    """
    seconds = np.array([one.lead_time_s or np.nan for one in answers], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        seconds[~((seconds > 0) & (seconds <= MAX_DECISION_S)) | overlapping(answers)] = np.nan
    people, pace = np.array([one.annotator for one in answers], dtype=str), np.ones(len(answers))
    is_known = np.isfinite(seconds)
    for who in np.unique(people[is_known]):
        mine = people == who
        own = np.log(seconds[mine & is_known])
        usual = float(np.median(np.log(seconds[is_known])))
        pace[mine] = np.exp((np.median(own) - usual) * len(own) / (len(own) + N_PACE))
    return Times(seconds, pace)


class _Mixture:
    """Times of work and times with a break: the parameters fitted to `paths`, with a normal prior.

    The parameters are the mode of the log times of work, and those of `USUAL`.
    """

    def __init__(self, paths: Sequence[Times], usual: Sequence[float], sds: Sequence[float]) -> None:
        self.logs = np.concatenate([one.logs for one in paths])
        self.idle = np.log(np.concatenate([one.idle for one in paths]))
        self.of_idle = np.concatenate([one.seconds / one.idle for one in paths])  # d log(idle) / d log(time)
        self.usual, self.sds = np.array(usual), np.array(sds)
        start = np.clip([0.0, *usual], [low for low, _ in _BOUNDS], [high for _, high in _BOUNDS])
        self.mode: Floats = minimize(self._negative, start, method="L-BFGS-B", bounds=_BOUNDS).x

    def breaks(self, at: Floats) -> Floats:
        """Return how probable a break is in each time, (n,)."""
        work, idle = self._parts(at)
        return idle / np.maximum(work + idle, _TINY)

    def variance(self, value: Callable[[Floats], float]) -> float:
        """Return the variance of `value` of the parameters, to first order."""
        steps = _STEP * np.eye(len(self.mode))
        slopes = np.array([(value(self.mode + one) - value(self.mode - one)) / (2 * _STEP) for one in steps])
        curvature = [[self._mixed(one, other) for one in steps] for other in steps]
        values, vectors = np.linalg.eigh(np.array(curvature))
        return float(((slopes @ vectors) ** 2 / np.maximum(values, 1e-6)).sum())

    def _mixed(self, one: Floats, other: Floats) -> float:
        ways = [(a, b) for a in (1, -1) for b in (1, -1)]
        return sum(a * b * self._negative(self.mode + a * one + b * other) for a, b in ways) / 4 / _STEP**2

    def _parts(self, at: Floats) -> tuple[Floats, Floats]:
        mode, below, above = float(at[0]), float(np.exp(at[1])), float(np.exp(at[2]))
        off = (self.logs - mode) / np.where(self.logs < mode, below, above)
        share = float(expit(at[3]))
        peak = 2 / ((below + above) * sqrt(2 * np.pi))
        middle, width = float(at[4]), float(np.exp(at[5]))
        least, most = ((log(end) - middle) / width for end in (BREAK_S, MAX_DECISION_S))
        height = 1 / (width * sqrt(2 * np.pi) * max(float(ndtr(most) - ndtr(least)), 0.01))
        idle = height * np.exp(-(((self.idle - middle) / width) ** 2) / 2) * (self.idle >= log(BREAK_S))
        return (1 - share) * peak * np.exp(-(off**2) / 2), share * idle * self.of_idle

    def _negative(self, at: Floats) -> float:
        """Return minus the log of the posterior density."""
        work, idle = self._parts(at)
        off = (at[1:] - self.usual) / self.sds
        return -float(np.log(np.maximum(work + idle, _TINY)).sum()) + float(off @ off) / 2


def minutes_of(paths: Sequence[Times]) -> list[Measure]:
    """Return the minutes of work along each of `paths`.

    A time counts as far as it is work; where it has a break, and where it is unknown, the mean time of work
    at the annotator's pace takes its place. There are too few where times of a path are unknown and less than
    `MIN_N` are known.
    """
    known = [one.known for one in paths if np.isfinite(one.seconds).any()]
    usual: Sequence[float] = USUAL
    if known:
        usual = _Mixture(known, USUAL, USUAL_SDS).mode[1:].tolist()
    return [_minutes(one, usual) for one in paths]


def _minutes(path: Times, usual: Sequence[float]) -> Measure:
    n, known = len(path.seconds), path.known
    if not n:
        return exact(0.0, 0)
    if len(known.seconds) < min(n, MIN_N):
        return Measure(n, None, "too few times reported")
    mixture = _Mixture([known], usual, PATH_SDS)
    missing = path.pace[~np.isfinite(path.seconds)]

    def seconds(at: Floats) -> float:
        idle = mixture.breaks(at)
        replaced = float(idle @ known.pace + missing.sum())
        return float((1 - idle) @ known.seconds) + _usual(known, 1 - idle) * replaced

    idle = mixture.breaks(mixture.mode)
    usual_s, work = _usual(known, 1 - idle), 1 - idle
    spread = float(work @ (known.seconds / known.pace - usual_s) ** 2 / max(work.sum() - 1, 1))
    replaced = float(idle @ known.pace + missing.sum())
    variance = mixture.variance(seconds) + float((idle * work) @ (known.seconds - usual_s * known.pace) ** 2)
    variance += spread * (float(idle @ known.pace**2 + missing @ missing) + replaced**2 / float(work.sum()))
    value = seconds(mixture.mode)
    half = float(student.ppf(0.975, max(len(known.seconds) - 1, 1))) * sqrt(variance)
    return Measure(n, Estimate(value / 60, max(0.0, value - half) / 60, (value + half) / 60, n))


def _usual(known: Times, work: Floats) -> float:
    """Return the mean time of work at the usual pace, in seconds."""
    return float(work @ (known.seconds / known.pace) / max(float(work.sum()), _TINY))
