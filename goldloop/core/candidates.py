"""The candidates of a pool as columns: a pool has a million samples, of which a round asks about hundreds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from goldloop.core.lanes import Lane
from goldloop.core.predictions import Candidate
from goldloop.core.samples import BatchId, SampleId

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_SCHEMA = pa.schema(
    {
        "sample_id": pa.string(),
        "batch": pa.string(),
        "lane": pa.string(),
        "margin": pa.float64(),
        "label": pa.string(),
        "audit_probability": pa.float64(),
        "hint": pa.string(),
        "is_audit_only": pa.bool_(),
        "entity": pa.string(),
        "saving": pa.float64(),
        "arrived_at": pa.timestamp("us", tz="UTC"),
        "is_overdue": pa.bool_(),
    }
)


class Candidates(Sequence[Candidate]):
    """Candidates in a fixed order; a `Candidate` is made only of a row that is asked for."""

    __slots__ = ("_columns",)

    def __init__(self, columns: pa.Table) -> None:
        """Take columns that are named as the fields of `Candidate`; one that is missing has its default."""
        n = len(columns)
        for name in ("is_audit_only", "is_overdue"):
            if name not in columns.column_names:
                columns = columns.append_column(name, pa.repeat(pa.scalar(False), n))
        if "hint" not in columns.column_names:
            columns = columns.append_column("hint", pa.nulls(n, pa.string()))
        self._columns = columns.select(_SCHEMA.names)

    @classmethod
    def of(cls, candidates: Iterable[Candidate]) -> Self:
        """Return `candidates` as columns; what are columns already stays as it is."""
        if isinstance(candidates, cls):
            return candidates
        rows = [{name: getattr(one, name) for name in _SCHEMA.names} for one in candidates]
        return cls(pa.Table.from_pylist(rows, _SCHEMA))

    def __len__(self) -> int:
        """Return the number of candidates."""
        return len(self._columns)

    @overload
    def __getitem__(self, place: int) -> Candidate: ...

    @overload
    def __getitem__(self, place: slice) -> Candidates: ...

    def __getitem__(self, place: int | slice) -> Candidate | Candidates:
        """Return one candidate, or those of a slice as columns."""
        if isinstance(place, slice):
            return self.at(np.arange(*place.indices(len(self))))
        return _candidate(self._columns.take([range(len(self))[place]]).to_pylist()[0])

    def __iter__(self) -> Iterator[Candidate]:
        """Yield each candidate."""
        for batch in self._columns.to_batches(max_chunksize=10_000):
            yield from map(_candidate, batch.to_pylist())

    def at(self, rows: Rows) -> Candidates:
        """Return the candidates of `rows`, in this order."""
        return Candidates(self._columns.take(pa.array(rows, pa.int64())))

    def where(self, flags: Flags) -> Candidates:
        """Return the candidates for which `flags`, bool (n,), is true."""
        return Candidates(self._columns.filter(pa.array(flags, pa.bool_())))

    def marked(self, name: str, flags: Flags) -> Candidates:
        """Return the candidates with `flags`, bool (n,), as their field `name`."""
        place = self._columns.column_names.index(name)
        return Candidates(self._columns.set_column(place, name, pa.array(flags, pa.bool_())))

    @property
    def sample_ids(self) -> list[SampleId]:
        """The ids of the samples."""
        return [SampleId(one) for one in self._texts("sample_id")]

    @property
    def entities(self) -> list[str | None]:
        """Whom or what each sample belongs to."""
        return list(self._texts("entity"))

    @property
    def margins(self) -> Floats:
        """The margins, (n,); NaN before the first prediction."""
        return self._numbers("margin")

    @property
    def savings(self) -> Floats:
        """What a review is expected to save, (n,); NaN where that is unknown."""
        return self._numbers("saving")

    @property
    def audit_probabilities(self) -> Floats:
        """The audit probabilities, (n,); NaN for the audit rate."""
        return self._numbers("audit_probability")

    @property
    def arrived_at(self) -> npt.NDArray[np.datetime64]:
        """When each sample arrived, (n,), in UTC; NaT where that is unknown."""
        return np.asarray(self._columns["arrived_at"].to_numpy(), dtype="datetime64[us]")

    def in_lanes(self, *lanes: Lane) -> Flags:
        """Return which candidates are in one of `lanes`, (n,)."""
        return np.asarray(pc.is_in(self._columns["lane"], pa.array([str(lane) for lane in lanes])).to_numpy())

    def among(self, sample_ids: Iterable[SampleId]) -> Flags:
        """Return which candidates are among `sample_ids`, (n,)."""
        known = pa.array(sorted(sample_ids), pa.string())
        return np.asarray(pc.is_in(self._columns["sample_id"], known).to_numpy())

    def flags(self, name: str) -> Flags:
        """Return a field that is true or false, (n,)."""
        return np.asarray(self._columns[name].to_numpy(), dtype=bool)

    def _numbers(self, name: str) -> Floats:
        return np.asarray(self._columns[name].cast(pa.float64()).to_numpy(), dtype=np.float64)

    def _texts(self, name: str) -> list[Any]:
        return list(self._columns[name].to_pylist())


def _candidate(row: dict[str, Any]) -> Candidate:
    fields = {
        "sample_id": SampleId(row["sample_id"]),
        "batch": BatchId(row["batch"]),
        "lane": Lane(row["lane"]),
    }
    return Candidate(**(row | fields))
