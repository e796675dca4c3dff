"""The gold store: gold versions in a versioned table, and the gold labels that a search found doubtful."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.codec import from_plain
from goldloop.core.errors import GoldVersionError, TableConflictError
from goldloop.core.samples import SampleId
from goldloop.core.table_ports import Changes, Table
from goldloop.gold.records import KINDS, GoldChange, GoldRecord, GoldVersion, gold_diff, gold_digest
from goldloop.tables import codec
from goldloop.training.label_errors import LabelIssue

_NEW_WORKSPACE = {
    "digest": gold_digest([]),
    "reason": "workspace made",
    "n_records": 0,
    **{f"n_{kind}": 0 for kind in KINDS},
}


_FEW = 8
"""Commits in which two gold versions are nearly always found; the others merge files."""


@dataclass(frozen=True, slots=True)
class Gold:
    """One gold version and its records, in order of sample_id."""

    version: GoldVersion
    records: tuple[GoldRecord, ...]


@dataclass(frozen=True, slots=True)
class GoldStore:
    """Reads and commits gold versions, which have the number of the table version.

    Every read checks the digest.
    """

    table: Table

    def commit(
        self,
        make_records: Callable[[], Sequence[GoldRecord]],
        *,
        reason: Callable[[Sequence[GoldChange]], str],
        base: Gold | None = None,
    ) -> GoldVersion | None:
        """Commit the records from `make_records` as the newest gold version; None if they equal the newest.

        The first call of `make_records` is based on the gold `base`; None reads the newest. When another
        writer was first, `make_records` is called again, so that gold from older answers never replaces gold
        from newer ones. `reason` describes the changes. The commit is atomic.
        """
        before = base

        def make_changes(read: Callable[[], pa.Table]) -> Changes:
            nonlocal before
            old = _records(read()) if before is None else before.records
            parent = gold_digest(old) if before is None else before.version.digest
            before, records = None, make_records()
            changes = gold_diff(old, records)
            if not changes:
                return Changes()
            digest, n_records = gold_digest(records), len(records)
            return _changes(
                changes, parent=parent, digest=digest, n_records=n_records, reason=reason(changes)
            )

        begin = base.version.version if base else None
        if self.table.merge_next(make_changes, key="sample_id", base=begin) is None:
            return None
        return self.newest()

    def commit_part(
        self,
        changes: Sequence[GoldChange],
        *,
        base: int,
        parent: str,
        digest: str,
        n_records: int,
        reason: str,
    ) -> GoldVersion | None:
        """Commit `changes` of the gold version `base`, whose digest is `parent`; None if there are none.

        The new version has `n_records` records and this `digest`.

        Raises:
            TableConflictError: another writer was first; the caller derives all of gold.
        """

        def make_changes(read: Callable[[], pa.Table]) -> Changes:
            del read
            if self.newest().version != base:
                raise TableConflictError(f"gold version {base} is not the newest any more")
            return _changes(changes, parent=parent, digest=digest, n_records=n_records, reason=reason)

        committed = self.table.merge_next(make_changes, key="sample_id", base=base)
        return None if committed is None else self.newest()

    def some(self, sample_ids: Collection[SampleId]) -> list[GoldRecord]:
        """Return the newest records of `sample_ids` that have one; the digest is not checked."""
        return _records(self.table.read(where=codec.is_among("sample_id", sample_ids)))

    def read(self, number: int | None = None) -> Gold:
        """Return gold version `number` (None: the newest) with its records.

        Raises:
            GoldVersionError: there is no such version, it was removed, or it does not match its digest.
        """
        version = self.version(number)
        if version.removed_at is not None:
            raise GoldVersionError(
                f"gold version {version.version} was removed on {version.removed_at:%Y-%m-%d}: no round, "
                "policy, evaluation, search for label errors or export names it, and it was older than "
                "housekeeping.keep_days; 'goldloop gold log' lists the versions that open"
            )
        records = _records(self.table.read(version=version.version))
        digest = gold_digest(records)
        if digest != version.digest:
            raise GoldVersionError(
                f"gold version {version.version} has digest {digest}, its log says {version.digest}; "
                "another program changed its files: restore the folder tables/gold from a backup"
            )
        return Gold(version, tuple(records))

    def log(self) -> list[GoldVersion]:
        """Return every gold version, newest first, also those whose content was removed.

        Version 0 is the empty gold of a new workspace.
        """
        return _versions(self.table.history())

    def newest(self) -> GoldVersion:
        """Return the newest gold version."""
        few = _versions(self.table.history(_FEW))
        return few[0] if len(few) > 1 else self.log()[0]  # a version names the one before it

    def version(self, number: int | None) -> GoldVersion:
        """Return gold version `number` (None: the newest).

        Raises:
            GoldVersionError: there is no such gold version.
        """
        if number is None:
            return self.newest()
        newest = self.newest()
        if newest.version == number:
            return newest
        log = self.log()
        for version in log:
            if version.version == number:
                return version
        raise GoldVersionError(
            f"there is no gold version {number}, the newest is {log[0].version}; see 'goldloop gold log'"
        )

    def records(self, number: int | None = None) -> list[GoldRecord]:
        """Return the records of gold version `number`, as `read` does, in order of sample_id."""
        return list(self.read(number).records)

    def rows(self, number: int | None = None) -> pa.Table:
        """Return gold version `number`, as `read` does, as Arrow rows in order of sample_id."""
        version = self.read(number).version
        return self.table.read(version=version.version).sort_by("sample_id")


def _changes(
    changes: Sequence[GoldChange], *, parent: str, digest: str, n_records: int, reason: str
) -> Changes:
    """Return the rows to put and to remove, and the entry in the gold log."""
    kinds = [change.kind for change in changes]
    if not changes:
        return Changes()
    return Changes(
        put=codec.rows_of(change.after for change in changes if change.after is not None),
        remove=codec.rows_of(change.before for change in changes if change.after is None),
        metadata={
            "digest": digest,
            "parent_digest": parent,
            "reason": reason,
            "n_records": str(n_records),
            **{f"n_{kind}": str(kinds.count(kind)) for kind in KINDS},
        },
    )


def _versions(history: Sequence[Mapping[str, Any]]) -> list[GoldVersion]:
    """Return the gold versions in a history, newest first; other commits only maintain the table."""
    versions: list[GoldVersion] = []
    for entry in reversed(history):
        if entry["version"] == 0 or "digest" in entry:
            made = {
                "created_at": datetime.fromtimestamp(entry["timestamp"] / 1000, UTC),
                "parent": versions[-1].version if versions else None,
            }
            versions.append(from_plain(GoldVersion, _NEW_WORKSPACE | entry | made))
    return versions[::-1]


def _records(rows: pa.Table) -> list[GoldRecord]:
    return codec.values_of(GoldRecord, rows.sort_by("sample_id"))


def save_label_issues(table: Table, version: int, issues: Sequence[LabelIssue], *, at: datetime) -> None:
    """Write the result of a search of gold version `version`; the row of rank 0 stands for the search."""
    table.append(
        [
            {"found_at": at, "gold_version": version, "rank": 0},
            *codec.rows_of(issues, found_at=at, gold_version=version),
        ]
    )


def read_label_issues(table: Table) -> list[LabelIssue]:
    """Return the result of the newest search, most doubtful label first; empty before any search."""
    rows = table.read()
    newest = pc.max(rows["found_at"])
    present = rows.filter((pc.field("found_at") == newest) & (pc.field("rank") > 0))
    return codec.values_of(LabelIssue, present.sort_by("rank"))
