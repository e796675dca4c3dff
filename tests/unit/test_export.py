"""Exports: whole or not at all, in layouts other tools read."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest

from goldloop.core.errors import SourceError
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.formats.export import OF_PICTURES, Format, export_gold
from goldloop.formats.gold_export import GoldExport
from goldloop.gold.records import GoldVersion
from tests.unit.test_gold import record

LABELS = LabelSet(("cat", "dog", "../up", "a/b"))
VERSION = GoldVersion(4, "d" * 64, 3, 3, 0, 0, 0, datetime(2026, 1, 1, tzinfo=UTC), 3, "pull")
RECORDS = [record("a"), record("b", label="dog"), record("c", label="../up")]


def files(tmp_path: Path) -> dict[SampleId, Path]:
    """Return a kept file for each record."""
    kept = {one.sample_id: tmp_path / "kept" / f"{one.sample_id}.png" for one in RECORDS}
    for path in kept.values():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(path.name.encode())
    return kept


@pytest.mark.parametrize("form", [Format.CSV, Format.PARQUET])
def test_tables_hold_a_row_per_sample(tmp_path: Path, form: Format) -> None:
    """csv and parquet carry label, split and how the label was reached."""
    target = tmp_path / "gold"
    assert export_gold(GoldExport(RECORDS, VERSION, LABELS, files(tmp_path).get), form, target) == 3
    read = pyarrow.csv.read_csv(target) if form is Format.CSV else pyarrow.parquet.read_table(target)
    assert read["label"].to_pylist() == ["cat", "dog", "../up"]
    assert {"sample_id", "split", "votes", "method"} <= set(read.column_names)
    if form is Format.PARQUET:
        assert read.schema.metadata[b"goldloop.gold_version"] == b"4"


def test_imagefolder_is_split_and_label_and_no_label_leads_outside(tmp_path: Path) -> None:
    """A label with slashes becomes a plain folder name below the target."""
    target = tmp_path / "folder"
    export_gold(GoldExport(RECORDS, VERSION, LABELS, files(tmp_path).get), Format.IMAGEFOLDER, target)
    written = sorted(str(path.relative_to(target)) for path in target.rglob("*.png"))
    assert len(written) == 3
    assert all(path.startswith("train/") and len(Path(path).parts) == 3 for path in written)
    assert (target / "train" / "cat" / f"{RECORDS[0].sample_id}.png").is_file()


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\uff1d1"]


def test_no_cell_of_a_csv_is_a_formula(tmp_path: Path) -> None:
    """Texts that a spreadsheet would compute get an apostrophe; numbers and other formats stay."""
    records = [record(f"r{n}", label=formula.strip()) for n, formula in enumerate(FORMULAS)]
    text_of = {one.sample_id: formula for one, formula in zip(records, FORMULAS, strict=True)}
    labels = LabelSet(tuple(formula.strip() for formula in FORMULAS if formula[0] != "\t"))

    for form in (Format.CSV, Format.JSONL):
        export = GoldExport(records, VERSION, labels, None, lambda sample_id: {"text": text_of[sample_id]})
        export_gold(export, form, tmp_path / form)

    with (tmp_path / "csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == [f"'{formula}" for formula in FORMULAS]
    assert [row["label"] for row in rows] == [f"'{formula.strip()}" for formula in FORMULAS]
    assert not any(cell.startswith(tuple("=+-@\t\r")) for row in rows for cell in row.values())
    assert {row["support"] for row in rows} == {str(records[0].support)}
    lines = (tmp_path / "jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["text"] for line in lines] == FORMULAS


def test_coco_names_each_image_and_its_category(tmp_path: Path) -> None:
    """Every annotation points to an image that is there and to its label."""
    target = tmp_path / "coco"
    export_gold(GoldExport(RECORDS, VERSION, LABELS, files(tmp_path).get), Format.COCO_CLS, target)
    content = json.loads((target / "annotations.json").read_text())
    names = {one["id"]: one["name"] for one in content["categories"]}
    assert [names[one["category_id"]] for one in content["annotations"]] == ["cat", "dog", "../up"]
    assert all((target / one["file_name"]).is_file() for one in content["images"])
    assert content["info"]["digest"] == VERSION.digest


def test_a_missing_file_leaves_nothing_behind(tmp_path: Path) -> None:
    """The error names the sample; no half-written export stays."""
    kept = files(tmp_path)
    del kept[RECORDS[1].sample_id]
    with pytest.raises(SourceError, match=RECORDS[1].sample_id):
        export_gold(GoldExport(RECORDS, VERSION, LABELS, kept.get), Format.COCO_CLS, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]


def test_an_existing_target_is_not_overwritten(tmp_path: Path) -> None:
    """The user has to name a new place."""
    (tmp_path / "gold.csv").write_text("mine")
    with pytest.raises(SourceError, match="exists already"):
        export_gold(GoldExport([], VERSION, LABELS, lambda _: None), Format.CSV, tmp_path / "gold.csv")
    assert (tmp_path / "gold.csv").read_text() == "mine"


@pytest.mark.parametrize("form", [Format.CSV, Format.JSONL, Format.PARQUET])
def test_tables_hold_what_a_sample_says(tmp_path: Path, form: Format) -> None:
    """Where the content is a text, it stands in its row, line breaks, quotes and all."""
    texts = {one.sample_id: f'say "{one.label}",\nü' for one in RECORDS}
    target = tmp_path / "gold"

    export = GoldExport(RECORDS, VERSION, LABELS, None, lambda sample_id: {"text": texts[sample_id]})
    export_gold(export, form, target)

    if form is Format.JSONL:
        rows = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    else:
        options = pyarrow.csv.ParseOptions(newlines_in_values=True)
        is_csv = form is Format.CSV
        table = (
            pyarrow.csv.read_csv(target, parse_options=options)
            if is_csv
            else pyarrow.parquet.read_table(target)
        )
        rows = table.to_pylist()
    assert [row["text"] for row in rows] == list(texts.values())
    assert [row["label"] for row in rows] == ["cat", "dog", "../up"]


@pytest.mark.parametrize("form", OF_PICTURES)
def test_samples_without_files_have_no_folders(tmp_path: Path, form: Format) -> None:
    """The error names formats that fit, and nothing is written."""
    with pytest.raises(SourceError, match="choose csv, jsonl, parquet, huggingface"):
        export_gold(GoldExport(RECORDS, VERSION, LABELS), form, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
