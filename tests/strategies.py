"""Hypothesis strategies for the values of the domain."""

from __future__ import annotations

from hypothesis import strategies as st

from goldloop.consensus.votes import VotedSample
from goldloop.core.error_costs import Matrix
from goldloop.core.lanes import Lane
from goldloop.core.predictions import Candidate
from goldloop.core.samples import BatchId, sample_id_of
from goldloop.routing.cost_policy import Cost, Review
from goldloop.routing.policies import Band, Policy, Risk, Supported, Suspended, Target


def confidences() -> st.SearchStrategy[float]:
    """Confidences in [0, 1], both ends included."""
    return st.floats(0, 1, allow_nan=False)


def bands() -> st.SearchStrategy[Band]:
    """Every band there may be."""
    edges = st.lists(confidences(), min_size=2, max_size=2, unique=True)
    return edges.map(lambda pair: Band(min(pair), max(pair)))


def candidates(min_size: int = 0, max_size: int = 60) -> st.SearchStrategy[list[Candidate]]:
    """Backlogs of distinct samples, scored by a model."""
    one = st.tuples(st.sampled_from(list(Lane)), confidences(), st.sampled_from(["a", "b", "c"]))
    return st.lists(one, min_size=min_size, max_size=max_size).map(
        lambda rows: [
            Candidate(sample_id_of(f"s{number}".encode()), BatchId("b"), lane, margin, label)
            for number, (lane, margin, label) in enumerate(rows)
        ]
    )


def votes() -> st.SearchStrategy[dict[str, str]]:
    """Label by annotator."""
    return st.dictionaries(st.sampled_from("123456789"), st.sampled_from(["cat", "dog", "fox"]), max_size=9)


def cases(*, with_decisions: bool = True) -> st.SearchStrategy[list[VotedSample]]:
    """Samples labelled cat, dog or fox by up to five people, some seen by a model, some decided."""
    labels = st.sampled_from(["cat", "dog", "fox"])
    people = st.dictionaries(st.sampled_from("12345"), labels, max_size=4)
    weights = st.tuples(*[st.floats(0.02, 1)] * 3)
    probs = st.none() | weights.map(lambda row: tuple(one / sum(row) for one in row))
    decision = st.none() | labels if with_decisions else st.none()
    rows = st.lists(st.tuples(people, probs, decision, st.none() | labels), max_size=12)
    return rows.map(
        lambda rows: [
            VotedSample(
                sample_id=sample_id_of(f"s{number}".encode()),
                votes=votes,
                probs=probs,
                shown=dict.fromkeys(sorted(votes)[:1], shown) if shown else {},
                decision=decision,
            )
            for number, (votes, probs, decision, shown) in enumerate(rows)
        ]
    )


def probs(max_rows: int = 20) -> st.SearchStrategy[list[list[float]]]:
    """Rows of probabilities over three labels, ties, zeros and certainty included."""
    weights = st.lists(st.sampled_from([0, 1, 2, 3, 5, 20, 400]), min_size=3, max_size=3).filter(any)
    row = weights.map(lambda row: [one / sum(row) for one in row])
    return st.lists(row, max_size=max_rows)


def targets() -> st.SearchStrategy[Target]:
    """Target policies, certified or not."""
    return st.builds(Target, st.sampled_from([0.9, 0.98]), st.just(0.05), st.none() | confidences())


def answers() -> st.SearchStrategy[Matrix]:
    """How people answer three labels: rows that sum to 1."""
    row = st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any)
    return st.lists(row.map(lambda row: tuple(one / sum(row) for one in row)), min_size=3, max_size=3).map(
        tuple
    )


def error_costs() -> st.SearchStrategy[Matrix]:
    """What each error between three labels costs, nothing on the diagonal."""
    amounts = st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 30.0]), min_size=6, max_size=6)
    return amounts.map(lambda a: ((0.0, a[0], a[1]), (a[2], 0.0, a[3]), (a[4], a[5], 0.0)))


def looks() -> st.SearchStrategy[Review]:
    """Ways of asking people, free and unaffordable ones included."""
    return st.builds(Review, st.sampled_from([0.0, 0.1, 0.25, 3.0, float("inf")]), answers())


def cost_policies() -> st.SearchStrategy[Cost]:
    """Cost policies over three labels."""
    return st.builds(Cost, error_costs(), looks(), looks())


def risks() -> st.SearchStrategy[Risk]:
    """Lines of risk, equal ones included."""
    lines = st.lists(st.floats(0.001, 1), min_size=3, max_size=3).map(sorted)
    return lines.map(lambda three: Risk(*three))


def policies() -> st.SearchStrategy[Policy]:
    """Policies of every kind over three labels, supported and suspended ones included."""
    below = st.sampled_from([Lane.HOLD, Lane.REVIEW, Lane.FULL])
    edges = st.lists(confidences(), min_size=2, max_size=2, unique=True)
    any_band = st.builds(lambda pair, below: Band(min(pair), max(pair), below), edges, below)
    plain = st.one_of(any_band, targets(), cost_policies(), risks())
    accepting = st.one_of(any_band, cost_policies(), risks())
    supported = st.builds(Supported, accepting, st.none() | confidences())
    return st.one_of(plain, supported, plain.map(Suspended))
