"""The demo's posts: those that it makes, and a user's own with a column of labels or a file of votes."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from goldloop.core.errors import SourceError
from goldloop.modalities.text.modality import TextModality
from scripts.demo_loop.datasets import chosen
from scripts.demo_loop.made_posts import LABELS, SHARES, WORDS, made_posts
from scripts.demo_loop.options import arguments
from scripts.demo_loop.posts import Posts, own_posts, voted_posts
from tests.texts import read_all, write_json, write_rows

REAL_GROUPS = re.compile(
    r"\b(women|men|girls?|boys?|black|white|asian|african|arab|jew\w*|muslim\w*|christian\w*|gay|lesbian|trans\w*"
    r"|immigrants?|refugees?|foreigners?|americans?|germans?|mexicans?|indians?|chinese|disabled)\b",
    re.IGNORECASE,
)
VOTES = [
    ("a", "ann", "fine"),
    ("a", "bo", "fine"),
    ("b", "ann", "spam"),
    ("b", "bo", "fine"),
    ("c", "bo", "spam"),
]


def texts(found: Posts) -> list[str]:
    """Return what all posts say."""
    return [one.fields["text"] for one in (*found.pool, *found.test)]


def files(
    folder: Path, votes: list[tuple[str, str, str]], header: str = "id,annotator,label"
) -> tuple[Path, Path]:
    """Write five posts, the last two of them equal to others, and `votes`; return both paths."""
    rows = [("a", "first"), ("b", "second"), ("c", "third"), ("d", "first"), ("e", "never voted on")]
    posts = write_rows(folder / "posts.csv", rows)
    return posts, write_rows(folder / "votes.csv", votes, tuple(header.split(",")))


def voted(folder: Path, votes: list[tuple[str, str, str]], labels: tuple[str, ...] = ()) -> Posts:
    """Return the posts with their votes."""
    return voted_posts(*files(folder, votes), labels=labels, seed=0, limit=None, say=lambda _: None)


def test_made_posts_have_the_shares_of_the_categories() -> None:
    """Four in five posts are fine, and each other category is rare: 80, 6, 8 and 6 %."""
    found = made_posts(seed=0)
    counts = Counter(one.label for one in (*found.pool, *found.test))

    assert found.labels == LABELS
    assert counts.total() == 2000
    for label, share in zip(LABELS, SHARES, strict=True):
        assert abs(counts[label] / 2000 - share) < 0.02


def test_made_posts_are_the_same_for_a_seed() -> None:
    """A seed makes its posts again, ids, threads and parts included; another seed makes others."""
    assert made_posts(seed=3, n=200) == made_posts(seed=3, n=200)
    assert set(texts(made_posts(seed=3, n=200))) != set(texts(made_posts(seed=4, n=200)))


def test_made_posts_name_no_real_group() -> None:
    """Whoever is attacked in a made post is one of the invented groups or a first name."""
    found = made_posts(seed=0)
    attacks = [one.fields["text"] for one in (*found.pool, *found.test) if one.label == "hate speech"]
    groups = re.compile(WORDS["group"], re.IGNORECASE)

    assert not [text for text in texts(found) if REAL_GROUPS.search(text)]
    assert sum(bool(groups.search(text)) for text in attacks) > 0.8 * len(
        attacks
    )  # the rest has a typo or a name


def test_every_made_post_is_a_sample(tmp_path: Path) -> None:
    """goldloop's reader takes all columns of the pool: no row is set aside, and no label is among them."""
    found = made_posts(seed=0, n=300)
    source = found.write_pool(tmp_path)
    kept = TextModality(tmp_path / "texts.sqlite")
    arrived = read_all(kept, source)

    assert [one.sample_id for one in arrived if one.decoded] == [one.sample_id for one in found.pool]
    with source.open(newline="", encoding="utf-8") as file:
        assert csv.DictReader(file).fieldnames == ["id", "text", "author", "at", "thread"]
    assert any(kept.store.context(one.sample_id).thread for one in arrived)


def test_a_model_is_wrong_for_about_one_made_post_in_ten() -> None:
    """Unclear posts keep a model of all others' labels at an accuracy of about 90 %."""
    from models.text.words import WordModel, features_of

    found = made_posts(seed=0, n=800)
    columns = [np.array([LABELS.index(one.label) for one in part]) for part in (found.pool, found.test)]
    learnt, test = (features_of([one.fields["text"] for one in part]) for part in (found.pool, found.test))
    given = WordModel.fitted(learnt, columns[0], len(LABELS)).logits(test).argmax(axis=1)

    assert 0.05 < (given != columns[1]).mean() < 0.15


