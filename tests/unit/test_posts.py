"""Posts: what stands beside a text on arrival, what annotators see of it, and rows that are no posts."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from goldloop.core.samples import Arrival, BatchId
from goldloop.core.tasks import NewTask, Purpose
from goldloop.modalities.kinds import open_modality
from goldloop.modalities.rows.pseudonyms import Pseudonyms
from goldloop.modalities.text.modality import TextModality
from goldloop.modalities.text.posts import Said
from goldloop.scoring.score import score_source
from goldloop.settings.workspace import Workspace
from goldloop.tables.counts import conservation
from goldloop.wiring import Wiring
from models.image.presets import FORMS
from tests.loop import Loop
from tests.texts import BROKEN_COLUMNS, BROKEN_CSV, BROKEN_JSONL, read_all, write_json

N_ROWS = 10_000


@pytest.fixture
def texts(tmp_path: Path) -> TextModality:
    """Texts kept in an empty store."""
    return TextModality(tmp_path / "store" / "texts.sqlite", Pseudonyms(lambda: b"key"))


def shown(texts: TextModality, arrival: Arrival) -> str:
    """Return what annotators see beside a text."""
    task = NewTask(arrival.sample_id, Purpose.REVIEW, BatchId("b"), "")
    return texts.task_data(task, lambda path: path)["context"]


def test_a_thread_is_kept_and_nobody_in_it_is_named(texts: TextModality, tmp_path: Path) -> None:
    """Letters stand for people in the order they appear, the author of the post keeps that name."""
    thread = [
        {"author": "bo", "text": "one"},
        {"author": "ann", "text": "two"},
        {"author": "cy", "text": "three"},
        {"author": "bo", "text": "four"},
        {"text": "five"},
        "six",
    ]
    path = write_json(tmp_path / "posts.jsonl", {"id": 1, "text": "seven", "author": "ann", "thread": thread})

    (post,) = read_all(texts, path)

    kept = texts.store.context(post.sample_id)
    whos = ["A", "author", "B", "A", "", ""]
    assert kept.thread == tuple(
        Said(who, text)
        for who, text in zip(whos, ["one", "two", "three", "four", "five", "six"], strict=True)
    )
    stored = texts.store.path.read_bytes() + shown(texts, post).encode() + json.dumps(str(post)).encode()
    assert not any(name in stored for name in (b'"ann"', b'"bo"', b">bo<", b">ann<"))


def test_the_thread_of_a_csv_file_is_json(texts: TextModality, tmp_path: Path) -> None:
    """The same context as in JSONL; an empty cell is no thread."""
    path = tmp_path / "posts.csv"
    path.write_text('id,text,thread\n1,yes,"[""are you sure?""]"\n2,no,\n')

    first, second = read_all(texts, path)

    assert texts.store.context(first.sample_id).thread == (Said("", "are you sure?"),)
    assert not texts.store.context(second.sample_id)
    assert shown(texts, second) == ""


def test_names_become_pseudonyms_under_a_secret(texts: TextModality, tmp_path: Path) -> None:
    """The same author has the same one in all files; without the key nobody can compute it."""
    first = write_json(tmp_path / "a.jsonl", {"id": 1, "text": "one", "author": "ann"})
    second = write_json(tmp_path / "b.jsonl", {"id": 1, "text": "two", "author": "ann"})
    (one,), (two,) = read_all(texts, first), read_all(texts, second)
    other = TextModality(tmp_path / "other.sqlite", Pseudonyms(lambda: b"another key"))
    (elsewhere,) = read_all(other, first)

    def author(arrival: Arrival) -> object:
        assert arrival.decoded is not None
        return arrival.decoded.metadata["author"]

    assert author(one) == author(two) != author(elsewhere)
    assert len(str(author(one))) == 16


def entities(texts: TextModality, path: Path) -> list[str | None]:
    """Return whom or what each post of a file belongs to."""
    return [one.decoded.entity for one in read_all(texts, path) if one.decoded]


def test_a_post_belongs_to_its_author_or_else_to_its_thread(texts: TextModality, tmp_path: Path) -> None:
    """`moderation.keep_apart` decides where it tells both; no name is kept, and nobody sees the thread's."""
    rows = [
        {"id": 1, "text": "one", "author": "ann", "thread_id": 7777},
        {"id": 2, "text": "two", "author": "ann", "thread_id": 8888},
        {"id": 3, "text": "three", "author": "bo", "thread_id": 8888},
        {"id": 4, "text": "four", "thread_id": "8888"},
        {"id": 5, "text": "five"},
    ]
    path = write_json(tmp_path / "posts.jsonl", *rows)
    secret = Pseudonyms(lambda: b"key")
    by_thread = TextModality(tmp_path / "by_thread.sqlite", secret, keep_apart="thread_id")

    ann, again, bo, eighth, none = entities(texts, path)
    assert ann == again != bo
    assert none is None
    assert len({ann, bo, eighth}) == 3
    seventh, *others, none = entities(by_thread, path)
    assert others == [eighth] * 3
    assert seventh != eighth
    assert none is None
    arrivals = read_all(by_thread, path)
    assert "8888" not in f"{arrivals}".replace(str(path), "").replace("#id=", "")
    assert shown(texts, arrivals[0]) == ""


