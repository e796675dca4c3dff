"""Label files: what other programs wrote is read, and a row that cannot be used is named."""

from __future__ import annotations

import base64
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from goldloop.core.errors import SourceError
from goldloop.formats.export import Format
from goldloop.formats.labelled import LabelledSample, RefusedRow
from goldloop.formats.read import read_labelled
from tests.foreign import read_all, told_by
from tests.images import encoded, noise
from tests.texts import write_json, write_rows

LINES = (Format.GROUND_TRUTH, Format.LABELBOX, Format.PRODIGY)
SAVE = """
import json, pathlib, sys, datasets
folder, content = pathlib.Path(sys.argv[1]), [path.read_bytes() for path in map(pathlib.Path, sys.argv[2:])]
features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
rows = {"image": [{"bytes": one, "path": None} for one in content], "label": [0, 1, 1, 0]}
made = datasets.Dataset.from_dict(rows, features=features)
datasets.DatasetDict({"train": made, "test": made}).save_to_disk(str(folder / "saved"))
(folder / "pushed" / "data").mkdir(parents=True)
for split in ("train", "test"):
    made.to_parquet(str(folder / "pushed" / "data" / f"{split}-00000-of-00001.parquet"))
print(json.dumps(made.num_rows))
"""
"""Saves four pictures with numbers as labels as Arrow files, and as Parquet files like those on the Hub."""


def test_what_datasets_saves_is_read(tmp_path: Path) -> None:
    """Label numbers get their names, and pictures in the file their bytes, from Parquet and from Arrow."""
    content = [encoded(noise(seed), "PNG") for seed in range(4)]
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path, one in zip(paths, content, strict=True):
        path.write_bytes(one)
    assert told_by("datasets", SAVE, tmp_path / "hub", *paths) == 4

    for folder in ("saved", "pushed"):
        back = read_all(tmp_path / "hub" / folder, Format.HUGGINGFACE)
        assert [(one.split, one.label) for one in back] == [
            (split, label) for split in ("test", "train") for label in ("cat", "dog", "dog", "cat")
        ]
        assert [one.content for one in back] == content * 2


def refused(source: Path, form: Format) -> str:
    """Return where the only refused row of a file stands, and what is wrong with it."""
    (row,) = [row for row in read_labelled(source, form) if isinstance(row, RefusedRow)]
    return f"{row.place}: {row.problem}"


def test_a_bad_row_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    """Each format says where the row stands, what it holds, and what to do."""
    good = {"text": "hello", "label": "hat"}
    csv = write_rows(tmp_path / "a.csv", [("one", "hat"), ("two", "")], ("text", "label"))
    prodigy = write_json(tmp_path / "b.jsonl", good, {**good, "answer": "reject"})
    broken = tmp_path / "c.jsonl"
    broken.write_text(json.dumps(good) + "\n{\n")
    choices = [{"type": "choices", "value": {"choices": ["hat", "a/b"]}}]
    studio = tmp_path / "d.json"
    studio.write_text(json.dumps([{"id": 7, "data": good, "annotations": [{"result": choices}]}]))
    coco = tmp_path / "e.json"
    coco.write_text(
        json.dumps(
            {"images": [], "categories": [], "annotations": [{"id": 3, "image_id": 9, "category_id": 1}]}
        )
    )
    manifest = write_json(tmp_path / "f.manifest", {"source": "hello", "label": 1})
    labelbox = write_json(tmp_path / "g.ndjson", {"data_row": {"row_data": "hello"}, "projects": {}})

    assert refused(csv, Format.CSV) == (
        "a.csv, row 2: it has no label; fill the column label, or remove the row"
    )
    assert "b.jsonl, line 2: its answer is 'reject'" in refused(prodigy, Format.PRODIGY)
    assert "c.jsonl, line 2: it is no JSON" in refused(broken, Format.PRODIGY)
    assert "d.json, task 7: it has 2 choices: ['hat', 'a/b']" in refused(studio, Format.LABEL_STUDIO)
    assert "e.json, annotation 3: there is no image 9" in refused(coco, Format.COCO_CLS)
    assert "f.manifest, line 1: it has 0 labels with a class-name" in refused(manifest, Format.GROUND_TRUTH)
    assert "g.ndjson, line 1: it has no label" in refused(labelbox, Format.LABELBOX)


@pytest.mark.parametrize("form", list(Format))
def test_what_is_not_there_or_of_another_format_is_an_error(tmp_path: Path, form: Format) -> None:
    """The error names the file and what to do."""
    with pytest.raises(SourceError, match="does not exist; name a file or folder"):
        list(read_labelled(tmp_path / "nothing", form))
    other = tmp_path / "other.txt"
    other.write_text("nothing of the kind")
    if form in LINES:
        assert all("it is no JSON" in row.problem for row in read_labelled(other, form))
    else:
        with pytest.raises(SourceError, match=r"other\.txt"):
            list(read_labelled(other, form))


def test_exports_of_label_studio_itself_are_read(tmp_path: Path) -> None:
    """JSON with several people and a skip, JSON-MIN, and pictures from its local storage."""
    (tmp_path / "shop").mkdir()
    Image.new("RGB", (2, 2)).save(tmp_path / "shop" / "1.png")
    data = {"image": "/data/local-files/?d=shop/1.png"}

    def annotation(label: str, by: Any, **more: Any) -> dict[str, Any]:
        result = [{"from_name": "c", "to_name": "i", "type": "choices", "value": {"choices": [label]}}]
        return {"result": result, "completed_by": by, "created_at": "2026-03-01T09:30:00Z", **more}

    tasks = [
        {
            "id": 1,
            "data": data,
            "annotations": [
                annotation("hat", {"email": "a@x.org"}),
                annotation("test", 5),
                annotation("hat", 6, was_cancelled=True),
            ],
        }
    ]
    whole, small = tmp_path / "whole.json", tmp_path / "small.json"
    whole.write_text(json.dumps(tasks))
    small.write_text(json.dumps([{"id": 1, **data, "choice": "hat", "annotator": 5}]))

    found = read_all(whole, Format.LABEL_STUDIO)
    assert [(one.label, one.annotator) for one in found] == [("hat", "a@x.org"), ("test", "5")]
    assert found[0].labelled_at == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert found[0].file == str(tmp_path / "shop" / "1.png")
    (flat,) = read_all(small, Format.LABEL_STUDIO)
    assert (flat.label, flat.annotator, flat.file) == ("hat", "5", str(tmp_path / "shop" / "1.png"))


def test_a_picture_inside_a_line_of_prodigy_is_read(tmp_path: Path) -> None:
    """It comes as its bytes; what is no base64 is refused."""
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2)).save(buffer, "PNG")
    shown = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    lines = write_json(
        tmp_path / "p.jsonl",
        {
            "image": shown,
            "accept": ["hat"],
            "answer": "accept",
            "_annotator_id": "ana",
            "_timestamp": 1772357400,
        },
        {"image": "data:image/png;base64,???", "label": "hat", "answer": "accept"},
    )
    good, bad = read_labelled(lines, Format.PRODIGY)
    assert isinstance(good, LabelledSample)
    assert (good.content, good.annotator) == (buffer.getvalue(), "ana")
    assert isinstance(bad, RefusedRow)
    assert "no base64" in bad.problem
