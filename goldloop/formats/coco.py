"""COCO classification: `annotations.json` with images, categories and one annotation for each image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from goldloop.core.errors import SourceError
from goldloop.formats.gold_export import GoldExport, write_json
from goldloop.formats.labelled import (
    LabelledSample,
    RefusedRow,
    Row,
    file_in,
    read_json,
    resolved,
    split_of,
    text_of,
)

FILE = "annotations.json"


def write_coco(export: GoldExport, target: Path) -> None:
    """Write `annotations.json` beside a folder `images`; an image has its split and what goldloop knows."""
    target.mkdir()
    samples = export.samples(target)
    content = {
        "info": {
            "description": "goldloop gold",
            "version": str(export.version.version),
            "digest": export.version.digest,
        },
        "categories": [{"id": column + 1, "name": label} for column, label in enumerate(export.labels)],
        "images": [
            {"id": number, "file_name": one.file, "split": one.split, "goldloop": one.facts}
            for number, one in enumerate(samples, start=1)
        ],
        "annotations": [
            {"id": number, "image_id": number, "category_id": export.labels.column(one.label) + 1}
            for number, one in enumerate(samples, start=1)
        ],
    }
    write_json(target / FILE, content)


def read_coco(source: Path) -> Iterator[Row]:
    """Yield a sample for each annotation of a COCO file, or of `annotations.json` in the folder `source`.

    Raises:
        SourceError: it cannot be read, or is no COCO file.
    """
    path = file_in(source, (FILE, "_annotations.coco.json"))
    content = read_json(path)
    lists = (
        [content.get(name) for name in ("images", "categories", "annotations")]
        if isinstance(content, dict)
        else []
    )
    if not lists or not all(isinstance(one, list) for one in lists):
        raise SourceError(f"{path} is no COCO file: it needs the lists images, categories and annotations")
    images, categories = (_by_id(path, one) for one in lists[:2])
    for annotation in content["annotations"]:
        yield _row(path, annotation, images, categories)


def _by_id(path: Path, listed: Any) -> dict[Any, Mapping[str, Any]]:
    try:
        return {one["id"]: one for one in listed}
    except (TypeError, KeyError) as error:
        raise SourceError(
            f"{path} is no COCO file: an image or category has no id; export it again"
        ) from error


def _row(
    path: Path,
    annotation: Any,
    images: Mapping[Any, Mapping[str, Any]],
    categories: Mapping[Any, Mapping[str, Any]],
) -> Row:
    if not isinstance(annotation, dict):
        return RefusedRow(path.name, f"an annotation is {annotation!r:.40}, not an object; correct it")
    place = f"{path.name}, annotation {annotation.get('id', '?')}"
    image, category = images.get(annotation.get("image_id")), categories.get(annotation.get("category_id"))
    if image is None or not text_of(image.get("file_name")):
        return RefusedRow(place, f"there is no image {annotation.get('image_id')!r} with a file_name; add it")
    if category is None or not text_of(category.get("name")):
        return RefusedRow(
            place, f"there is no category {annotation.get('category_id')!r}; add it with its name"
        )
    facts = image.get("goldloop")
    return LabelledSample(
        place=place,
        label=str(category["name"]),
        sample_id=facts.get("sample_id") if isinstance(facts, dict) else None,
        file=resolved(str(image["file_name"]), path.parent),
        split=split_of(image.get("split")),
    )
