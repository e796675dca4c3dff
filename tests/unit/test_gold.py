"""Gold records, their digest and their differences."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from goldloop.core.samples import sample_id_of
from goldloop.core.splits import Split
from goldloop.gold.records import GoldRecord, gold_diff, gold_digest
from tests.records import gold_record


def record(name: str = "a", **changes: object) -> GoldRecord:
    """Return a gold record of the sample `name`."""
    plain = gold_record(
        sample_id_of(name.encode()), "cat", group="g", model_version="3", suggested_label="dog"
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_digest_covers_content_and_not_what_servers_hand_out() -> None:
    """Labels, votes and splits change the digest; ids and moments do not; neither does order."""
    digest = gold_digest([record("a"), record("b")])
    assert gold_digest([record("b"), record("a")]) == digest
    same = record(
        "a",
        annotation_ids=(99,),
        annotators=("5",),
        model_version="8",
        labelled_at=datetime(2030, 1, 1, tzinfo=UTC),
    )
    assert gold_digest([same, record("b")]) == digest
    for change in (
        {"label": "dog"},
        {"split": Split.HOLDOUT},
        {"votes": {"cat": 2}},
        {"group": "h"},
        {"n_votes": 2},
    ):
        assert gold_digest([record("a", **change), record("b")]) != digest
    assert gold_digest([record("a")]) != digest


def test_digest_is_pinned() -> None:
    """The digest of a known record never changes between releases; old versions stay checkable."""
    assert gold_digest([]) == "e29533b0bce663fe86d1f8cd734914df488cf2be82a464711aa3b6ee29e38988"
    assert gold_digest([record("a")]) == "97a5b3871988f07a870e81a175a3029514e33a234d2ed21f561de5795954027f"


def test_diff_names_added_removed_and_changed() -> None:
    """One entry for each sample that differs, in order of sample_id."""
    before = [record("a"), record("b"), record("c")]
    after = [record("b", label="dog"), record("c", annotators=("9",)), record("d")]
    kinds = {change.sample_id: change.kind for change in gold_diff(before, after)}
    assert kinds == {
        sample_id_of(b"a"): "removed",
        sample_id_of(b"b"): "changed",
        sample_id_of(b"d"): "added",
    }
    assert gold_diff(before, before) == []
