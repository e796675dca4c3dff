"""The real conversations are converted into posts and votes as the demo takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldloop.modalities.text.modality import TextModality
from scripts.bench.conversations import converted
from scripts.demo_loop.posts import Posts, voted_posts
from tests.texts import read_all, write_rows

ITEMS = ("id", "split", "bot", "prev_agent", "prev_user", "agent", "user", "n_votes", "n_abusive", "label")
VOTES = ("id", "annotator", "severity", "types", "target", "directness")


def replayable(data: Path, folder: Path) -> Posts:
    """Return the converted set."""
    return voted_posts(*converted(data, folder), seed=0, limit=None, say=lambda _: None)


def test_turns_before_become_the_thread_and_severity_the_label(tmp_path: Path) -> None:
    """A severity below 0 is abusive, 0 is not; annotators see the turns before, and no count of the set."""
    source = tmp_path / "conversations_convabuse"
    source.mkdir()
    rows = [("c1", "x", "y", "hello", "hi", "how are you", "fine", "2", "1", "abusive")]
    rows.append(("c2", "x", "y", "", "", "hello", "bad words", "2", "2", "abusive"))
    write_rows(source / "items.csv", rows, ITEMS)
    votes = [("c1", 1, 0), ("c1", 2, 1), ("c2", 1, -1), ("c2", 2, -3)]
    write_rows(source / "votes.csv", [(*vote, "", "", "") for vote in votes], VOTES)
    found = replayable(tmp_path, tmp_path)
    posts = {one.fields["id"]: one for one in (*found.pool, *found.test)}
    kept = TextModality(tmp_path / "texts.sqlite")
    read_all(kept, tmp_path / "posts.csv")

    assert posts["c1"].votes == {"annotator 1": "not abusive", "annotator 2": "not abusive"}
    assert posts["c2"].votes == {"annotator 1": "abusive", "annotator 2": "abusive"}
    thread = kept.store.context(posts["c1"].sample_id).thread
    assert [said.text for said in thread] == ["hello", "hi", "how are you"]
    assert set(posts["c1"].fields) == {"id", "text", "thread"}


def test_the_real_set_has_eight_voters(real_data: Path, tmp_path: Path) -> None:
    """All of its posts have votes, each of one of eight annotators, and truth by majority."""
    if not (real_data / "conversations_convabuse").is_dir():
        pytest.skip(f"no real conversations in {real_data}; name their folder in GOLDLOOP_TEST_DATA")
    found = replayable(real_data, tmp_path)

    assert len(found.voters) == 8
    assert len(found.pool) + len(found.test) == 2065
    assert all(one.votes[who] in found.labels for one in found.pool for who in one.votes)