def test_a_workspace_keeps_its_own_secret(tmp_path: Path) -> None:
    """Opened again, the workspace gives the same pseudonyms; another one gives others."""
    path = write_json(tmp_path / "posts.jsonl", {"id": 1, "text": "one", "author": "ann"})

    def author_in(name: str) -> object:
        root = tmp_path / name
        if not root.exists():
            Workspace.create(root, kind="text", labels=["fine", "spam"])
        (post,) = Wiring(Workspace.open(root)).modality.reader.arrivals(str(path), is_known=lambda _: False)
        assert post.decoded is not None
        return post.decoded.metadata["author"]

    assert author_in("one") == author_in("one") != author_in("two")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("2026-03-01T09:30:00Z", "2026-03-01T09:30:00+00:00"),
        ("2026-03-01 09:30", "2026-03-01T09:30:00+00:00"),
        ("2026-03-01T11:30:00+02:00", "2026-03-01T09:30:00+00:00"),
        ("", None),
    ],
)
def test_times_are_kept_in_utc(texts: TextModality, tmp_path: Path, value: str, kept: str | None) -> None:
    """A time without an offset is taken for UTC; an empty one is none."""
    (post,) = read_all(texts, write_json(tmp_path / "posts.jsonl", {"id": 1, "text": "one", "at": value}))

    assert post.decoded is not None
    assert post.decoded.metadata.get("at") == kept


def test_what_stands_beside_a_text_is_no_markup(texts: TextModality, tmp_path: Path) -> None:
    """Columns and thread are shown escaped, on any screen; the id and the author are not shown."""
    row = {
        "id": "the id",
        "text": "x",
        "author": "ann",
        "reports": 3,
        "about <b>": "<script>alert(1)</script>",
    }
    row["thread"] = ["<img src=x onerror=alert(1)>\nsecond line"]
    (post,) = read_all(texts, write_json(tmp_path / "posts.jsonl", row))

    html = shown(texts, post)

    assert html == (
        "<p>reports 3 · about &lt;b&gt; &lt;script&gt;alert(1)&lt;/script&gt;</p>"
        "<blockquote><b></b> &lt;img src=x onerror=alert(1)&gt;<br>second line</blockquote>"
    )


def test_equal_posts_are_one_sample_with_the_first_context(texts: TextModality, tmp_path: Path) -> None:
    """A context that comes later is kept only where there was none."""
    path = write_json(
        tmp_path / "posts.jsonl",
        {"id": 1, "text": "me too"},
        {"id": 2, "text": "me too", "thread": ["first"]},
        {"id": 3, "text": "me too", "thread": ["second"]},
    )

    posts = read_all(texts, path)

    assert len({one.sample_id for one in posts}) == 1
    assert texts.store.context(posts[0].sample_id).thread == (Said("", "first"),)


