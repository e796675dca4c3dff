"""Sources in an object store: `goldloop score s3://bucket/prefix`, against a real S3 client and server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldloop.adapters.delta import open_tables
from goldloop.core.errors import SourceError
from goldloop.modalities.files import files_of
from goldloop.modalities.image.decode import Reason
from goldloop.modalities.image.reader import ImageReader
from goldloop.modalities.rows.pseudonyms import Pseudonyms
from goldloop.modalities.text.modality import TextModality
from goldloop.routing.policies import Band
from goldloop.scoring.score import score_source
from goldloop.scoring.writer import Model
from tests.images import encoded, noise
from tests.objects import BUCKET, object_store
from tests.texts import write_rows

NAMES = ("a.png", "b/2.png", "b/odd name #1 100%+é.png", "c[1]/3.png")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield the client of a bucket with four pictures below pool/, and what is none of them."""
    with object_store(monkeypatch) as client:
        for row, name in enumerate(NAMES):
            client.put_object(Bucket=BUCKET, Key=f"pool/{name}", Body=encoded(noise(row), "PNG"))
        client.put_object(Bucket=BUCKET, Key="pool/empty/", Body=b"")  # as consoles mark a folder
        client.put_object(Bucket=BUCKET, Key="pool/.hidden.png", Body=b"x")
        client.put_object(Bucket=BUCKET, Key="pool-of-others/x.png", Body=encoded(noise(9), "PNG"))
        yield client


def below(source: str) -> list[str]:
    """Return the names of the files of `source`, below the bucket."""
    return [file.uri.removeprefix(f"s3://{BUCKET}/") for file in files_of(source)]


def test_a_prefix_is_a_folder(bucket: Any, reader: ImageReader) -> None:
    """Every object below it is listed in order and read, whatever its name; no neighbour, no hidden one."""
    files = list(files_of(f"s3://{BUCKET}/pool"))

    assert [file.uri for file in files] == [f"s3://{BUCKET}/pool/{name}" for name in NAMES]
    assert [reader.read(file).reason for file in files] == [None] * len(NAMES)
    assert all(file.size and file.stamp for file in files)
    assert below(f"s3://{BUCKET}/pool/") == below(f"s3://{BUCKET}/pool")
    assert below(f"s3://{BUCKET}/pool/b/*.png") == [f"pool/{name}" for name in NAMES[1:3]]
    assert below(f"s3://{BUCKET}/pool/a.png") == ["pool/a.png"]


def test_what_arrives_while_the_process_lives_is_listed(bucket: Any) -> None:
    """The client's memory of a listing hides neither a new object nor a replaced one."""
    before = {file.uri: file.stamp for file in files_of(f"s3://{BUCKET}/pool")}
    bucket.put_object(Bucket=BUCKET, Key="pool/new.png", Body=encoded(noise(7), "PNG"))
    bucket.put_object(Bucket=BUCKET, Key="pool/a.png", Body=encoded(noise(8), "PNG"))
    after = {file.uri: file.stamp for file in files_of(f"s3://{BUCKET}/pool")}

    assert set(after) - set(before) == {f"s3://{BUCKET}/pool/new.png"}
    assert {uri for uri in before if before[uri] != after[uri]} == {f"s3://{BUCKET}/pool/a.png"}


def test_a_list_may_name_objects(bucket: Any, reader: ImageReader, tmp_path: Path) -> None:
    """One that is gone is one unreadable file."""
    listing = tmp_path / "list.txt"
    listing.write_text(f"s3://{BUCKET}/pool/b/2.png\ns3://{BUCKET}/pool/gone.png\n")

    reasons = [reader.read(file).reason for file in files_of(str(listing))]

    assert reasons == [None, Reason.UNREADABLE]


@pytest.mark.parametrize("name", [f"s3://{BUCKET}/nothing-here", "s3://no-such-bucket/pool"])
def test_a_prefix_without_objects_is_an_error_that_names_it(bucket: Any, name: str) -> None:
    """The error comes before anything is written."""
    with pytest.raises(SourceError, match=name):
        files_of(name)


def test_objects_are_scored_once(bucket: Any, reader: ImageReader, tmp_path: Path) -> None:
    """A second look reads what is new and nothing else; a picture that lies there twice is a duplicate."""
    tables = open_tables(tmp_path / "tables")

    def scored() -> int:
        before = len(tables.samples.read())
        score_source(
            f"s3://{BUCKET}/pool",
            reader=reader,
            model=Model(),
            policy=Band(0.4, 0.7),
            tables=tables,
            clock=lambda: datetime.now(UTC),
        )
        return len(tables.samples.read()) - before

    assert (scored(), scored()) == (len(NAMES), 0)
    bucket.put_object(Bucket=BUCKET, Key="pool/new.png", Body=encoded(noise(7), "PNG"))
    bucket.put_object(Bucket=BUCKET, Key="pool/again.png", Body=encoded(noise(0), "PNG"))
    assert (scored(), scored()) == (2, 0)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_rows_of_an_object_are_samples(bucket: Any, tmp_path: Path, form: str) -> None:
    """Posts in a bucket arrive as those on a disk do, and come once."""
    columns, rows = ("id", "text"), [(row, f"post number {row}") for row in range(50)]
    path = tmp_path / f"posts.{form}"
    if form == "csv":
        write_rows(path, rows, columns)
    elif form == "jsonl":
        path.write_text("".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows))
    else:
        pq.write_table(pa.table(dict(zip(columns, zip(*rows, strict=True), strict=True))), path)
    bucket.upload_file(str(path), BUCKET, f"posts/{path.name}")
    source = f"s3://{BUCKET}/posts/{path.name}"
    texts = TextModality(tmp_path / "store" / "texts.sqlite", Pseudonyms(lambda: b"key"))

    found = list(texts.reader.arrivals(source, is_known=lambda _: False))

    assert [one.decoded.payload for one in found if one.decoded] == [text for _, text in rows]
    assert found[0].file.uri.startswith(f"{source}#")
    known = {one.file for one in found}
    assert list(texts.reader.arrivals(source, is_known=known.__contains__)) == []
