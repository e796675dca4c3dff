"""Scoring: from the files of a batch to samples, predictions and lanes, at constant memory."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import Any

import pyarrow.compute as pc

from goldloop.backlog import newest_predictions
from goldloop.ports import Reader, Row, Scorer, Tables
from goldloop.predictions import checked_probs, confidence, margin
from goldloop.routing.lanes import Lane
from goldloop.routing.policies import Policy, route
from goldloop.samples import Arrival, Arrived, BatchId, FileRef, Reason, SampleId

MINIBATCH = 128  # samples a forward pass; more gains nothing on a CPU
COMMIT_EVERY = 1024  # files a commit: what a kill can cost, and 0.03 s of every 1 s of scoring
READERS = 2  # decoding threads ahead of the model
READ_AHEAD = 2 * MINIBATCH  # files
NO_MODEL = "none"

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Model:
    """A scorer and the version it is known by; no scorer before the first model exists."""

    version: str = NO_MODEL
    scorer: Scorer | None = None


@dataclass(slots=True)
class ScoreReport:
    """What one scoring pass did, counted in files."""

    batch: str
    model_version: str
    n_files: int = 0
    n_known: int = 0
    n_duplicates: int = 0
    lanes: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)


def batch_of(source: str) -> BatchId:
    """Return the id of the batch that `source` names: readable, and the same whenever it is scored again."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", PurePath(source.rstrip("/*")).stem).strip("-")[:40] or "batch"
    return BatchId(f"{stem}-{hashlib.sha256(source.encode()).hexdigest()[:8]}")


def score_source(
    source: str,
    *,
    reader: Reader,
    model: Model,
    policy: Policy,
    tables: Tables,
    clock: Clock,
    advance: Callable[[int], None] = lambda _: None,
) -> ScoreReport:
    """Read every file of `source` that is not known yet, set bad ones aside, score and route the rest.

    Files and predictions are committed every COMMIT_EVERY files, samples first: a killed pass resumes where
    it stopped, and what was left without a prediction is scored by `score_backlog`.

    Raises:
        SourceError: the source cannot be listed or is empty.
    """
    batch = batch_of(source)
    report = ScoreReport(batch, model.version)
    known, seen = _known_files(tables, batch), _seen_samples(tables)
    writer = _Writer(batch=batch, model=model, policy=policy, tables=tables, clock=clock, report=report)

    def unknown_files() -> Iterator[FileRef]:
        for file in reader.files(source):
            if _file_key(file.uri, file.stamp) in known:
                report.n_known += 1
                advance(1)
            else:
                yield file

    for arrival in _read_ahead(reader, unknown_files()):
        report.n_files += 1
        writer.add(
            arrival, is_duplicate=arrival.reason is None and bytes.fromhex(arrival.sample_id[:32]) in seen
        )
        if arrival.reason is None:
            seen.add(bytes.fromhex(arrival.sample_id[:32]))
        advance(1)
    writer.flush()
    return report


def score_backlog(
    *,
    reader: Reader,
    model: Model,
    policy: Policy,
    tables: Tables,
    clock: Clock,
    is_wanted: Callable[[SampleId], bool] = lambda _: True,
    advance: Callable[[int], None] = lambda _: None,
) -> ScoreReport:
    """Score every wanted sample whose newest prediction is not by `model`.

    Files that are gone or changed are reported lost. After a rollback this makes the older model's word
    count again.
    """
    report = ScoreReport("backlog", model.version)
    newest = newest_predictions(tables, ["model_version"])
    scored = set(newest.filter(pc.field("model_version") == model.version)["sample_id"].to_pylist())
    samples = tables.samples.read(["sample_id", "batch", "uri", "size", "stamp", "arrived"])
    samples = samples.filter(pc.field("arrived") == str(Arrived.SAMPLE))
    batches: dict[SampleId, BatchId] = {}
    waiting: list[tuple[FileRef, SampleId]] = []
    for row in samples.sort_by([("batch", "ascending"), ("uri", "ascending")]).to_pylist():
        sample_id = SampleId(row["sample_id"])
        if sample_id in scored or sample_id in batches or not is_wanted(sample_id):
            continue
        batches[sample_id] = BatchId(row["batch"])
        waiting.append((FileRef(row["uri"], row["size"], row["stamp"]), sample_id))
    writer = _Writer(batch=BatchId(""), model=model, policy=policy, tables=tables, clock=clock, report=report)
    for (file, expected), arrival in zip(
        waiting, _read_ahead(reader, (file for file, _ in waiting)), strict=True
    ):
        report.n_files += 1
        advance(1)
        if arrival.reason is not None or arrival.sample_id != expected:
            report.lost.append(
                f"{file.uri}: {arrival.detail or 'its bytes are no longer those that arrived'}"
            )
            continue
        writer.add_scored(arrival, batches[expected])
    writer.flush()
    return report


