"""The check of the index of what has arrived: does it say what the table says."""

from __future__ import annotations

from dataclasses import dataclass

from goldloop.core.digests import DigestSet
from goldloop.core.table_ports import Tables
from goldloop.tables.arrival_index import COLUMNS, FILES, SAMPLES, catch_up, derive, digests_of

_AT_ONCE = 4096  # digests that are looked up together


@dataclass(frozen=True, slots=True)
class IndexFaults:
    """Samples and files that the index lacks, and those that it has and the table has not."""

    n_missing: int
    n_unknown: int

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self.n_missing or self.n_unknown)


def index_faults(tables: Tables) -> IndexFaults:
    """Compare the index with the whole table; a commit that another process makes meanwhile is no fault.

    A sample that the index has and the table has not would never be recorded; one that it lacks would be
    recorded twice.
    """
    index = tables.samples.index
    added = tables.samples.added(COLUMNS, after=None)
    parts = [digests_of(part) for part in added.parts]
    catch_up(tables)
    n_missing, in_table = 0, {name: DigestSet() for name in (SAMPLES, FILES)}
    for part in parts:
        for name, known in in_table.items():
            for first in range(0, len(part[name]), _AT_ONCE):
                page = {key for key in part[name][first : first + _AT_ONCE] if key not in known}
                n_missing += len(page - index.find(name, list(page)))
                for key in page:
                    known.add(key)
    if index.mark() != added.mark:  # another process has committed, so that the index may have more
        return IndexFaults(n_missing, 0)
    n_found = sum(len(known) for known in in_table.values()) - n_missing
    return IndexFaults(n_missing, sum(map(index.count, in_table)) - n_found)


def derive_again(tables: Tables) -> None:
    """Derive the index anew from the whole table."""
    derive(tables, tables.samples.added(COLUMNS, after=None), after=tables.samples.index.mark())
