"""Reads labelled samples from a file or folder of any format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from goldloop.core.errors import SourceError
from goldloop.formats.class_folders import read_class_folders
from goldloop.formats.coco import read_coco
from goldloop.formats.export import Format
from goldloop.formats.ground_truth import read_ground_truth
from goldloop.formats.hugging_face import read_hugging_face
from goldloop.formats.label_studio import read_label_studio
from goldloop.formats.labelbox import read_labelbox
from goldloop.formats.labelled import Row
from goldloop.formats.prodigy import read_prodigy
from goldloop.formats.table import read_table

_READERS: Mapping[Format, Callable[[Path], Iterator[Row]]] = {
    Format.CSV: read_table,
    Format.JSONL: read_table,
    Format.PARQUET: read_table,
    Format.IMAGEFOLDER: read_class_folders,
    Format.HUGGINGFACE: read_hugging_face,
    Format.YOLO: read_class_folders,
    Format.COCO_CLS: read_coco,
    Format.LABEL_STUDIO: read_label_studio,
    Format.GROUND_TRUTH: read_ground_truth,
    Format.LABELBOX: read_labelbox,
    Format.PRODIGY: read_prodigy,
}


def read_labelled(source: Path, form: Format) -> Iterator[Row]:
    """Yield a sample for each label in `source`, and why a row gives none.

    Raises:
        SourceError: `source` is not there, or is not of this format.
    """
    if not source.exists():
        raise SourceError(f"{source} does not exist; name a file or folder of the format {form}")
    yield from _READERS[form](source)
