"""A workspace as an older goldloop wrote it, built from what its own writer once wrote.

The file was made by goldloop at the commit that it names, with that commit's routine and tables: nine texts
and a damaged one, four tasks, three answers and a skip, a gold version, a closed round and a policy.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

FORMAT_0 = Path(__file__).parent / "unit" / "workspace_of_format_0.json"
_TYPES = {
    "string": pa.string(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp[us, tz=UTC]": pa.timestamp("us", "UTC"),
    "list<element: string>": pa.list_(pa.string()),
    "list<element: int64>": pa.list_(pa.int64()),
    "list<element: float>": pa.list_(pa.float32()),
}
_CONFIGURATION = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    "delta.enableChangeDataFeed": "true",
}


def written(root: Path) -> str:
    """Write the workspace of format 0 to the new folder `root`; return the digest of its gold."""
    content = json.loads(FORMAT_0.read_text(encoding="utf-8"))
    root.mkdir(parents=True)
    (root / "goldloop.toml").write_text("\n".join(content["goldloop.toml"]) + "\n", encoding="utf-8")
    digest = str(content["gold_digest"])
    for name, table in content["tables"].items():
        _write_table(root / "tables" / name, table["columns"], table["rows"], digest)
    return digest


def _write_table(
    folder: Path, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], digest: str
) -> None:
    schema = pa.schema({name: _TYPES[kind] for name, kind in columns.items()})
    folder.mkdir(parents=True)
    DeltaTable.create(str(folder), schema, configuration=_CONFIGURATION)
    commits: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        values = {
            name: datetime.fromisoformat(value) if value and columns[name].startswith("timestamp") else value
            for name, value in zip(columns, row, strict=True)
        }
        commits[values.get("seq", 1)].append(values)
    metadata = {"digest": digest, "n_records": str(len(rows)), "n_added": str(len(rows))}
    metadata |= {"n_changed": "0", "n_removed": "0", "parent_digest": "", "reason": "pull"}
    for seq, added in sorted(commits.items()):
        properties = CommitProperties(
            custom_metadata=metadata if folder.name == "gold" else {},
            app_transactions=[Transaction(folder.name, seq)]
            if "seq" in columns
            else [],  # as goldloop numbers them
        )
        made = pa.Table.from_pylist(added, schema)
        write_deltalake(str(folder), made, mode="append", commit_properties=properties)
