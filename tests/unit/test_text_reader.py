"""The text reader: every row of a file is a sample or has a reason, and its content is kept on arrival."""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.core.errors import SourceError, StorageError, UnreadableSampleError
from goldloop.core.samples import Arrival, BatchId, FileRef, SampleId, sample_id_of
from goldloop.core.tasks import NewTask, Purpose
from goldloop.modalities.rows import reader as row_reader
from goldloop.modalities.rows.pseudonyms import Pseudonyms
from goldloop.modalities.rows.row import Reason
from goldloop.modalities.text.modality import TextModality
from tests.texts import BROKEN_CSV, BROKEN_JSONL, write_rows


@pytest.fixture
def texts(tmp_path: Path) -> TextModality:
    """Texts kept in an empty store."""
    return TextModality(tmp_path / "store" / "texts.sqlite", Pseudonyms(lambda: b"key"))


def arrivals(texts: TextModality, source: Path, known: set[FileRef] | None = None) -> list[Arrival]:
    """Read `source`, passing over what is `known`."""
    return list(texts.reader.arrivals(str(source), is_known=lambda file: file in (known or set())))


def id_of(text: str) -> SampleId:
    """Return the sample id that a text has."""
    return sample_id_of(unicodedata.normalize("NFC", text).encode())


def test_a_file_holds_many_samples(texts: TextModality, tmp_path: Path) -> None:
    """Each row is one sample under its id, with its further columns as metadata."""
    path = write_rows(
        tmp_path / "posts.csv",
        [(17, "first, with a comma", "ann"), ("a b#1", "second\nline", "")],
        ("id", "text", "author"),
    )

    first, second = arrivals(texts, path)

    assert (first.file.uri, second.file.uri) == (f"{path}#id=17", f"{path}#id=a%20b%231")
    assert first.decoded is not None
    assert second.decoded is not None
    assert (first.decoded.payload, second.decoded.payload) == ("first, with a comma", "second\nline")
    assert first.decoded.metadata == {"id": "17", "author": Pseudonyms(lambda: b"key")("ann", "author")}
    assert "author" not in second.decoded.metadata
    assert first.sample_id == id_of("first, with a comma")


def test_no_text_arrives_that_is_not_kept(
    texts: TextModality, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is in the store when it arrives; what the disk refuses does not arrive, and is an error."""
    path = write_rows(tmp_path / "posts.csv", [(number, f"post {number}") for number in range(25)])
    monkeypatch.setattr(row_reader, "_KEPT_AT_ONCE", 10)
    add, n_left = texts.store.rows.add, 2

    def refusing(*kept: Any) -> None:
        nonlocal n_left
        n_left -= 1
        if n_left < 0:
            raise StorageError("the disk is full")
        add(*kept)

    monkeypatch.setattr(texts.store.rows, "add", refusing)
    arrived = []
    with pytest.raises(StorageError, match="the disk is full"):  # noqa: PT012
        for arrival in texts.reader.arrivals(str(path), is_known=lambda _: False):
            arrived.append(texts.store.text(arrival.sample_id))

    assert arrived == [f"post {number}" for number in range(20)]


def test_csv_and_jsonl_give_the_same_samples(texts: TextModality, tmp_path: Path) -> None:
    """The format does not matter to a sample's identity; byte order marks and blank lines are passed over."""
    rows = [("1", "grüße"), ("2", "second"), ("3", '"quoted"')]
    csv_file = write_rows(tmp_path / "posts.csv", rows)
    csv_file.write_bytes(b"\xef\xbb\xbf" + csv_file.read_bytes() + b"\r\n")
    lines = "\n\n".join(json.dumps({"id": int(one), "text": text}) for one, text in rows)
    json_file = tmp_path / "posts.jsonl"
    json_file.write_text(lines, encoding="utf-8-sig")

    by_csv, by_json = arrivals(texts, csv_file), arrivals(texts, json_file)

    assert (
        [one.sample_id for one in by_csv] == [one.sample_id for one in by_json] == [id_of(t) for _, t in rows]
    )


def test_equal_texts_are_one_sample_however_they_are_composed(texts: TextModality, tmp_path: Path) -> None:
    """An accent may be one character or two; the payload is the composed form for both."""
    path = write_rows(tmp_path / "posts.csv", [(1, "caf\u00e9"), (2, "cafe\u0301")])

    composed, decomposed = arrivals(texts, path)

    assert composed.sample_id == decomposed.sample_id
    assert decomposed.decoded is not None
    assert decomposed.decoded.payload == "caf\u00e9"


@pytest.mark.parametrize("name", BROKEN_CSV)
def test_each_broken_csv_row_has_its_reason(texts: TextModality, tmp_path: Path, name: str) -> None:
    """The rows around it are read all the same."""
    row, reason = BROKEN_CSV[name]
    path = tmp_path / "posts.csv"
    path.write_bytes(b"id,text\r\nfirst,before\r\n" + row + b"\r\nlast,after\r\n")

    read = arrivals(texts, path)

    assert [one.reason for one in read] == [None, reason, None]
    assert read[1].detail


@pytest.mark.parametrize("name", BROKEN_JSONL)
def test_each_broken_json_line_has_its_reason(texts: TextModality, tmp_path: Path, name: str) -> None:
    """The lines around it are read all the same."""
    line, reason = BROKEN_JSONL[name]
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b'{"id": "first", "text": "before"}\n' + line + b'\n{"id": "last", "text": "after"}')

    assert [one.reason for one in arrivals(texts, path)] == [None, reason, None]


