"""Hypothesis strategies for the values of the domain."""

from __future__ import annotations

from hypothesis import strategies as st

from goldloop.consensus.finding import Case
from goldloop.routing.lanes import Lane
from goldloop.routing.policies import Band
from goldloop.samples import BatchId, sample_id_of
from goldloop.selection import Candidate


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


def cases(*, with_decisions: bool = True) -> st.SearchStrategy[list[Case]]:
    """Samples labelled cat, dog or fox by up to five people, some seen by a model, some decided."""
    labels = st.sampled_from(["cat", "dog", "fox"])
    people = st.dictionaries(st.sampled_from("12345"), labels, max_size=4)
    weights = st.tuples(*[st.floats(0.02, 1)] * 3)
    probs = st.none() | weights.map(lambda row: tuple(one / sum(row) for one in row))
    decision = st.none() | labels if with_decisions else st.none()
    rows = st.lists(st.tuples(people, probs, decision, st.none() | labels), max_size=12)
    return rows.map(
        lambda rows: [
            Case(
                sample_id=sample_id_of(f"s{number}".encode()),
                votes=votes,
                probs=probs,
                shown=dict.fromkeys(sorted(votes)[:1], shown) if shown else {},
                decision=decision,
            )
            for number, (votes, probs, decision, shown) in enumerate(rows)
        ]
    )
