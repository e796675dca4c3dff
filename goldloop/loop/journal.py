"""The journal of live decisions is brought to the store and the tables, many decisions a commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from goldloop.core.ports import Reader
from goldloop.core.samples import SampleId
from goldloop.loop.ports import LoopPorts
from goldloop.modalities.rows.reader import RowReader
from goldloop.scoring.journal import Journal
from goldloop.tables.batches import read_samples
from goldloop.tables.predictions import read_predictions


def fold_journal_of(ports: LoopPorts, reader: Reader) -> int:
    """Bring what a killed `goldloop decide` left in the journal to the tables, if there is any."""
    if ports.journal is None or not isinstance(reader, RowReader):
        return 0
    return fold_journal(ports, Journal(ports.journal), reader)


def fold_journal(ports: LoopPorts, journal: Journal, reader: RowReader) -> int:
    """Bring what the journal holds to the store and the tables, and clear it; return the number of samples.

    What is in the tables already, because a process was killed before it had cleared the journal, stays.
    """
    if not journal.path.exists():
        return 0
    with journal.locked():
        n_new = _folded(ports, journal.entries(), reader)
        journal.clear()
    return n_new


def _folded(ports: LoopPorts, lines: Sequence[Mapping[str, Any]], reader: RowReader) -> int:
    entries = {SampleId(entry["sample"]["sample_id"]): entry for entry in lines}
    if not entries:
        return 0
    known = read_samples(ports.tables, list(entries))
    new = {sample_id: entry for sample_id, entry in entries.items() if sample_id not in known}
    rows = {sample_id: entry["row"] for sample_id, entry in new.items()}
    reader.keep(
        {sample_id: row["content"] for sample_id, row in rows.items()},
        {sample_id: row["beside"] for sample_id, row in rows.items() if row["beside"]},
    )
    ports.tables.samples.append([entry["sample"] for entry in new.values()])
    predicted = read_predictions(ports.tables, list(entries))
    missing = [entry["prediction"] for one, entry in entries.items() if one not in predicted]
    ports.tables.predictions.append(missing)
    return len(new)