def test_an_open_quote_does_not_swallow_the_rest_unseen(texts: TextModality, tmp_path: Path) -> None:
    """A quote that never closes is a quarantined row, not one long text."""
    path = tmp_path / "posts.csv"
    path.write_bytes(b'id,text\n1,good\n2,"open\n3,lost\n')

    assert [one.reason for one in arrivals(texts, path)] == [None, Reason.MALFORMED]


def test_a_doubled_id_is_set_aside_unless_the_row_is_the_same(texts: TextModality, tmp_path: Path) -> None:
    """The first row with an id counts; the same row again is passed over, another one has a reason."""
    path = write_rows(tmp_path / "posts.csv", [(1, "one"), (1, "one"), (1, "another"), (2, "two")])

    read = arrivals(texts, path)

    assert [one.reason for one in read] == [None, Reason.DOUBLED_ID, None]
    with pytest.raises(UnreadableSampleError):
        texts.store.text(id_of("another"))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("picture.png", b"\x89PNG", Reason.MALFORMED),
        ("empty.csv", b"", Reason.MISSING_FIELD),
        ("other.csv", b"number,message\n1,a\n", Reason.MISSING_FIELD),
        ("double.csv", b"id,text,text\n1,a,b\n", Reason.MISSING_FIELD),
        ("utf16.csv", "id,text\n1,a\n".encode("utf-16"), Reason.NOT_UTF8),
        ("gone.csv", None, Reason.UNREADABLE),
    ],
)
def test_a_file_without_rows_is_set_aside_whole(
    texts: TextModality, tmp_path: Path, name: str, content: bytes | None, reason: Reason
) -> None:
    """It has one reason, and is not read again while it is known."""
    source = tmp_path / "files.txt"
    source.write_text(name)
    if content is not None:
        (tmp_path / name).write_bytes(content)

    (read,) = arrivals(texts, source)

    assert (read.reason, read.file.uri) == (reason, str(tmp_path / name))
    assert arrivals(texts, source, {read.file}) == []


def test_a_link_out_of_the_folder_is_not_followed(texts: TextModality, tmp_path: Path) -> None:
    """What lies outside the folder stays outside."""
    secret = write_rows(tmp_path / "secret.csv", [(1, "secret")])
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link.csv").symlink_to(secret)

    (read,) = arrivals(texts, tmp_path / "in")

    assert read.reason == Reason.UNREADABLE


def test_nothing_at_the_source_is_an_error_at_once(texts: TextModality, tmp_path: Path) -> None:
    """A mistyped name is reported before any row is read."""
    with pytest.raises(SourceError, match="does not exist"):
        texts.reader.arrivals(str(tmp_path / "none.csv"), is_known=lambda _: False)


