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

from goldloop.core.errors import BusyError, GoldloopError, SettingsError
from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.core.ports import ReasonedScorer
from goldloop.core.probs import stored_probs
from goldloop.core.samples import Arrival, BatchId, SampleId
from goldloop.core.table_ports import Row
from goldloop.loop.briefing import strongest_reasons
from goldloop.loop.champion import champion_model, modality_for
from goldloop.loop.journal import fold_journal
from goldloop.loop.let_through import let_through_of
from goldloop.loop.policy import audit_probabilities_of, policy_in_force, standing_policy
from goldloop.loop.ports import LoopPorts
from goldloop.modalities.features import FeatureReader
from goldloop.modalities.rows.reader import RowReader
from goldloop.routing.cost_policy import Cost, action_costs
from goldloop.routing.policies import asked_for
from goldloop.scoring.journal import Journal
from goldloop.scoring.score import seen_samples
from goldloop.scoring.writer import ScoreReport, ScoreWriter
from goldloop.tables.arrival_index import SeenSamples, sample_key
from goldloop.tables.model_log import read_models
from goldloop.tables.predictions import read_predictions

BATCH = BatchId("decide")
COMMIT_AFTER = timedelta(seconds=5)
RENEW_AFTER = timedelta(seconds=5)
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

    A champion or a policy that came into force meanwhile decides within RENEW_AFTER. `prepared` turns an
    arrival into what the model takes.
    """

    ports: LoopPorts
    reader: RowReader
    writer: ScoreWriter
    journal: Journal
    known: SeenSamples
    prepared: Callable[[Arrival], Arrival] = lambda arrival: arrival
    _decided: dict[SampleId, Row] = field(default_factory=dict)
    _first_at: datetime | None = None
    _renewed_at: datetime | None = None

    def decide(self, fields: Mapping[str, Any]) -> LiveDecision:
        """Return what is done with the record that has these `fields`, which is recorded then."""
        self._renew_if_due()
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

    def prepare(self) -> None:
        """Fit what is beside the model: how samples are read for it, and the chances of audits."""
        ports, writer = self.ports, self.writer
        writer.audit_probabilities, writer.let_through = audit_probabilities_of(ports), let_through_of(ports)
        taken = modality_for(ports, writer.model).reader
        self.prepared = taken.prepared if isinstance(taken, FeatureReader) else lambda arrival: arrival
        self._renewed_at = ports.clock()

    def _renew_if_due(self) -> None:
        """Load the champion and the policy of now where they are others, and where some time has passed.

        A champion that cannot be loaded, or has no policy yet, decides nothing: the one before goes on.
        """
        now = self.ports.clock()
        if self._renewed_at and now - self._renewed_at < RENEW_AFTER:
            return
        self._renewed_at, writer = now, self.writer
        champion = read_models(self.ports.tables).champion
        policy = standing_policy(self.ports, champion.version) if champion else None
        if champion is None or policy is None:
            return
        if (champion.version, policy.version) == (writer.model.version, writer.policy.version):
            return
        try:
            model = writer.model if champion.version == writer.model.version else champion_model(self.ports)
        except GoldloopError as error:
            self.ports.progress.say(f"model {writer.model.version} goes on to decide: {error}")
            return
        writer.model, writer.policy = model, policy
        self.prepare()

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
        self.known.settle()
        self._decided, self._first_at = {}, None
        return True


def open_decisions(ports: LoopPorts) -> LiveDecisions:
    """Load the champion and its policy, and bring to the tables what a killed process left in the journal.

    While another process scores, the journal waits, and what it holds is known.

    Raises:
        SettingsError: samples of this kind are files, or the workspace has no place for a journal.
        BusyError: another process scores or decides, and no policy is settled for the champion yet.
        ModelError: the champion cannot be loaded.
    """
    reader = ports.modality.reader
    if not isinstance(reader, RowReader) or ports.journal is None:
        raise SettingsError(
            f"goldloop decide takes texts and records, and this workspace has the kind "
            f"{ports.settings.kind!r}; use `goldloop score`"
        )
    model, journal, waiting = champion_model(ports), Journal(ports.journal), dict[SampleId, Row]()
    try:
        with ports.alone("score"):
            fold_journal(ports, journal, reader)
            policy = policy_in_force(ports, model.version)
    except BusyError:
        standing = standing_policy(ports, model.version)
        if standing is None:
            raise
        policy = standing
        waiting = {SampleId(one["sample"]["sample_id"]): one["prediction"] for one in journal.entries()}
    writer = ScoreWriter(
        BATCH, model, policy, ports.tables, ports.clock, None, ScoreReport(str(BATCH), model.version)
    )
    decisions = LiveDecisions(ports, reader, writer, journal, seen_samples(ports.tables), _decided=waiting)
    decisions.prepare()
    return decisions


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
