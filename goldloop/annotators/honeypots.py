"""Honeypots: samples with a known label that one more annotator answers; and the onboarding set.

A honeypot is an ordinary blind task that one more annotator is asked to answer, so nobody can tell it apart,
and the labelling server gives it to somebody who has not answered it yet. Unanimous samples are easier than
the rest and adjudicated ones are harder: accuracy on honeypots is accuracy on these samples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from math import floor

from goldloop.consensus.evidence import SampleEvidence
from goldloop.consensus.outcomes import SampleOutcome
from goldloop.core.chance import permanent_random
from goldloop.core.samples import SampleId

MIN_UNANIMOUS = 2  # blind votes that agree, with none against them, make a label known


@dataclass(frozen=True, slots=True)
class Honeypot:
    """A sample whose label is known, who answered it, and how often it was requested as a honeypot."""

    sample_id: SampleId
    label: str
    annotators: frozenset[str] = frozenset()
    n_asked: int = 0


def known_label(
    evidence: SampleEvidence, *, without: str | None = None, before: datetime | None = None
) -> str | None:
    """Return the sample's label as known from everybody except `without`; None where it is not known.

    It is known when an adjudicator decided, or when at least two blind votes, given not later than `before`,
    all agree.
    """
    decision = evidence.decision
    if decision is not None and decision.annotator != without:
        return decision.label
    blind = [
        vote.label
        for vote in evidence.votes
        if not vote.is_shown and vote.annotator != without and (before is None or vote.created_at <= before)
    ]
    return blind[0] if len(blind) >= MIN_UNANIMOUS and len(set(blind)) == 1 else None


def known_answer(outcome: SampleOutcome, n_asked: int) -> Honeypot | None:
    """Return the sample as a honeypot if it is gold, blind, unanimous or adjudicated, with all answers in.

    It was requested as a honeypot `n_asked` times.
    """
    evidence, label = outcome.evidence, outcome.gold_label
    if label is None or evidence.plan.is_shown or len(evidence.votes) < evidence.n_asked:
        return None
    if known_label(evidence) != label:
        return None
    return Honeypot(evidence.sample_id, label, evidence.people, n_asked)


def n_honeypots_due(*, n_answers: int, n_honeypots: int, honeypot_rate: float) -> int:
    """Return how many honeypots to request now, so that they are `honeypot_rate` of all answers.

    `n_answers` counts all answers so far, including those to honeypots; `n_honeypots` counts the honeypots
    requested so far, answered or not.
    """
    return max(0, floor(honeypot_rate * n_answers + 1e-9) - n_honeypots)


def choose_honeypots(
    known: Collection[Honeypot], *, n: int, people: Collection[str], seed: int
) -> list[SampleId]:
    """Return at most `n` samples to request one more answer for, none twice.

    Only samples that somebody of `people` has not answered are eligible. Labels requested least come first;
    within a label, samples requested least, then by the samples' permanent random numbers.
    """
    n_of_label = Counter[str]()
    for sample in known:
        n_of_label[sample.label] += sample.n_asked
    eligible = sorted(
        (sample for sample in known if set(people) - sample.annotators),
        key=lambda sample: (sample.n_asked, permanent_random(sample.sample_id, seed, "control")),
    )
    return _balanced(eligible, n_of_label)[:n]


def choose_onboarding(
    known: Collection[Honeypot], *, n: int, current: Collection[SampleId] = (), seed: int
) -> list[SampleId]:
    """Return at most `n` samples for newcomers, with as equal numbers of each label as there are samples.

    Samples of `current` whose label is still known stay, so that all newcomers are assessed on the same ones.
    The rest is filled at random with the labels that have the fewest samples.
    """
    ranked = sorted(known, key=lambda sample: permanent_random(sample.sample_id, seed, "onboarding"))
    kept = [sample for sample in ranked if sample.sample_id in current][:n]
    others = [sample for sample in ranked if sample.sample_id not in current]
    added = _balanced(others, Counter(sample.label for sample in kept))[: n - len(kept)]
    return [sample.sample_id for sample in kept] + added


def _balanced(ranked: Iterable[Honeypot], n_of_label: Counter[str]) -> list[SampleId]:
    """Return `ranked` in an order in which each next sample has the label with the fewest so far."""
    counts, places = n_of_label.copy(), []
    for rank, sample in enumerate(ranked):
        places.append((counts[sample.label], rank, sample.sample_id))
        counts[sample.label] += 1
    return [sample_id for _, _, sample_id in sorted(places)]
