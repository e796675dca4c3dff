"""The score writer: minibatches for the model, rows for the tables, a commit every COMMIT_EVERY samples."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from goldloop.core.lanes import Lane
from goldloop.core.ports import Row, Scorer, Tables
from goldloop.core.probs import Probs, checked_probs, confidence, margin, restored
from goldloop.core.samples import Arrival, Arrived, BatchId, SampleId
from goldloop.drift.checks import Check
from goldloop.drift.sketches import Sketch, sketch_of
from goldloop.routing.policies import Policy, route

MINIBATCH = 128  # samples a forward pass; more gains nothing on a CPU
COMMIT_EVERY = 1024  # samples a commit: what a kill can cost, and 0.03 s of every 1 s of scoring
NO_MODEL = "none"

Clock = Callable[[], datetime]
AuditProbabilities = Callable[[Probs], npt.NDArray[np.float64]]
"""From probs (n, n_labels) to the probability with which each row is audited, (n,)."""


@dataclass(frozen=True, slots=True)
class Model:
    """A scorer and its version; no scorer before the first model exists."""

    version: str = NO_MODEL
    scorer: Scorer | None = None


@dataclass(slots=True)
class ScoreReport:
    """What one scoring pass did, counted in samples, good and bad.

    `rerouted` counts samples that only got another lane, "auto -> review". `drift` compares the new samples
    with what the model saw before, None where nothing new was scored.
    """

    batch: str
    model_version: str
    n_files: int = 0
    n_known: int = 0
    n_duplicates: int = 0
    lanes: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    rerouted: Counter[str] = field(default_factory=Counter)
    drift: Check | None = None


class ScoreWriter:
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
        audit_probabilities: AuditProbabilities | None,
        fixed_before: Mapping[str, float | None],
    ) -> None:
        self._audit_probabilities, self._fixed_before = audit_probabilities, fixed_before
        self._batch, self._model, self._policy, self._tables = batch, model, policy, tables
        self._clock, self._report = clock, report
        self._samples: list[Row] = []
        self._predictions: list[Row] = []
        self._waiting: list[tuple[SampleId, BatchId, Any]] = []
        self._since_commit = 0
        self._sketch: Sketch | None = None

    def add(self, arrival: Arrival, *, is_duplicate: bool) -> None:
        """Record a sample that arrived, and pass it to the model unless it is bad or a duplicate."""
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
        """Pass a sample that arrived in `batch` to the model."""
        if arrival.decoded is not None:
            self._waiting.append((arrival.sample_id, batch, arrival.decoded.payload))
        if len(self._waiting) >= MINIBATCH:
            self._score()
        self._count()

    def _count(self) -> None:
        self._since_commit += 1
        if self._since_commit >= COMMIT_EVERY:
            self.flush()

    def sketch(self) -> Sketch | None:
        """Return a summary of what the model saw; None if it saw nothing."""
        return self._sketch

    def flush(self) -> None:
        """Score the samples that wait and commit everything, samples first."""
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
            scores = self._model.scorer([payload for *_, payload in self._waiting])
            kept = checked_probs(scores.probs, labels).astype(np.float32)
            probs = restored(kept)
            tops, margins, columns = confidence(probs), margin(probs), probs.argmax(axis=1)
            lanes = route(probs, self._policy)
            sketch = sketch_of(probs, scores.embeddings, labels)
            self._sketch = sketch if self._sketch is None else self._sketch + sketch
            chances = None if self._audit_probabilities is None else self._audit_probabilities(probs)
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
                        "probs": kept[row].tolist(),
                        "audit_probability": self._fixed_before.get(
                            sample_id, None if chances is None else float(chances[row])
                        ),
                    }
                )
        self._waiting = []