def test_a_second_pass_yields_only_what_is_new(texts: TextModality, tmp_path: Path) -> None:
    """Known rows, good and bad, are passed over one by one; new and changed rows of the same file are not."""
    path = write_rows(tmp_path / "posts.csv", [(1, "one"), ("", "no id"), (2, "two")])
    known = {one.file for one in arrivals(texts, path)}
    write_rows(path, [(1, "one"), ("", "no id"), (2, "changed"), (3, "new")])

    read = arrivals(texts, path, known)

    assert [one.file.uri for one in read] == [f"{path}#id=2", f"{path}#id=3"]


def test_the_pool_needs_no_source_file(texts: TextModality, tmp_path: Path) -> None:
    """A text is in the store when it is yielded; read again it is the same without its file."""
    path = write_rows(tmp_path / "posts.csv", [(number, f"text number {number}") for number in range(300)])
    read = texts.reader.arrivals(str(path), is_known=lambda _: False)
    first = next(read)
    assert first.decoded is not None
    assert texts.store.text(first.sample_id) == "text number 0"
    rest = list(read)
    path.unlink()

    again = list(texts.reader.again([(one.sample_id, one.file) for one in [first, *rest]]))

    assert [one.sample_id for one in again] == [one.sample_id for one in [first, *rest]]
    assert again[0].decoded is not None
    assert (again[0].decoded.payload, again[0].decoded.fingerprint) == (
        first.decoded.payload,
        first.decoded.fingerprint,
    )
    assert texts.store.keep(first.sample_id, first.file.uri) == ""


@pytest.mark.parametrize("damage", ["absent", "altered", "no database"])
def test_a_text_that_is_not_as_it_arrived_is_lost(texts: TextModality, tmp_path: Path, damage: str) -> None:
    """The store checks what it hands out; such a sample comes with a reason, never with another content."""
    (read,) = arrivals(texts, write_rows(tmp_path / "posts.csv", [(1, "one")]))
    if damage == "absent":
        texts.store.path.unlink()
    elif damage == "no database":
        texts.store.path.write_bytes(b"no database at all" * 100)
    else:
        with sqlite3.connect(texts.store.path) as connection:
            connection.execute("UPDATE content SET text = 'two'")
        connection.close()

    (again,) = texts.reader.again([(read.sample_id, read.file)])

    assert again.reason == Reason.UNREADABLE
    assert texts.preview(read.sample_id) is None
    with pytest.raises(UnreadableSampleError, match=r"texts\.sqlite"):
        texts.store.keep(read.sample_id, read.file.uri)


@given(st.lists(st.text(max_size=30), max_size=8))
def test_any_text_is_a_sample_or_has_a_reason(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    """Whatever characters stand in a row, it is accounted for, and a good one comes back from the store."""
    folder = tmp_path_factory.mktemp("any")
    texts = TextModality(folder / "texts.sqlite")
    path = folder / "posts.jsonl"
    path.write_text("\n".join(json.dumps({"id": n, "text": one}) for n, one in enumerate(lines)))
    if not lines:
        path.write_text("\n")

    read = arrivals(texts, path)

    assert len(read) == len(lines)
    for arrival, text in zip(read, lines, strict=True):
        if arrival.decoded is None:
            assert not text.strip() or not text.isprintable()
        else:
            assert texts.store.text(arrival.sample_id) == arrival.decoded.payload
            assert arrival.sample_id == id_of(text)


def test_the_labelling_screen_and_the_report_get_the_text(texts: TextModality, tmp_path: Path) -> None:
    """Markup stays text, control characters are replaced, and a report shows the beginning."""
    long = "<b>bold</b>\x00\r\nsecond line " + "x" * 400
    (read,) = arrivals(texts, write_rows(tmp_path / "posts.csv", [(1, long)]))
    task = NewTask(read.sample_id, Purpose.AUDIT, BatchId("b"), "")

    data = texts.task_data(task, lambda path: path)
    preview = texts.preview(read.sample_id)

    assert data["text"].startswith("<b>bold</b>\ufffd\nsecond line ")
    assert preview is not None
    assert preview.text is not None
    assert len(preview.text) == 280
    assert preview.text.endswith("…")
    assert texts.columns(read.sample_id) == {"text": long}
