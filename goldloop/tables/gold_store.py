"""The gold store: gold versions in a versioned table, checked against their digest whenever they are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from goldloop.core.errors import GoldVersionError
from goldloop.core.ports import Row, Table
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose
from goldloop.gold.records import GoldChange, GoldRecord, GoldVersion, gold_diff, gold_digest


@dataclass(frozen=True, slots=True)
class GoldStore:
    """Reads and commits gold versions; a version number is the table's own."""

    table: Table

    def commit(
        self,
        make_records: Callable[[], Sequence[GoldRecord]],
        *,
        reason: Callable[[Sequence[GoldChange]], str],
    ) -> GoldVersion | None:
        """Make what `make_records` returns the newest gold version in one atomic commit; None if it is that.

        `reason` says in words why, given what changes.

        `make_records` is asked again whenever another writer was first: what one has read before the other
        committed must not undo what the other has made of newer answers.
        """

        def make_changes(present: pa.Table) -> tuple[list[Row], list[Row], Mapping[str, str]]:
            old, records = _records(present), make_records()
            changes = gold_diff(old, records)
            put: list[Row] = [_row(one.after) for one in changes if one.after is not None]
            remove: list[Row] = [
                _row(one.before) for one in changes if one.before is not None and one.after is None
            ]
            kinds = [one.kind for one in changes]
            metadata = {
                "digest": gold_digest(records),
                "parent_digest": gold_digest(old),
                "reason": reason(changes),
                "n_records": str(len(records)),
                "n_added": str(kinds.count("added")),
                "n_changed": str(kinds.count("changed")),
                "n_removed": str(kinds.count("removed")),
                "n_reweighed": str(kinds.count("reweighed")),
            }
            return put, remove, metadata

        if self.table.merge_next(make_changes, key="sample_id") is None:
            return None
        return self.newest()

    def log(self) -> list[GoldVersion]:
        """Return every gold version, newest first; version 0 is the empty one every workspace starts from."""
        versions: list[GoldVersion] = []
        for entry in reversed(self.table.history()):
            if entry["version"] != 0 and "digest" not in entry:
                continue  # housekeeping of the table, no gold version
            versions.append(
                GoldVersion(
                    version=int(entry["version"]),
                    digest=entry.get("digest", gold_digest([])),
                    n_records=int(entry.get("n_records", 0)),
                    n_added=int(entry.get("n_added", 0)),
                    n_changed=int(entry.get("n_changed", 0)),
                    n_removed=int(entry.get("n_removed", 0)),
                    n_reweighed=int(entry.get("n_reweighed", 0)),
                    created_at=datetime.fromtimestamp(entry["timestamp"] / 1000, UTC),
                    parent=versions[-1].version if versions else None,
                    reason=entry.get("reason", "workspace made"),
                )
            )
        return versions[::-1]

    def newest(self) -> GoldVersion:
        """Return the newest gold version."""
        return self.log()[0]

    def version(self, number: int | None) -> GoldVersion:
        """Return gold version `number`, the newest for None.

        Raises:
            GoldVersionError: there is no such gold version.
        """
        log = self.log()
        if number is None:
            return log[0]
        for one in log:
            if one.version == number:
                return one
        raise GoldVersionError(
            f"there is no gold version {number}, the newest is {log[0].version}; see 'goldloop gold log'"
        )

    def records(self, number: int | None = None) -> list[GoldRecord]:
        """Return the records of gold version `number` (None: the newest) in order of sample_id.

        Raises:
            GoldVersionError: there is no such version, or its content does not match its digest.
        """
        version = self.version(number)
        records = _records(self.table.read(version=version.version))
        digest = gold_digest(records)
        if digest != version.digest:
            raise GoldVersionError(
                f"gold version {version.version} has digest {digest}, its log says {version.digest}; "
                "its files were changed from outside: restore the folder tables/gold from a backup"
            )
        return records


def _row(record: GoldRecord) -> dict[str, Any]:
    return {
        "sample_id": record.sample_id,
        "label": record.label,
        "split": str(record.split),
        "group": record.group,
        "purpose": str(record.purpose),
        "method": record.method,
        "support": record.support,
        "n_votes": record.n_votes,
        "votes": json.dumps(dict(record.votes), ensure_ascii=False),
        "posterior": json.dumps(dict(record.posterior), ensure_ascii=False),
        "batch": record.batch,
        "lane": record.lane,
        "policy": record.policy,
        "inclusion_probability": record.inclusion_probability,
        "model_version": record.model_version,
        "suggested_label": record.suggested_label,
        "annotators": list(record.annotators),
        "annotation_ids": list(record.annotation_ids),
        "labelled_at": record.labelled_at,
    }


def _records(rows: pa.Table) -> list[GoldRecord]:
    return [
        GoldRecord(
            sample_id=SampleId(row["sample_id"]),
            label=row["label"],
            split=Split(row["split"]),
            group=row["group"],
            purpose=Purpose(row["purpose"]),
            method=row["method"],
            support=row["support"],
            n_votes=row["n_votes"],
            votes=json.loads(row["votes"]),
            posterior=json.loads(row["posterior"]),
            batch=BatchId(row["batch"]),
            lane=row["lane"],
            policy=row["policy"],
            inclusion_probability=row["inclusion_probability"],
            model_version=row["model_version"],
            suggested_label=row["suggested_label"],
            annotators=tuple(row["annotators"]),
            annotation_ids=tuple(row["annotation_ids"]),
            labelled_at=row["labelled_at"],
        )
        for row in rows.sort_by("sample_id").to_pylist()
    ]
