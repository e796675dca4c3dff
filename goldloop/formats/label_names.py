"""Label names in files, and what each means among the labels of a workspace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from difflib import SequenceMatcher
from pathlib import Path

from goldloop.core.errors import LabelError
from goldloop.core.labels import LabelSet, labels_text
from goldloop.formats.export import Format
from goldloop.formats.labelled import LabelledSample
from goldloop.formats.read import read_labelled

SHOWN = 10
"""Names that an error lists."""


def labels_of(
    source: Path, form: Format, label_map: Mapping[str, str], labels: LabelSet
) -> dict[str, str | None]:
    """Return the label of each name in the file; None for one that the map leaves out.

    Raises:
        LabelError: a name is no label, or the map names none.
    """
    if wrong := [label for label in label_map.values() if label and labels.find(label) is None]:
        raise LabelError(
            f"--label-map names {labels_text(wrong[:SHOWN])}, which are no labels; the labels are "
            f"{labels_text(labels)}"
        )
    counts = Counter(row.label for row in read_labelled(source, form) if isinstance(row, LabelledSample))
    meant = {name: label_map.get(name, name) for name in counts}
    found = {name: labels.find(label) if label else None for name, label in meant.items()}
    unknown = sorted(name for name, label in meant.items() if label and found[name] is None)
    if unknown:
        shown = ", ".join(f"{name!r} ({counts[name]:,} rows)" for name in unknown[:SHOWN])
        more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        example = f"'{unknown[0]}={_nearest(unknown[0], labels)}'"
        raise LabelError(
            f"{source} has labels that this workspace does not: {shown}{more}; nothing was imported. Name "
            f"what each means, as in --label-map {example}, leave its rows out with nothing behind the sign, "
            "or add the label to goldloop.toml and run `goldloop labels --accept`. The labels are "
            f"{labels_text(labels)}"
        )
    return found


def _nearest(name: str, labels: LabelSet) -> str:
    """Return the label that is spelt most like `name`."""
    return max(labels, key=lambda label: SequenceMatcher(None, name, label).ratio())
