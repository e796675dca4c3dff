"""A pass: samples that arrive from a source, or from a part of one, are read, scored and committed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import islice

from goldloop.audit.let_through import LetThrough
from goldloop.core.ports import Reader
from goldloop.core.samples import UNREADABLE, Arrival, BatchId, FileRef, file_of
from goldloop.core.table_ports import Tables
from goldloop.drift.sketches import Sketch
from goldloop.routing.policies import Policy
from goldloop.scoring.writer import AuditProbabilities, Clock, Model, ScoreReport, ScoreWriter
from goldloop.tables.arrival_index import KnownFiles, SeenSamples, failed_openings
from goldloop.tables.arrivals import FailedOpenings, save_opened

LOOK_UP = 32  # arrivals that are looked up in the index at once, which costs half of one by one

IsKnown = Callable[[FileRef], bool]
Advance = Callable[[int], None]


@dataclass(slots=True)
class PassFiles:
    """The files of one pass: `known` are recorded, `opened` are those that could not be opened before.

    `is_wanted` tells which files and rows belong to the pass; others are passed over. `unasked` are files of
    which it was not asked whether they are known before they were opened.
    """

    known: KnownFiles
    failures: FailedOpenings
    report: ScoreReport
    advance: Advance
    is_wanted: IsKnown = lambda _: True
    opened: set[str] = field(default_factory=set)
    unasked: set[str] = field(default_factory=set)

    def is_known(self, file: FileRef) -> bool:
        """Return whether a file need not be read, and count it then."""
        if not self.is_wanted(file):
            return True
        place = file_of(file.uri)
        if self.failures.is_unopened(place):
            self.opened.add(place)  # unless its arrival says that it failed again
            if file.uri == place:
                self.unasked.add(place)
                return False
        if file not in self.known:
            return False
        self.report.n_known += 1
        self.advance(1)
        return True

    def is_new(self, arrival: Arrival) -> bool:
        """Count an arrival; return whether no table has recorded it."""
        if arrival.reason == UNREADABLE:
            self.opened.discard(arrival.file.uri)
        if self.failures.is_recorded(arrival):
            self.report.n_unopened += 1
            self.report.add_example(arrival)
            return False
        if arrival.file.uri in self.unasked and arrival.file in self.known:
            self.report.n_known += 1
            return False
        self.report.n_files += 1
        return True


@dataclass(frozen=True, slots=True)
class Scoring:
    """What a pass scores with, and where to.

    `audit_probabilities` gives the probability with which each sample is audited; None leaves it at the audit
    rate. `let_through` draws what passes although the policy would hold it, None where nothing does.
    """

    reader: Reader
    model: Model
    policy: Policy
    tables: Tables
    clock: Clock
    audit_probabilities: AuditProbabilities | None = None
    let_through: LetThrough | None = None

    def writer(self, batch: BatchId, report: ScoreReport) -> ScoreWriter:
        """Return a writer of samples and predictions of `batch`."""
        writer = ScoreWriter(
            batch, self.model, self.policy, self.tables, self.clock, self.audit_probabilities, report
        )
        writer.let_through = self.let_through
        return writer

    def run(
        self,
        batch: BatchId,
        arrivals: Callable[[IsKnown], Iterator[Arrival]],
        *,
        is_wanted: IsKnown = lambda _: True,
        advance: Advance = lambda _: None,
        block: Collection[FileRef] = (),
        scored_in: str | None = None,
    ) -> tuple[ScoreReport, Sketch | None]:
        """Score what `arrivals` yields of files that are not known; return what was done and a sketch of it.

        `arrivals` gets the question whether a file is known. `advance` gets the number of files or rows just
        passed. Files of a `block` are looked up at once. A pass `scored_in` that is named commits each of its
        blocks once; see `PendingRows`.
        """
        report = ScoreReport(batch, self.model.version, warnings=self.model.warnings)
        writer, seen = self.writer(batch, report), SeenSamples(self.tables)
        writer.pending.looked_up, writer.pending.scored_in = seen.version, scored_in
        known, failures = KnownFiles(self.tables, batch), failed_openings(self.tables)
        known.look_up(block)
        files = PassFiles(known, failures, report, advance, is_wanted)
        arriving = arrivals(files.is_known)
        while part := list(islice(arriving, LOOK_UP)):
            writer.add([arrival for arrival in part if files.is_new(arrival)], seen)
            advance(len(part))
            if seen.is_full:
                writer.flush()
                seen.settle()
        writer.flush()
        save_opened(self.tables, batch, files.opened, at=self.clock())
        seen.settle()
        return report, writer.pending.sketch
