"""The shortened log: where the log of a table begins, which earlier versions open, and what was removed.

`_removed.json` says from which commit on the log is kept; earlier commit files may be there or not.
`_removed.parquet` holds the entries of the commits before it. Both lie beside the commits, where no reader
of Delta Lake looks at them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from goldloop.core.disk import write_whole
from goldloop.core.errors import GoldVersionError

RECORD, ENTRIES = "_removed.json", "_removed.parquet"
_OF_DELTALAKE = {
    *("operation", "operationParameters", "operationMetrics", "engineInfo", "clientVersion"),
    *("readVersion", "last_action", "isBlindAppend", "isolationLevel", "userMetadata"),
}
"""Parts of an entry that say how deltalake made the commit, and that nothing asks for."""


@dataclass(frozen=True, slots=True)
class ShortenedLog:
    """The log is complete from commit `begins` on; of the versions before it only `kept` open.

    `removed_at` is the moment of the last removal, None before the first.
    """

    begins: int = 0
    kept: frozenset[int] = frozenset()
    removed_at: datetime | None = None

    def opens(self, version: int) -> bool:
        """Return whether `version`, which was committed once, can still be opened."""
        return version >= self.begins or version in self.kept

    def check(self, table: str, version: int) -> None:
        """Check that `version` of this table opens.

        Raises:
            GoldVersionError: it was removed.
        """
        if not self.opens(version):
            raise GoldVersionError(
                f"version {version} of table {table!r} was removed by {self.removed_at:%Y-%m-%d}, as nothing "
                "names it; see 'goldloop gold log'"
            )


def read_shortened(log: Path) -> ShortenedLog:
    """Return how the log in the folder `log` was shortened.

    Raises:
        ValueError: the file that says so is damaged.
    """
    path = log / RECORD
    try:
        record = json.loads(path.read_bytes())
        return ShortenedLog(
            int(record["begins"]), frozenset(record["kept"]), datetime.fromisoformat(record["removed_at"])
        )
    except FileNotFoundError:
        return ShortenedLog()
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is damaged") from error


def save_shortened(log: Path, shortened: ShortenedLog) -> None:
    """Write how the log is shortened; from then on its earlier commits may be removed."""
    at = shortened.removed_at or datetime.now(UTC)
    record = {"begins": shortened.begins, "kept": sorted(shortened.kept), "removed_at": at.isoformat()}
    write_whole(log / RECORD, json.dumps(record))


def with_removed(entries: Sequence[Mapping[str, Any]], log: Path, begins: int) -> list[dict[str, Any]]:
    """Return the entries of a history from commit `begins` on, and behind them those that were removed."""
    kept = [dict(entry) for entry in entries if entry["version"] >= begins]
    return [*kept, *read_removed(log, begins)]


def read_removed(log: Path, before: int) -> list[dict[str, Any]]:
    """Return the entries of the commits before number `before` that were removed, newest first.

    An entry has its version, timestamp (ms) and metadata; `removed_at`, ISO 8601, if the version no longer
    opens.
    """
    path = log / ENTRIES
    if not path.exists():
        return []
    entries = (json.loads(text) for text in pq.read_table(path)["entry"].to_pylist())
    return [entry for entry in entries if entry["version"] < before]


def save_removed(
    log: Path, entries: Iterable[Mapping[str, Any]], *, kept: Collection[int], at: datetime
) -> None:
    """Write the entries of all commits that are about to be removed, newest first, with earlier ones."""
    rows = []
    for entry in entries:
        row = {name: value for name, value in entry.items() if name not in _OF_DELTALAKE}
        if row["version"] not in kept:
            row.setdefault("removed_at", at.isoformat())
        rows.append(json.dumps(row))
    content = io.BytesIO()
    pq.write_table(pa.table({"entry": pa.array(rows, pa.string())}), content, compression="zstd")
    write_whole(log / ENTRIES, content.getvalue())
