"""Commits to a Delta table: what each carries, and the two kinds of write, next to the opened version."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from goldloop.adapters.delta_compaction import ZSTD
from goldloop.adapters.delta_log import LAST, TableFiles
from goldloop.core.table_ports import Changes

ATTEMPTS = 12


def properties(*transactions: tuple[str, int], changes: Changes | None = None) -> CommitProperties:
    """Return the properties of a commit that no other writer may precede.

    Every commit carries a transaction, which stands last in its file.
    """
    return CommitProperties(
        app_transactions=[Transaction(*one) for one in transactions or [("append", 1)]],
        custom_metadata={**(changes.metadata if changes else {}), **LAST},
        max_commit_retries=0,
    )


def write(files: TableFiles, table: DeltaTable, data: pa.Table, commit: CommitProperties) -> int:
    """Append `data` to an opened table; return the version of the commit.

    Raises:
        CommitFailedError: another writer has committed since the table was opened.
    """
    version = int(table.version()) + 1
    files.room_for(data.nbytes)
    with files.errors("write"):
        write_deltalake(table, data, mode="append", writer_properties=ZSTD, commit_properties=commit)
    files.trust(version)
    return version


def merge(
    files: TableFiles, table: DeltaTable, rows: pa.Table, keys: Sequence[str], commit: CommitProperties
) -> int:
    """Put `rows` by `keys`, or remove them where `_is_removed`; return the version of the commit.

    Raises:
        CommitFailedError: another writer has committed since the table was opened.
    """
    version = int(table.version()) + 1
    columns = {name: f"s.{name}" for name in rows.schema.names if name != "_is_removed"}
    files.room_for(rows.nbytes)
    with files.errors("write"):
        (
            table.merge(
                rows,
                " AND ".join(f"t.{name} = s.{name}" for name in keys),
                source_alias="s",
                target_alias="t",
                writer_properties=ZSTD,
                commit_properties=commit,
            )
            .when_matched_delete(predicate="s._is_removed")
            .when_matched_update(columns, predicate="NOT s._is_removed")
            .when_not_matched_insert(columns, predicate="NOT s._is_removed")
            .execute()
        )
    files.trust(version)
    return version


def pause(number: int) -> None:
    """Wait before attempt `number` + 2, longer each time, so that writers do not meet again."""
    time.sleep(random.uniform(0.01, 0.05 * 2 ** min(number, 6)))
