"""Selection: how the people's time of one round is spent.

Every sample carries permanent random numbers, derived from its id and the workspace's seed [ohlsson1995].
The samples whose audit number lies below their audit probability are *reserved*: they are labelled blind,
judge the models and are never reviewed or trained on. That probability is the audit rate, or, by the Poisson
design, what the model in force on arrival makes of it. Because the reserve is fixed by chance on arrival,
whatever models later think of a sample, the judged samples stay a random draw of all traffic over all rounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from goldloop.core.candidates import Candidate, Choice
from goldloop.core.chance import permanent_random
from goldloop.core.lanes import Lane
from goldloop.core.tasks import Purpose


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
    pool: Sequence[Candidate],
    *,
    n_answers: int,
    audit_rate: float,
    audit_share: float,
    seed: int,
    audit_answers: int = 1,
    overlap: int = 1,
    below_share: float = 0.0,
    n_arrived: int,
    has_model: bool,
) -> list[Choice]:
    """Return what people are asked next, at most `n_answers`: audit, then what the policy wants, by value.

    An audit sample and a full review take `audit_answers` answers, any other `overlap`.

    Before any model exists the rest of the budget is a seed: a uniform random draw from what is not reserved.
    Later a seed is drawn from what is held: of the budget that the audit leaves `below_share`, and what quick
    looks and full reviews do not need. A weak model that is unsure of nearly everything would otherwise get
    nearly nothing to learn from.
    An audit sample's inclusion probability is that with which it was reserved. While the budget does not
    reach for the whole reserve those go first whose random number is smallest for their probability, so that
    what has been asked stays in proportion (sequential Poisson sampling [ohlsson1998]). A seed's is its share
    of the `n_arrived` samples that ever arrived.
    """
    draws = [(one, _audit_ratio(one, audit_rate=audit_rate, seed=seed)) for one in pool]
    reserve = [one for one, ratio in sorted(draws, key=lambda draw: draw[1]) if ratio < 1]
    n_audits = max(1, round(n_answers * audit_share / audit_answers))
    drawn = reserve[: min(n_answers // audit_answers, n_audits)]
    choices = [Choice(one, Purpose.AUDIT, _audit_probability(one, audit_rate)) for one in drawn]

    n_left = n_answers - audit_answers * len(choices)
    open_to_all = [one for one, ratio in draws if ratio >= 1]
    if not has_model:
        seeds = sorted(open_to_all, key=lambda one: permanent_random(one.sample_id, seed, "seed"))
        seeds = seeds[: n_left // overlap]
        probability = len(seeds) / max(n_arrived, 1)
        return choices + [Choice(one, Purpose.SEED, probability) for one in seeds]
    held = sorted(
        (one for one in open_to_all if one.lane is Lane.HOLD),
        key=lambda one: permanent_random(one.sample_id, seed, "seed"),
    )
    n_held = min(int(below_share * n_left) // overlap, len(held))
    looks = _looks(
        open_to_all, n_answers=n_left - overlap * n_held, full_answers=audit_answers, overlap=overlap
    )
    n_left -= sum(audit_answers if one.purpose is Purpose.FULL else overlap for one in looks)
    return [*choices, *looks, *(Choice(one, Purpose.SEED, None) for one in held[: n_left // overlap])]


def _audit_probability(candidate: Candidate, audit_rate: float) -> float:
    return audit_rate if candidate.audit_probability is None else candidate.audit_probability


def _audit_ratio(candidate: Candidate, *, audit_rate: float, seed: int) -> float:
    """Return the permanent random number as a share of the audit probability; below 1 it is reserved."""
    probability = _audit_probability(candidate, audit_rate)
    if probability <= 0:
        return 1.0 + permanent_random(candidate.sample_id, seed, "audit")
    return permanent_random(candidate.sample_id, seed, "audit") / probability


def _looks(
    candidates: Iterable[Candidate], *, n_answers: int, full_answers: int, overlap: int
) -> list[Choice]:
    """Return quick reviews and full reviews in one order of value, as many as `n_answers` pay for."""
    wanted = in_order_of_value(one for one in candidates if one.lane in (Lane.REVIEW, Lane.FULL))
    looks: list[Choice] = []
    for one in wanted:
        is_full = one.lane is Lane.FULL
        price = full_answers if is_full else overlap
        if price <= n_answers:
            n_answers -= price
            looks.append(Choice(one, Purpose.FULL if is_full else Purpose.REVIEW, None))
    return looks
