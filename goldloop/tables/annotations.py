"""The annotations table: every annotation that goldloop has pulled, retracted ones included."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.annotations import StoredAnnotation
from goldloop.core.ports import Changes, Table
from goldloop.tables import codec


def read_annotations(table: Table) -> list[StoredAnnotation]:
    """Return every annotation, retracted ones included, in order of annotation id."""
    return codec.values_of(StoredAnnotation, table.read().sort_by("annotation_id"))


def merge_annotations(
    table: Table,
    make_changes: Callable[[Sequence[StoredAnnotation]], Sequence[StoredAnnotation]],
    keys: Collection[str],
) -> list[StoredAnnotation]:
    """Write and return the annotations that `make_changes` returns for those of the tasks `keys`.

    It is called again, with fresh annotations, when another writer was first.
    """
    wanted = pc.field("key").isin(pa.array(sorted(keys), pa.string()))
    changed: list[StoredAnnotation] = []

    def changes(read: Callable[[], pa.Table]) -> Changes:
        kept = codec.values_of(StoredAnnotation, read().filter(wanted).sort_by("annotation_id"))
        changed[:] = make_changes(kept)
        return Changes(codec.rows_of(changed))

    table.merge_next(changes, key="annotation_id")
    return changed
