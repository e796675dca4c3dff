"""Scoring: from the samples of a batch to predictions and lanes, with memory only for their ids."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath

from goldloop.audit.let_through import LetThrough
from goldloop.core.lanes import Lane
from goldloop.core.ports import Reader
from goldloop.core.samples import Arrival, BatchId, SampleId
from goldloop.core.table_ports import Tables
from goldloop.modalities.content import is_database
from goldloop.routing.policies import Policy
from goldloop.scoring.passes import Advance, Scoring
from goldloop.scoring.writer import AuditProbabilities, Clock, Model, ScoreReport
from goldloop.tables.arrival_index import SeenSamples
from goldloop.tables.batches import read_places
from goldloop.tables.pass_parts import sum_up
from goldloop.tables.pool_commits import PoolCommits
from goldloop.tables.predictions import WaitingSample, read_let_through, read_waiting


def batch_of(source: str) -> BatchId:
    """Return the id of the batch that `source` names: readable, and the same whenever it is scored again."""
    if is_database(source):
        from goldloop.modalities.rows.database import database_of

        source = database_of(source).place
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", PurePath(source.rstrip("/*")).stem).strip("-")[:40] or "batch"
    digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
    return BatchId(f"{stem}-{digest[:8]}")


def score_source(
    source: str,
    *,
    reader: Reader,
    model: Model,
    policy: Policy,
    tables: Tables,
    clock: Clock,
    audit_probabilities: AuditProbabilities | None = None,
    let_through: LetThrough | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> ScoreReport:
    """Read every sample of `source` that is not known yet, set bad ones aside, score and route the rest.

    Samples and predictions are committed every few seconds, samples first: a killed pass resumes where it
    stopped, and `score_pool` scores what was left without a prediction. See `Scoring` for what it scores
    with. `advance` gets the number of files or rows just passed. What shards of the same batch saw is summed
    up with what this pass saw, and compared with earlier passes.

    Raises:
        SourceError: the source cannot be listed or is empty.
    """
    scoring = Scoring(reader, model, policy, tables, clock, audit_probabilities, let_through)
    return score_whole(scoring, source, advance=advance)


def score_whole(scoring: Scoring, source: str, *, advance: Advance = lambda _: None) -> ScoreReport:
    """Score what is new in `source`; see `score_source`."""
    batch, batches, reader = batch_of(source), scoring.tables.batches, scoring.reader
    report, sketch = scoring.run(
        batch, lambda is_known: reader.arrivals(source, is_known=is_known), advance=advance
    )
    report.drift = sum_up(batches, batch, scoring.model.version, sketch, at=scoring.clock())
    return report


def score_pool(
    *,
    reader: Reader,
    model: Model,
    policy: Policy,
    tables: Tables,
    clock: Clock,
    audit_probabilities: AuditProbabilities | None = None,
    is_wanted: Callable[[SampleId], bool] = lambda _: True,
    advance: Callable[[int], None] = lambda _: None,
) -> ScoreReport:
    """Score every wanted sample whose newest prediction is not by `model`.

    A sample is read from the place where it arrived, else from where its bytes were seen since. Those whose
    content is gone or changed everywhere are reported lost. After a rollback the older model scores all
    samples anew, so that its predictions are the newest. A sample keeps the audit probability of its first
    prediction. A killed pass scores at most POOL_COMMIT times COMMIT_EVERY samples again. Of two passes at
    once, on two machines, each sample keeps the prediction of the first.
    """
    report = ScoreReport("pool", model.version, warnings=model.warnings)
    commits = PoolCommits(tables, model.version)
    waiting = {one.sample_id: one for one in read_waiting(tables, model.version) if is_wanted(one.sample_id)}
    scored = [one for one in waiting.values() if one.lane is not None]
    scoring = Scoring(reader, model, policy, tables, clock, audit_probabilities)
    writer = scoring.writer(BatchId(""), report)
    writer.fixed_before = {one.sample_id: one.audit_probability for one in scored}
    accepted = (one for one in scored if one.lane is Lane.AUTO)
    writer.pending.accepted_before = {str(one.sample_id): one.decided or "" for one in accepted}
    writer.pending.pool = commits
    writer.let_through_before = read_let_through(tables)
    for expected, arrival in _read_again(reader, tables, waiting, report, advance):
        writer.add_again(arrival, waiting[expected].batch)
    writer.flush()
    return report


def _read_again(
    reader: Reader,
    tables: Tables,
    waiting: Mapping[SampleId, WaitingSample],
    report: ScoreReport,
    advance: Callable[[int], None],
) -> Iterator[tuple[SampleId, Arrival]]:
    """Yield each sample of `waiting` that can be read, from the first place that still has its bytes."""
    lost: dict[SampleId, str] = {}
    files = [(sample_id, one.file) for sample_id, one in waiting.items()]
    for (expected, _), arrival in zip(files, reader.again(files), strict=True):
        report.n_files += 1
        advance(1)
        lost |= _why_lost(expected, arrival)
        if expected not in lost:
            yield expected, arrival
    others = [(sample_id, file) for sample_id, seen in read_places(tables, lost).items() for file in seen]
    for (expected, _), arrival in zip(others, reader.again(others), strict=True):
        if expected in lost and not _why_lost(expected, arrival):
            del lost[expected]
            yield expected, arrival
    report.lost += lost.values()


def _why_lost(expected: SampleId, arrival: Arrival) -> dict[SampleId, str]:
    """Return why `arrival` is not the sample that was expected, by its id; nothing where it is."""
    if arrival.reason is None and arrival.sample_id == expected:
        return {}
    why = arrival.detail or "its bytes are no longer those that arrived"
    moved = "if it has moved, run `goldloop score` on its new place"
    return {expected: f"{arrival.file.uri}: {why}; {moved}"}


def seen_samples(tables: Tables) -> SeenSamples:
    """Return the keys of all good samples that ever arrived."""
    return SeenSamples(tables)