def test_the_demo_says_that_its_posts_are_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Output and help tell that nobody wrote these posts."""
    said: list[str] = []
    samples, preset = chosen(arguments(["--kind", "text", "--limit", "50"]), tmp_path, say=said.append)
    with pytest.raises(SystemExit):
        arguments(["--help"])

    assert (samples.kind, preset) == ("text", "words")
    assert said == [
        "posts: 50 that this demo makes from templates; they are not real, and the groups are invented"
    ]
    assert "made by the demo from templates; they are not real" in capsys.readouterr().out


def test_own_posts_have_the_labels_of_their_column(tmp_path: Path) -> None:
    """The column label is the truth, and annotators do not see it; a thread may be a list in JSONL."""
    rows = [{"id": n, "text": f"text {n}", "label": "ab"[n % 2], "thread": ["before"]} for n in range(10)]
    found = own_posts(write_json(tmp_path / "posts.jsonl", *rows), seed=0, limit=None)

    assert found.labels == ("a", "b")
    assert {one.fields["id"]: one.label for one in (*found.pool, *found.test)} == {
        str(row["id"]): row["label"] for row in rows
    }
    assert all(one.decoded for one in read_all(TextModality(tmp_path / "kept"), found.write_pool(tmp_path)))
    assert "label" not in found.write_pool(tmp_path).read_text().splitlines()[0]


def test_characters_that_no_screen_shows_are_left_out(tmp_path: Path) -> None:
    """What annotators see of a post is exactly its text, so that the demo knows which post they saw."""
    row = {"id": 1, "text": "one\r\ntwo\x07", "label": "a"}
    found = own_posts(
        write_json(tmp_path / "posts.jsonl", row, {**row, "id": 2, "text": "x"}), seed=0, limit=None
    )

    assert "one\ntwo" in texts(found)


def test_a_post_without_a_label_is_refused(tmp_path: Path) -> None:
    """The sentence names the row and both ways out."""
    path = write_rows(
        tmp_path / "posts.csv", [("1", "text", "a"), ("2", "other", "")], ("id", "text", "label")
    )

    with pytest.raises(SourceError, match=r"posts\.csv row 2 has no label; fill that column, or .* --votes"):
        own_posts(path, seed=0, limit=None)


def test_a_post_that_goldloop_would_set_aside_is_refused(tmp_path: Path) -> None:
    """A demo judges all of its posts, so a bad row is an error with its reason."""
    path = write_rows(tmp_path / "posts.csv", [("1", "text", "a"), ("2", " ", "a")], ("id", "text", "label"))

    with pytest.raises(SourceError, match="after row 1: missing field: the row has no text"):
        own_posts(path, seed=0, limit=None)


def test_the_truth_of_a_post_is_the_label_of_most_votes(tmp_path: Path) -> None:
    """A tie goes to the label that is more frequent in the file; repeats, and posts without votes, go."""
    said: list[str] = []
    found = voted_posts(*files(tmp_path, VOTES), seed=0, limit=None, say=said.append)
    posts = {one.fields["id"]: one for one in (*found.pool, *found.test)}

    assert {key: one.label for key, one in posts.items()} == {"a": "fine", "b": "fine", "c": "spam"}
    assert posts["b"].votes == {"ann": "spam", "bo": "fine"}
    assert found.voters == ("ann", "bo")
    assert "5 posts in posts.csv: 1 repeat the text of another" in said[0]
    assert "1 have no vote" in said[0]


@pytest.mark.parametrize(
    ("vote", "sentence"),
    [
        (
            ("x", "ann", "fine"),
            "votes.csv line 7: posts.csv has no post 'x'; add the post or remove the vote",
        ),
        (("a", "bo", "spam"), "votes.csv line 7: 'bo' has voted for 'a' before, in line 3; keep one of both"),
        (("d", "bo", "fin"), "votes.csv line 7: 'fin' is none of the labels fine, spam; correct it"),
        (("d", "", "fine"), "votes.csv line 7: id, annotator, label must all be filled, got 'd', '', 'fine'"),
    ],
    ids=["unknown post", "second vote", "unknown label", "no annotator"],
)
def test_a_wrong_vote_is_refused(tmp_path: Path, vote: tuple[str, str, str], sentence: str) -> None:
    """The sentence names the line, the value and what to do."""
    with pytest.raises(SourceError, match=re.escape(sentence)):
        voted(tmp_path, [*VOTES, vote], ("fine", "spam"))


def test_a_votes_file_needs_its_columns(tmp_path: Path) -> None:
    """The sentence names the columns that are needed and those that are there."""
    posts, votes = files(tmp_path, VOTES, header="id,who,label")

    with pytest.raises(
        SourceError, match=r"needs the columns id, annotator, label, has \['id', 'who', 'label'\]"
    ):
        voted_posts(posts, votes, seed=0, limit=None, say=lambda _: None)


def test_votes_for_one_label_are_refused(tmp_path: Path) -> None:
    """With one label there is nothing to learn."""
    with pytest.raises(SourceError, match="needs votes for two labels or more"):
        voted(tmp_path, VOTES[:2])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--votes v.csv", "--votes needs --posts FILE"),
        ("--kind image --posts p.csv", "leave out --posts and --votes"),
        ("--kind text --dataset digits", "leave out --images, --labels and --dataset"),
        ("--posts p.csv --votes v.csv --people", "leave out --people"),
        ("--posts p.csv --label-set a,b", "--label-set names the labels of --votes FILE"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    words: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command line is refused with a reason."""
    with pytest.raises(SystemExit):
        arguments(words.split())

    assert sentence in capsys.readouterr().err