class _Writer:
    """Collects minibatches for the scorer and rows for the tables; flushes both."""

    def __init__(
        self,
        *,
        batch: BatchId,
        model: Model,
        policy: Policy,
        tables: Tables,
        clock: Clock,
        report: ScoreReport,
    ) -> None:
        self._batch, self._model, self._policy, self._tables = batch, model, policy, tables
        self._clock, self._report = clock, report
        self._samples: list[Row] = []
        self._predictions: list[Row] = []
        self._waiting: list[tuple[SampleId, BatchId, Any]] = []
        self._since_commit = 0

    def add(self, arrival: Arrival, *, is_duplicate: bool) -> None:
        decoded, report = arrival.decoded, self._report
        arrived = Arrived.DUPLICATE if is_duplicate else Arrived.SAMPLE
        if arrival.reason is not None:
            arrived = Arrived.QUARANTINE
            report.quarantined[str(arrival.reason)] += 1
        elif is_duplicate:
            report.n_duplicates += 1
        self._samples.append(
            {
                "sample_id": arrival.sample_id,
                "batch": self._batch,
                "uri": arrival.file.uri,
                "stamp": arrival.file.stamp,
                "size": arrival.file.size,
                "arrived": str(arrived),
                "arrived_at": self._clock(),
                "reason": None if arrival.reason is None else str(arrival.reason),
                "detail": arrival.detail or None,
                "fingerprint": decoded.fingerprint if decoded else None,
                "metadata": json.dumps(decoded.metadata) if decoded else None,
            }
        )
        if arrived is Arrived.SAMPLE:
            self.add_scored(arrival, self._batch)
        else:
            self._count()

    def add_scored(self, arrival: Arrival, batch: BatchId) -> None:
        if arrival.decoded is not None:
            self._waiting.append((arrival.sample_id, batch, arrival.decoded.payload))
        if len(self._waiting) >= MINIBATCH:
            self._score()
        self._count()

    def _count(self) -> None:
        self._since_commit += 1
        if self._since_commit >= COMMIT_EVERY:
            self.flush()

    def flush(self) -> None:
        self._score()
        self._tables.samples.append(self._samples)
        self._tables.predictions.append(self._predictions)
        self._samples, self._predictions, self._since_commit = [], [], 0

    def _score(self) -> None:
        if not self._waiting:
            return
        moment, policy, version = self._clock(), self._policy.version, self._model.version
        common = {"model_version": version, "policy": policy, "scored_at": moment}
        if self._model.scorer is None:
            for sample_id, batch, _ in self._waiting:
                self._predictions.append(
                    {**common, "sample_id": sample_id, "batch": batch, "lane": str(Lane.HOLD)}
                )
            self._report.lanes[str(Lane.HOLD)] += len(self._waiting)
        else:
            labels = self._model.scorer.labels
            probs = checked_probs(
                self._model.scorer([payload for *_, payload in self._waiting]).probs, labels
            )
            tops, margins, columns = confidence(probs), margin(probs), probs.argmax(axis=1)
            lanes = route(probs, self._policy)
            for row, (sample_id, batch, _) in enumerate(self._waiting):
                lane = lanes[row]
                self._report.lanes[str(lane)] += 1
                self._predictions.append(
                    {
                        **common,
                        "sample_id": sample_id,
                        "batch": batch,
                        "lane": str(lane),
                        "label": labels[int(columns[row])],
                        "confidence": float(tops[row]),
                        "margin": float(margins[row]),
                        "probs": probs[row].tolist(),
                    }
                )
        self._waiting = []


def _read_ahead(reader: Reader, files: Iterable[FileRef]) -> Iterator[Arrival]:
    """Yield what `reader` makes of `files`, in their order, reading a bounded number ahead in threads."""
    with ThreadPoolExecutor(READERS, thread_name_prefix="read") as pool:
        ahead: deque[Future[Arrival]] = deque()
        try:
            for file in files:
                ahead.append(pool.submit(reader.read, file))
                if len(ahead) > READ_AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _file_key(uri: str, stamp: str) -> bytes:
    return hashlib.sha256(f"{uri}\n{stamp}".encode()).digest()[:16]


def _known_files(tables: Tables, batch: BatchId) -> set[bytes]:
    """Keys of the files of this batch that were read before; 16 bytes each, for memory's sake.

    A file that could not be opened is tried again: its permissions may have been mended since.
    """
    rows = tables.samples.read(["batch", "uri", "stamp", "reason"]).filter(pc.field("batch") == batch)
    rows = rows.filter(pc.field("reason").is_null() | (pc.field("reason") != str(Reason.UNREADABLE)))
    pairs = zip(rows["uri"].to_pylist(), rows["stamp"].to_pylist(), strict=True)
    return {_file_key(uri, stamp) for uri, stamp in pairs}


def _seen_samples(tables: Tables) -> set[bytes]:
    """First 16 bytes of the ids of all good samples that ever arrived."""
    rows = tables.samples.read(["sample_id", "arrived"]).filter(pc.field("arrived") == str(Arrived.SAMPLE))
    return {bytes.fromhex(sample_id[:32]) for sample_id in rows["sample_id"].to_pylist()}
