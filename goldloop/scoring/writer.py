"""The score writer: minibatches for the model, rows for the tables, a commit every few seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from goldloop.audit.let_through import PASSED, LetThrough
from goldloop.core.error_costs import Columns, Stakes
from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.core.ports import Scorer
from goldloop.core.probs import (
    Probs,
    checked_probs,
    column_names,
    confidence,
    likeliest,
    margin,
    over_labels,
    restored,
)
from goldloop.core.samples import Arrival, Arrived, BatchId, Decoded, SampleId
from goldloop.core.table_ports import Row, Tables
from goldloop.drift.checks import Check
from goldloop.drift.sketches import Sketch, observed
from goldloop.routing.policies import Policy, route, savings_of
from goldloop.scoring.commit import PendingRows
from goldloop.scoring.rows import COMMIT_EVERY, sample_row
from goldloop.tables.arrival_index import SeenSamples, sample_key
from goldloop.training.model_history import NO_MODEL

MINIBATCH = 128  # samples a forward pass; more gains nothing on a CPU
COMMIT_AFTER_S = 5.0  # what a kill costs of a fast model's work; a commit takes 0.1 s
COMMIT_SHARE = 0.02
"""What a kill costs of a long pass: each commit to a table takes 0.2 MB of memory for good."""

LARGEST_COMMIT = 32
"""Times as many samples a commit at most, because they wait in memory."""

POOL_COMMIT = 16
"""Times as many samples a commit of samples scored anew: from kept features a million takes 37 s, with a
thousand commits more 94 s."""

Clock = Callable[[], datetime]
AuditProbabilities = Callable[[Probs], npt.NDArray[np.float64]]
"""From probs (n, n_labels) to the probability with which each row is audited, (n,)."""


@dataclass(frozen=True, slots=True)
class Model:
    """A scorer and its version; no scorer before the first model exists. `warnings` are for the user.

    Predictions are kept over `labels`, the label set of the workspace; None: that of the scorer.
    """

    version: str = NO_MODEL
    scorer: Scorer | None = None
    labels: LabelSet | None = None
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class ScoreReport:
    """What one scoring pass did, counted in samples, good and bad.

    `rerouted` counts samples that only got another lane, "auto -> review". `second_looks` counts what became
    of labels that an older model had accepted: "accepted again", "label changed", "to annotators". `drift`
    compares the new samples with what the model saw before, None where nothing new was scored. `n_unopened`
    counts files that could not be opened before and cannot be opened now; `n_files` counts the others that
    were read. `examples` has a file and what is wrong with it for each reason of `quarantined` and for
    `n_unopened`. `warnings` are those of the model. `preset` is the preset that goldloop chose before this
    pass, "" where it was settled. `waits_for` are the shards of the same source that have not ended yet.
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
    second_looks: Counter[str] = field(default_factory=Counter)
    drift: Check | None = None
    n_unopened: int = 0
    examples: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    preset: str = ""
    waits_for: tuple[str, ...] = ()

    def add(self, other: ScoreReport) -> None:
        """Add what was done with another part of the same batch."""
        for name in ("n_files", "n_known", "n_duplicates", "n_unopened"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.lanes.update(other.lanes)
        self.quarantined.update(other.quarantined)
        self.examples = {**other.examples, **self.examples}

    def add_example(self, arrival: Arrival) -> None:
        """Keep the first file of each reason, for the user to read."""
        self.examples.setdefault(str(arrival.reason), f"{arrival.file.uri}: {arrival.detail}")


@dataclass(slots=True)
class ScoreWriter:
    """Collects minibatches for the scorer and rows for the tables; flushes both, and counts in `report`.

    `fixed_before` has the audit probabilities of the samples that were scored before. `audit_probabilities`
    is None where only the audit rate is known. `let_through` draws the samples that pass although the policy
    holds them, None where none do; `let_through_before` has those drawn before.
    """

    batch: BatchId
    model: Model
    policy: Policy
    tables: Tables
    clock: Clock
    audit_probabilities: AuditProbabilities | None
    report: ScoreReport
    fixed_before: Mapping[str, float | None] = field(default_factory=dict)
    let_through: LetThrough | None = None
    let_through_before: Mapping[SampleId, float] = field(default_factory=dict)
    pending: PendingRows = field(init=False)
    _waiting: list[tuple[SampleId, BatchId, Decoded]] = field(default_factory=list)
    _since_commit: int = 0
    _began_at: datetime | None = None
    _first_at: datetime | None = None

    def __post_init__(self) -> None:
        self.pending = PendingRows(self.batch, self.tables, self.report)

    def add(self, arrivals: Sequence[Arrival], seen: SeenSamples) -> None:
        """Record samples that arrived, and pass them to the model unless they are bad or duplicates."""
        keys = [sample_key(arrival.sample_id) for arrival in arrivals]
        found = seen.find(keys)
        for key, arrival in zip(keys, arrivals, strict=True):
            if self._add(arrival, is_seen=key in found) is Arrived.SAMPLE:
                found.add(key)
                seen.add(key)

    def _add(self, arrival: Arrival, *, is_seen: bool) -> Arrived:
        arrived, moment = Arrived.SAMPLE, self.clock()
        self._began_at, self._first_at = self._began_at or moment, self._first_at or moment
        if arrival.reason is not None:
            arrived = Arrived.QUARANTINE
            self.report.add_example(arrival)
        elif is_seen:
            arrived = Arrived.DUPLICATE
        self.pending.add_sample(sample_row(arrival, arrived, self.batch, moment))
        if arrived is Arrived.SAMPLE:
            self._wait(arrival, self.batch)
        self._since_commit += 1
        if self._is_due(moment - self._first_at, moment - self._began_at):
            self.flush()
        return arrived

    def decide(self, arrival: Arrival) -> tuple[Row, Row]:
        """Return the rows of one good new sample for the tables of samples and predictions, uncommitted."""
        moment = self.clock()
        self._waiting = [(arrival.sample_id, self.batch, arrival.decoded or Decoded(None))]
        (decided,) = self._predicted(moment)
        self._waiting = []
        self.pending.forget_observed()
        return sample_row(arrival, Arrived.SAMPLE, self.batch, moment), decided

    def _is_due(self, waited: timedelta, took: timedelta) -> bool:
        """Return whether samples, the first of which has `waited`, are due in a pass that `took` so long."""
        if self._since_commit < COMMIT_EVERY:
            return False
        is_late = self.pending.scored_in is None and waited.total_seconds() >= max(
            COMMIT_AFTER_S, COMMIT_SHARE * took.total_seconds()
        )
        return is_late or self._since_commit >= LARGEST_COMMIT * COMMIT_EVERY

    def add_again(self, arrival: Arrival, batch: BatchId) -> None:
        """Pass a sample that arrived in `batch` before to the model, which scores it anew."""
        self._wait(arrival, batch)
        self._since_commit += 1
        if self._since_commit >= POOL_COMMIT * COMMIT_EVERY:
            self.flush()

    def _wait(self, arrival: Arrival, batch: BatchId) -> None:
        if arrival.decoded is not None:
            self._waiting.append((arrival.sample_id, batch, arrival.decoded))
        if len(self._waiting) >= MINIBATCH:
            self._score()

    def sketch(self) -> Sketch | None:
        """Return a summary of what the model saw; None if it saw nothing."""
        return self.pending.sketch

    def flush(self) -> None:
        """Score the samples that wait and commit everything, samples first."""
        self._score()
        self.pending.commit()
        self._since_commit, self._first_at = 0, None

    def _score(self) -> None:
        if not self._waiting:
            return
        self.pending.add_predictions(self._predicted(self.clock()))
        self._waiting = []

    def _predicted(self, moment: datetime) -> list[Row]:
        """Return the rows of the samples that wait for the table of predictions."""
        scorer = self.model.scorer
        rows = [{"lane": str(Lane.HOLD)}] * len(self._waiting) if scorer is None else self._scored(scorer)
        beside = {
            "model_version": self.model.version,
            "policy": self.policy.version,
            "scored_at": moment,
        }
        return [
            {"sample_id": sample_id, "batch": batch, **beside, **row}
            for (sample_id, batch, _), row in zip(self._waiting, rows, strict=True)
        ]

    def _scored(self, scorer: Scorer) -> list[dict[str, Any]]:
        """Return what `scorer` and the policy say of each sample that waits."""
        scores = scorer([decoded.payload for *_, decoded in self._waiting])
        given, labels = checked_probs(scores.probs, scorer.labels), self.model.labels or scorer.labels
        seen = observed(restored(given), scores.embeddings, scorer.labels)
        self.pending.observe([sample_id for sample_id, *_ in self._waiting], seen)
        kept = over_labels(given, scorer.labels.names, labels).astype(np.float32)
        probs = restored(kept)
        stakes = [decoded.stake for *_, decoded in self._waiting]
        at_stake = np.array([stake or 0.0 for stake in stakes])
        lanes, columns = route(probs, self.policy, at_stake), likeliest(probs)
        decided, savings = self.policy.decided(probs, at_stake), savings_of(self.policy, probs, at_stake)
        passed = self._passed(lanes, decided, at_stake)
        lanes = [lane if chance is None else Lane.AUTO for lane, chance in zip(lanes, passed, strict=True)]
        decided = np.where([chance is None for chance in passed], decided, PASSED)
        tops, margins = confidence(probs), margin(probs)
        chances = None if self.audit_probabilities is None else self.audit_probabilities(probs)
        return [
            {
                "lane": str(lanes[row]),
                "label": labels[int(columns[row])],
                "confidence": float(tops[row]),
                "margin": float(margins[row]),
                "probs": kept[row].tolist(),
                "label_names": column_names(labels),
                "decided": labels[int(decided[row])],
                "stake": stakes[row],
                "saving": None if np.isnan(savings[row]) else float(savings[row]),
                "let_through": passed[row],
                "audit_probability": self.fixed_before.get(
                    sample_id, None if chances is None else float(chances[row])
                ),
            }
            for row, (sample_id, *_) in enumerate(self._waiting)
        ]

    def _passed(self, lanes: list[Lane], decided: Columns, at_stake: Stakes) -> list[float | None]:
        """Return the probability of each waiting sample that was or is let through, None for all others.

        A sample is drawn when it is scored first: later its fate is decided.
        """
        ids = [sample_id for sample_id, *_ in self._waiting]
        drawn: list[float | None] = [None] * len(ids)
        if self.let_through is not None:
            drawn = self.let_through.drawn(ids, lanes, decided, at_stake)
        return [
            self.let_through_before.get(sample_id) if sample_id in self.fixed_before else chance
            for sample_id, chance in zip(ids, drawn, strict=True)
        ]
