"""Analysts: how often they are right and how long they take, by path and by stake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, pairwise

import numpy as np

from goldloop.annotators.automation_bias import observations
from goldloop.annotators.profiles import assessed_answers
from goldloop.consensus.outcomes import Outcomes
from goldloop.core.annotations import Answer
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.core.tasks import AnswerRequest
from goldloop.costs.quarter import PATHS, QUICK
from goldloop.costs.review_effort import blind_accuracy, inner_edges
from goldloop.costs.time import working_seconds
from goldloop.stats.measures import Measure, mean, share


@dataclass(frozen=True, slots=True)
class Looks:
    """Answers along a `path`: all of them, those about stakes of a band, or those of one annotator.

    `who` is "" for everybody. `band` is the lowest and the highest stake; None for all stakes.
    """

    path: str
    who: str
    band: tuple[float, float] | None
    n: int
    accuracy: Measure
    seconds: Measure


def looks_of(
    answers: Sequence[Answer],
    outcomes: Outcomes,
    requests: Iterable[AnswerRequest],
    stakes: Mapping[SampleId, float],
    labels: LabelSet,
) -> list[Looks]:
    """Return the looks of each path: in all, by thirds of the stakes, by annotator, and by both.

    Of the last those are left out whose accuracy is not known yet.

    Quick reviews are right or wrong by a decision or by blind answers of others, blind ones by everybody
    else's evidence; outcomes are a decision.
    """
    assessed = {one.answer.annotation_id: one for one in assessed_answers(outcomes, requests, labels)}
    found = []
    for path, purposes in PATHS.items():
        mine = [one for one in answers if one.purpose in purposes and not one.is_skip]
        seconds = {
            one.annotation_id: took for one, took in zip(mine, working_seconds(mine).tolist(), strict=True)
        }
        for who, band, some in _parts(mine, stakes):
            times = np.array([seconds[one.annotation_id] for one in some])
            if path == QUICK:
                right = _shown_accuracy(some, answers, outcomes)
            else:
                entries = [assessed[one.annotation_id] for one in some if one.annotation_id in assessed]
                right = blind_accuracy(entries, purposes, labels)
            if not (who and band) or right.estimate is not None:
                found.append(Looks(path, who, band, len(some), right, mean(times[np.isfinite(times)])))
    return found


def _parts(
    answers: Sequence[Answer], stakes: Mapping[SampleId, float]
) -> Iterator[tuple[str, tuple[float, float] | None, list[Answer]]]:
    """Yield all answers, those of each third of the stakes, of each annotator, and of both; none of none."""
    if not answers:
        return
    yield "", None, list(answers)
    at = np.array([stakes.get(one.sample_id, 0.0) for one in answers])
    edges = np.unique([at.min(), *inner_edges(at), at.max()])
    bands = {
        (low, high): list(compress(answers, ((at >= low) & ((at < high) | (high == edges[-1]))).tolist()))
        for low, high in pairwise(edges.tolist())
    }
    yield from (("", band, some) for band, some in bands.items())
    for who in sorted({one.annotator for one in answers}, key=lambda who: (len(who), who)):
        yield who, None, [one for one in answers if one.annotator == who]
        for band, some in bands.items():
            yield who, band, [one for one in some if one.annotator == who]


def best_looks(looks: Sequence[Looks]) -> list[tuple[Looks, Looks]]:
    """Return who is right most often along a path and in a band of stakes, beside everybody there.

    Only those count whose accuracy is above that of everybody by its interval.
    """
    everybody = {(one.path, one.band): one for one in looks if not one.who}
    best: dict[tuple[str, tuple[float, float] | None], Looks] = {}
    for one in looks:
        place, mine = (one.path, one.band), one.accuracy.estimate
        of_all = everybody[place].accuracy.estimate
        if not one.who or mine is None or of_all is None or mine.low <= of_all.value:
            continue
        leader = best.get(place)
        if leader is None or leader.accuracy.estimate is None or mine.low > leader.accuracy.estimate.low:
            best[place] = one
    return [(one, everybody[place]) for place, one in best.items()]


def _shown_accuracy(some: Sequence[Answer], answers: Sequence[Answer], outcomes: Outcomes) -> Measure:
    """Return how often the answers in `some`, given beside a suggestion, are right; `answers` are all."""
    evidence = [sample.evidence for sample in outcomes.samples]
    ids, decided = {one.sample_id for one in some}, {}
    for one in evidence:
        if one.decision is not None and one.decision.label is not None:
            decided[one.sample_id] = one.decision.label
    seen = observations(
        [one for one in answers if one.sample_id in ids],
        decided,
        {one.sample_id: one.arm for one in evidence},
    )
    known = [one for one in seen if one.is_shown and one.truth is not None]
    return share(sum(one.answer_label == one.truth for one in known), len(known))
