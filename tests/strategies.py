"""Hypothesis strategies for the values of the domain."""

from __future__ import annotations

from hypothesis import strategies as st

from goldloop.routing import Band, Lane
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
