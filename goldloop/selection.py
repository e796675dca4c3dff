"""Selection: how the people's time of one round is spent.

Every sample carries permanent random numbers, derived from its id and the workspace's seed [ohlsson1995].
The samples whose audit number lies below the audit rate are *reserved*: they are labelled blind, judge the
models and are never reviewed or trained on. Because the reserve is fixed by chance on arrival, whatever
the model later thinks of a sample, the judged samples stay a random draw of all traffic over all rounds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from goldloop.routing.lanes import Lane
from goldloop.samples import BatchId, SampleId
from goldloop.tasks import Purpose


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sample of the backlog: it has arrived, and no live task asks people about it.

    `margin` and `label` are those of its newest prediction; both None before any model has scored it.
    """

    sample_id: SampleId
    batch: BatchId
    lane: Lane
    margin: float | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A sample chosen for people, why, and with which probability chance would have chosen it.

    `inclusion_probability` is None for review, where no chance is involved, and for a seed drawn from what a
    model held.
    """

    candidate: Candidate
    purpose: Purpose
    inclusion_probability: float | None

    @property
    def stratum(self) -> str:
        """Batch and lane at the time of the draw."""
        return f"{self.candidate.batch}/{self.candidate.lane}"


def permanent_random(sample_id: SampleId, seed: int, stream: str) -> float:
    """Return the sample's random number in [0, 1) for `stream`, the same on every machine, in every round."""
    digest = hashlib.sha256(f"{seed}:{stream}:{sample_id}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def is_reserved(sample_id: SampleId, *, audit_rate: float, seed: int) -> bool:
    """Return whether the sample belongs to the audit reserve."""
    return permanent_random(sample_id, seed, "audit") < audit_rate


def in_order_of_value(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return review candidates, smallest margin first, predicted labels taking turns.

    Taking turns keeps one confusable pair from using up the whole budget; ties go by sample_id.
    """
    by_label: dict[str, list[Candidate]] = {}
    ranked = sorted(
        candidates, key=lambda one: (one.margin if one.margin is not None else 1.0, one.sample_id)
    )
    for one in ranked:
        by_label.setdefault(one.label or "", []).append(one)
    queues = [by_label[label] for label in sorted(by_label)]
    longest = max((len(queue) for queue in queues), default=0)
    return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]


def select(
    backlog: Sequence[Candidate],
    *,
    n_answers: int,
    audit_rate: float,
    audit_share: float,
    seed: int,
    audit_answers: int = 1,
    overlap: int = 1,
    n_arrived: int,
    n_audited: int,
    has_model: bool,
) -> list[Choice]:
    """Return what people are asked next, at most `n_answers`: the audit first, then the review lane by value.

    An audit sample takes `audit_answers` answers, any other `overlap`.

    Before any model exists the rest of the budget is a seed: a uniform random draw from what is not reserved.
    Later a seed is drawn from what is held, as far as the review lane leaves budget over: a weak model that
    is unsure of nearly everything would otherwise get nearly nothing to learn from.
    `n_arrived` and `n_audited` count all samples that ever arrived and all that were already drawn for the
    audit; with them the audit's inclusion probability is the share of all traffic drawn so far, which is the
    audit rate once the whole reserve has been drawn.
    """
    reserve = sorted(
        (one for one in backlog if is_reserved(one.sample_id, audit_rate=audit_rate, seed=seed)),
        key=lambda one: permanent_random(one.sample_id, seed, "audit"),
    )
    n_audits = max(1, round(n_answers * audit_share / audit_answers))
    drawn = reserve[: min(n_answers // audit_answers, n_audits)]
    is_complete = len(drawn) == len(reserve)
    share = audit_rate if is_complete else (n_audited + len(drawn)) / max(n_arrived, 1)
    choices = [Choice(one, Purpose.AUDIT, share) for one in drawn]

    n_left = (n_answers - audit_answers * len(choices)) // overlap
    open_to_all = [one for one in backlog if not is_reserved(one.sample_id, audit_rate=audit_rate, seed=seed)]
    if has_model:
        review = in_order_of_value(one for one in open_to_all if one.lane is Lane.REVIEW)[:n_left]
        choices += [Choice(one, Purpose.REVIEW, None) for one in review]
        held = [one for one in open_to_all if one.lane is Lane.HOLD]
        held.sort(key=lambda one: permanent_random(one.sample_id, seed, "seed"))
        return choices + [Choice(one, Purpose.SEED, None) for one in held[: n_left - len(review)]]
    seeds = sorted(open_to_all, key=lambda one: permanent_random(one.sample_id, seed, "seed"))[:n_left]
    probability = len(seeds) / max(n_arrived, 1)
    return choices + [Choice(one, Purpose.SEED, probability) for one in seeds]