def test_any_script_and_length_comes_back_as_it_was(texts: TextModality, tmp_path: Path) -> None:
    """Right to left, joined emoji, zero-width and look-alike characters, and 100,000 characters."""
    said = [
        "שלום עולם",
        "مرحبا",
        "👩‍👩‍👧‍👦 👍🏽",
        "zero\u200bwidth\u2060",
        "раураl",
        "\u202eabc\u202c",
        "長" * 100_000,
    ]
    path = write_json(tmp_path / "p.jsonl", *({"id": n, "text": text} for n, text in enumerate(said)))

    posts = read_all(texts, path)

    assert [texts.store.text(one.sample_id) for one in posts] == said
    assert len({one.sample_id for one in posts}) == len(said)


@pytest.mark.parametrize("name", BROKEN_COLUMNS)
def test_each_broken_column_has_its_reason(texts: TextModality, tmp_path: Path, name: str) -> None:
    """The rows around it are read all the same, and nothing of it is kept."""
    columns, reason = BROKEN_COLUMNS[name]
    good = [{"id": "first", "text": "before"}, {"id": "last", "text": "after"}]
    path = write_json(tmp_path / "p.jsonl", good[0], {"id": 1, "text": "a text"} | columns, good[1])

    found = read_all(texts, path)

    assert [one.reason for one in found] == [None, reason, None]
    assert found[1].detail
    assert texts.preview(found[1].sample_id) is None


def test_34_kinds_of_bad_rows_in_10_000_are_all_accounted_for(tmp_path: Path) -> None:
    """Each has its reason, all others are samples, and the sum is conserved, also in a second pass."""
    source = tmp_path / "posts"
    source.mkdir()
    csv_rows = [row for row, _ in BROKEN_CSV.values()]
    good = [f"c{number},post number {number}".encode() for number in range(5_000 - len(csv_rows))]
    (source / "a.csv").write_bytes(b"\n".join([b"id,text", *mixed(good, csv_rows)]))
    lines = [line for line, _ in BROKEN_JSONL.values()]
    columns = [
        {"id": f"b{n}", "text": f"bad {n}"} | one for n, (one, _) in enumerate(BROKEN_COLUMNS.values())
    ]
    lines += [json.dumps(one).encode() for one in columns]
    n_good = N_ROWS - 5_000 - len(lines)
    good = [
        f'{{"id": {number}, "text": "line number {number}"}}'.encode() for number in range(10, n_good + 10)
    ]
    (source / "b.jsonl").write_bytes(b"\n".join(mixed(good, lines)))
    kinds = [BROKEN_CSV, BROKEN_JSONL, BROKEN_COLUMNS]
    expected = Counter(str(reason) for broken in kinds for _, reason in broken.values())  # type: ignore[attr-defined]
    expected_bad = sum(expected.values())
    assert expected_bad == 34
    modality, loop = open_modality("text", tmp_path / "w", "words", FORMS), Loop(tmp_path / "tables", {})
    ports = {"model": loop.model, "policy": loop.policy, "tables": loop.tables, "clock": loop.clock}

    first = score_source(str(source), reader=modality.reader, **ports)
    second = score_source(str(source), reader=modality.reader, **ports)

    where = conservation(loop.tables)
    assert where.is_conserved
    assert (where.n_files, where.quarantine, first.n_duplicates) == (N_ROWS, expected_bad, 0)
    assert dict(where.reasons) == expected
    assert (second.n_files, second.n_known) == (0, N_ROWS)


def mixed(good: list[bytes], bad: list[bytes]) -> list[bytes]:
    """Return the rows, a bad one behind each hundredth good one."""
    return [
        row for number, one in enumerate(good) for row in (one, *bad[number // 100 :][: number % 100 == 0])
    ]
