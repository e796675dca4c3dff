"""Splits: chosen samples train, drawn ones judge, and near-duplicates never stand on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.core.errors import HoldoutLeakError
from goldloop.core.modality import MAX_FINGERPRINT_DISTANCE
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.core.splits import Split, split_beside, wanted_split
from goldloop.core.tasks import Purpose
from goldloop.gold.leaks import check_no_leak
from goldloop.gold.near_duplicates import Groups


@dataclass(frozen=True)
class Placed:
    """A labelled sample in its split."""

    sample_id: SampleId
    split: Split
    group: str
    entity: str | None = None


A, B, C = (sample_id_of(name.encode()) for name in "abc")


@given(st.binary(max_size=8), st.integers(0, 5))
def test_purpose_decides_the_split_and_chance_halves_the_audit(name: bytes, seed: int) -> None:
    """Seed and review samples train; an audit sample judges, always on the same side."""
    sample_id = sample_id_of(name)
    assert wanted_split(sample_id, Purpose.REVIEW, audit_rate=0.1, seed=seed) is Split.TRAIN
    assert wanted_split(sample_id, Purpose.SEED, audit_rate=0.1, seed=seed) is Split.TRAIN
    split = wanted_split(sample_id, Purpose.AUDIT, audit_rate=0.1, seed=seed)
    assert split in (Split.VALIDATION, Split.HOLDOUT)
    assert split is wanted_split(sample_id, Purpose.AUDIT, audit_rate=0.1, seed=seed)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([Split.TRAIN, Split.VALIDATION, Split.HOLDOUT])))
)
def test_no_order_of_arrivals_makes_a_leak(arrivals: list[tuple[int, Split]]) -> None:
    """However samples of a few groups arrive, no group ends on both sides."""
    splits: dict[str, Split] = {}
    rows = []
    for number, (group, wanted) in enumerate(arrivals):
        split = split_beside(wanted, splits.get(str(group)))
        if splits.get(str(group)) in (None, Split.WITHHELD):
            splits[str(group)] = split
        rows.append(Placed(sample_id_of(f"{number}".encode()), split, str(group)))
    check_no_leak(rows)


def test_a_leak_is_an_error_that_names_both_samples() -> None:
    """Retraining on a damaged gold version stops."""
    rows = [Placed(A, Split.TRAIN, "g"), Placed(B, Split.HOLDOUT, "g"), Placed(C, Split.TRAIN, "h")]
    with pytest.raises(HoldoutLeakError, match=f"train sample {A} and judging sample {B}"):
        check_no_leak(rows)
    check_no_leak([Placed(A, Split.WITHHELD, "g"), Placed(B, Split.HOLDOUT, "g")])


@pytest.mark.parametrize("other", [Split.TRAIN, Split.VALIDATION])
def test_an_author_on_two_sides_is_a_leak(other: Split) -> None:
    """A model learns from validation too, so all samples of an author that judge are in one split."""
    rows = [Placed(A, other, "g", "author:x"), Placed(B, Split.HOLDOUT, "h", "author:x")]
    with pytest.raises(HoldoutLeakError, match=f"1 authors, threads or other entities .* {other} sample {A}"):
        check_no_leak(rows)
    check_no_leak([rows[0], Placed(B, Split.HOLDOUT, "h", "author:y"), Placed(C, Split.HOLDOUT, "i")])


def test_a_chosen_sample_beside_a_judging_one_is_withheld() -> None:
    """It may not train, which would leak, nor judge, because it was not drawn."""
    assert split_beside(Split.TRAIN, Split.HOLDOUT) is Split.WITHHELD
    assert split_beside(Split.HOLDOUT, Split.TRAIN) is Split.TRAIN
    assert split_beside(Split.HOLDOUT, Split.VALIDATION) is Split.VALIDATION
    assert split_beside(Split.TRAIN, None) is Split.TRAIN


def test_near_fingerprints_share_a_group() -> None:
    """Up to the stated distance two samples are near-duplicates; without fingerprints everyone is alone."""
    groups = Groups()
    first = groups.join(A, f"{0:016x}")
    near = (1 << MAX_FINGERPRINT_DISTANCE) - 1
    assert groups.join(B, f"{near:016x}") == first
    assert groups.join(C, f"{(near << 1) | 1:016x}") != first
    assert Groups().join(A, None) != Groups().join(B, None)
    assert Groups([(first, f"{0:016x}")]).join(B, f"{1:016x}") == first
