"""Live decisions: one record at a time, by the model and the policy of a batch, and recorded like one.

A decision is written to the journal before it is told, and to the tables together with others: a commit for
each would take longer than the decision. What a killed process left in the journal, the next one brings to
the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from goldloop.core.errors import BusyError, SettingsError
from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.core.ports import Reader, ReasonedScorer, Row
from goldloop.core.probs import stored_probs
from goldloop.core.samples import Arrival, BatchId, SampleId
from goldloop.loop.briefing import strongest_reasons
from goldloop.loop.champion import champion_model, modality_for
from goldloop.loop.let_through import let_through_of
from goldloop.loop.policy import audit_probabilities_of, policy_in_force
from goldloop.loop.ports import LoopPorts
from goldloop.modalities.features import FeatureReader
from goldloop.modalities.rows.reader import RowReader
from goldloop.routing.cost_policy import Cost, action_costs
from goldloop.routing.policies import asked_for
from goldloop.scoring.journal import Journal
from goldloop.scoring.score import seen_samples
from goldloop.scoring.writer import ScoreReport, ScoreWriter
from goldloop.tables.arrival_index import SeenSamples, sample_key
from goldloop.tables.batches import read_samples
from goldloop.tables.predictions import read_predictions

BATCH = BatchId("decide")
COMMIT_AFTER = timedelta(seconds=5)
MOST_IN_JOURNAL = 500
"""Decisions after which those in the journal go to the tables."""

APPROVE, DECLINE = "approve", "decline"
_ACTIONS = {Lane.REVIEW: "quick review", Lane.FULL: "full review", Lane.HOLD: "hold"}


@dataclass(frozen=True, slots=True)
class LiveDecision:
    """What is done with one record, and why.

    `action` is approve, decline, quick review, full review, or hold before any model; to approve is to take
    the record for the first label. `label` is what it is taken for while nobody has reviewed it, `risk` the
    probability of another label than the first; both are None before any model. `costs` are the expected
    costs by action under a cost policy, `reasons` what fields add to the log-odds of the risk, the strongest
    first. A bad record has a `problem` and no action. `is_known` tells whether the record was decided before;
    then that decision stands.
    """

    id: str
    action: str | None = None
    label: str | None = None
    risk: float | None = None
    policy: str | None = None
    model_version: str | None = None
    sample_id: str | None = None
    is_known: bool = False
    problem: str | None = None
    costs: Mapping[str, float] | None = None
    reasons: Mapping[str, float] | None = None


@dataclass(slots=True)
class LiveDecisions:
    """Decides records one at a time; made by `open_decisions`, and closed by `flush`.

    `prepared` turns an arrival into what the model takes.
    """

    ports: LoopPorts
    reader: RowReader
    writer: ScoreWriter
    journal: Journal
    known: SeenSamples
    prepared: Callable[[Arrival], Arrival] = lambda arrival: arrival
    _decided: dict[SampleId, Row] = field(default_factory=dict)
    _first_at: datetime | None = None

    def decide(self, fields: Mapping[str, Any]) -> LiveDecision:
        """Return what is done with the record that has these `fields`, which is recorded then."""
        arrival, sample = self.reader.row(str(BATCH), fields)
        row_id = str(fields.get("id", ""))
        if arrival.reason is not None or sample is None:
            return LiveDecision(row_id, problem=f"{arrival.reason}: {arrival.detail}")
        sample_id, labels = arrival.sample_id, self.ports.settings.label_set
        before, taken = self._before(sample_id), self.prepared(arrival)
        if before is not None:
            return replace(_told(row_id, before, labels, is_known=True), **self._why(before, taken))
        arrived, decided = self.writer.decide(taken)
        content = {"content": sample.content, "beside": sample.beside}
        self.journal.add({"sample": arrived, "prediction": decided, "row": content})
        self._decided[sample_id] = decided
        self._first_at = self._first_at or self.ports.clock()
        return replace(_told(row_id, decided, labels), **self._why(decided, taken))

    def _why(self, prediction: Row, arrival: Arrival) -> dict[str, Any]:
        """Return costs and reasons of a decision, as far as its model and policy are those at hand."""
        found: dict[str, Any] = {}
        writer, labels, probs = self.writer, self.ports.settings.label_set, prediction.get("probs")
        is_own = prediction["model_version"] == writer.model.version
        if probs is None or arrival.decoded is None or not is_own:
            return found
        policy, scorer = asked_for(writer.policy), writer.model.scorer
        if isinstance(policy, Cost) and prediction["policy"] == writer.policy.version:
            known = stored_probs([probs], [prediction["label_names"]], labels)
            costs = action_costs(policy, labels, known, np.array([prediction["stake"] or 0.0]))
            found["costs"] = {action: round(cost, 4) for action, cost in costs.items()}
        if isinstance(scorer, ReasonedScorer) and (first := scorer.labels.find(labels[0])) is not None:
            contributions = scorer.contributions([arrival.decoded.payload])
            (found["reasons"],) = strongest_reasons(contributions, scorer.labels.column(first))
        return found

    def _before(self, sample_id: SampleId) -> Row | None:
        """Return the prediction by which the record was decided before, None where it was not."""
        if sample_id in self._decided:
            return self._decided[sample_id]
        if sample_key(sample_id) not in self.known:
            return None
        found = read_predictions(self.ports.tables, [sample_id]).get(sample_id)
        return None if found is None else {name: getattr(found, name) for name in found.__slots__}

    def flush_if_due(self) -> None:
        """Bring the journal to the tables where it has waited for long, or has grown long."""
        waited = self._first_at and self.ports.clock() - self._first_at
        if waited and (waited > COMMIT_AFTER or len(self._decided) >= MOST_IN_JOURNAL):
            self.flush()

    def flush(self) -> bool:
        """Bring the journal to the tables; return False where it waits, because another process scores."""
        try:
            with self.ports.alone("score"):
                fold_journal(self.ports, self.journal, self.reader)
        except BusyError:
            return False
        for sample_id in self._decided:
            self.known.add(sample_key(sample_id))
        self._decided, self._first_at = {}, None
        return True


def open_decisions(ports: LoopPorts) -> LiveDecisions:
    """Load the champion and its policy, and bring to the tables what a killed process left in the journal.

    Raises:
        SettingsError: samples of this kind are files, or the workspace has no place for a journal.
        BusyError: another process scores or decides in this workspace.
        ModelError: the champion cannot be loaded.
    """
    reader = ports.modality.reader
    if not isinstance(reader, RowReader) or ports.journal is None:
        raise SettingsError(
            f"goldloop decide takes texts and records, and this workspace has the kind "
            f"{ports.settings.kind!r}; use `goldloop score`"
        )
    model, journal = champion_model(ports), Journal(ports.journal)
    with ports.alone("score"):
        fold_journal(ports, journal, reader)
        policy = policy_in_force(ports, model.version)
    report = ScoreReport(str(BATCH), model.version)
    chances = audit_probabilities_of(ports)
    writer = ScoreWriter(BATCH, model, policy, ports.tables, ports.clock, chances, report)
    writer.let_through = let_through_of(ports)
    decisions = LiveDecisions(ports, reader, writer, journal, seen_samples(ports.tables))
    taken = modality_for(ports, model).reader
    if isinstance(taken, FeatureReader):
        decisions.prepared = taken.prepared
    return decisions


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


def _told(row_id: str, prediction: Row, labels: LabelSet, *, is_known: bool = False) -> LiveDecision:
    lane, decided = Lane(prediction["lane"]), prediction.get("decided") or prediction.get("label")
    taken = APPROVE if decided == labels[0] else DECLINE
    return LiveDecision(
        id=row_id,
        action=_ACTIONS.get(lane, taken),
        label=decided,
        risk=_risk(prediction.get("probs"), prediction.get("label_names"), labels),
        policy=prediction["policy"],
        model_version=prediction["model_version"],
        sample_id=str(prediction["sample_id"]),
        is_known=is_known,
    )


def _risk(probs: Sequence[float] | None, names: str | None, labels: LabelSet) -> float | None:
    return None if probs is None else round(float(1 - stored_probs([probs], [names], labels)[0, 0]), 6)
