"""Blocks: lists of files that workers score, each with one callable, and a driver that gives them out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from goldloop.core.errors import SourceError
from goldloop.core.samples import BatchId, FileRef
from goldloop.drift.sketches import Sketch, merged
from goldloop.modalities.content import is_database
from goldloop.modalities.files import files_of
from goldloop.scoring.passes import Advance, Scoring
from goldloop.scoring.score import batch_of
from goldloop.scoring.writer import ScoreReport
from goldloop.tables.arrival_commits import read_block, transaction_of
from goldloop.tables.arrival_index import KnownFiles, SeenSamples, failed_openings
from goldloop.tables.pass_parts import sum_up

FIRST_BLOCK, LARGEST_BLOCK = 128, 2048
"""Files of a block: small ones first, so that every worker begins at once and a small source is shared out.
A killed worker's block is read again."""

Block = Sequence[FileRef]


@dataclass(frozen=True, slots=True)
class BlockResult:
    """What was done with one block of `n_files`, and a sketch of what the model saw."""

    n_files: int
    report: ScoreReport
    sketch: Sketch | None


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """What the workers of one pass have to agree on: batch, name of the pass, and model."""

    batch: BatchId
    scored_in: str
    model_version: str


class Workers(Protocol):
    """Scores blocks elsewhere, each by a `BlockScorer`."""

    @property
    def n(self) -> int:
        """Number of workers."""

    def results(self, blocks: Iterable[Block]) -> Iterator[BlockResult]:
        """Yield the result of each block, in any order; a block whose worker died goes to another."""


@dataclass(frozen=True, slots=True)
class BlockScorer:
    """Scores blocks of `batch` in the pass `scored_in`; whoever repeats a block only finishes it.

    A block of files that hold one sample each is one commit of arrivals and one of predictions.
    """

    scoring: Scoring
    batch: BatchId
    scored_in: str

    def __call__(self, block: Block) -> BlockResult:
        """Read, score and commit the files of `block` that are not known."""
        files = [(file.uri, file.stamp) for file in block]
        transaction = transaction_of(self.scored_in, self.batch, files)
        if self.scoring.tables.samples.has(transaction):
            report, sketch = self._finished(block, transaction)
        else:
            report, sketch = self.scoring.run(
                self.batch,
                lambda is_known: self.scoring.reader.of(block, is_known=is_known),
                block=block,
                scored_in=self.scored_in,
            )
        return BlockResult(len(block), report, sketch)

    def _finished(self, block: Block, transaction: str) -> tuple[ScoreReport, Sketch | None]:
        """Score what a worker has left that died after it had committed the arrivals of `block`."""
        arrived = read_block(self.scoring.tables, self.batch, block)
        report = ScoreReport(self.batch, self.scoring.model.version, warnings=self.scoring.model.warnings)
        writer = self.scoring.writer(self.batch, report)
        writer.pending.count_arrivals(arrived.rows)
        report.n_files += len(arrived.rows)
        if self.scoring.tables.predictions.has(transaction):
            report.lanes.update(arrived.lanes(self.scoring.tables))
            return report, None
        writer.pending.transaction = transaction
        samples = arrived.samples
        for (sample_id, _), arrival in zip(samples, self.scoring.reader.again(samples), strict=True):
            if arrival.sample_id == sample_id:  # else it has changed meanwhile, and the pool names it
                writer.add_again(arrival, self.batch)
        writer.flush()
        return report, writer.pending.sketch


def blocks_of(files: Iterator[FileRef], n_workers: int) -> Iterator[Block]:
    """Cut `files` into blocks, small ones first."""
    size, given = FIRST_BLOCK, 0
    while block := list(islice(files, size)):
        yield block
        given += 1
        if given % n_workers == 0:
            size = min(2 * size, LARGEST_BLOCK)


def score_with(
    workers: Workers, scoring: Scoring, source: str, *, advance: Advance = lambda _: None
) -> ScoreReport:
    """Give what is new in `source` to `workers` in blocks; check the whole for drift.

    Raises:
        SourceError: the source cannot be listed or is empty, or is a database, which holds no files.
    """
    if is_database(source):
        raise SourceError("a database holds no files that workers could share out; score it with --shard")
    batch, batches = batch_of(source), scoring.tables.batches
    report = ScoreReport(batch, scoring.model.version, warnings=scoring.model.warnings)
    files = files_of(source)
    SeenSamples(scoring.tables)  # lets the index catch up
    known, failures = KnownFiles(scoring.tables, batch), failed_openings(scoring.tables)

    def unknown() -> Iterator[FileRef]:
        for file in files:
            if file in known and not failures.is_unopened(file.uri):
                report.n_known += 1
                advance(1)
            else:
                yield file

    sketches: list[Sketch] = []
    for result in workers.results(blocks_of(unknown(), workers.n)):
        report.add(result.report)
        advance(result.n_files)
        if result.sketch is not None:
            sketches.append(result.sketch)
    report.drift = sum_up(batches, batch, scoring.model.version, merged(sketches), at=scoring.clock())
    return report
