"""Briefing: what annotators of records see beside the record, kept with the plan of its task.

Every task has the records of the same entity before it. A task that shows a suggestion also has the risk,
expected costs and the reasons of the model. Reasons are computed for these tasks alone: for every scored
record they would take longer than the scores.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from goldloop.core.assessments import N_REASONS, Assessment
from goldloop.core.errors import UnreadableSampleError
from goldloop.core.labels import LabelSet
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.ports import Contributions, ReasonedScorer
from goldloop.core.probs import stored_probs
from goldloop.core.samples import Decoded, SampleId
from goldloop.loop.champion import champion_model
from goldloop.loop.ports import LoopPorts
from goldloop.routing.cost_policy import Cost, action_costs
from goldloop.routing.policies import Policy, asked_for, labels_of
from goldloop.tables.batches import read_entities
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.policy_log import PolicyLog

N_EARLIER = 5
"""Records of the same entity that annotators see."""


def briefed(ports: LoopPorts, plans: Sequence[PlannedTask]) -> list[PlannedTask]:
    """Return `plans` with what their annotators see beside the samples; as they are for other kinds."""
    if ports.settings.records is None:
        return list(plans)
    with_earlier = _with_earlier(ports, plans)
    decoded = _decoded(ports, [plan for plan in with_earlier if plan.shown_suggestion and plan.probs])
    shown = [plan for plan in with_earlier if plan.shown_suggestion and plan.sample_id in decoded]
    if not shown:
        return with_earlier
    policies = {entry.policy.version: entry.policy for entry in PolicyLog(ports.tables.policies).entries()}
    reasons = _reasons(ports, shown, decoded)
    assessed = {
        plan.key: replace(
            plan,
            assessment=_assessment(
                ports, plan, policies.get(plan.policy or ""), decoded[plan.sample_id], reasons.get(plan.key)
            ),
        )
        for plan in shown
    }
    return [assessed.get(plan.key, plan) for plan in with_earlier]


def _decoded(ports: LoopPorts, plans: Sequence[PlannedTask]) -> dict[SampleId, Decoded]:
    """Return the samples of `plans`; the push reports those that cannot be read."""
    decoded = {}
    for plan in plans:
        with suppress(UnreadableSampleError):
            decoded[plan.sample_id] = ports.modality.store.load(plan.sample_id)
    return decoded


def _with_earlier(ports: LoopPorts, plans: Sequence[PlannedTask]) -> list[PlannedTask]:
    entities = {plan.entity for plan in plans if plan.entity is not None}
    if not entities:
        return list(plans)
    samples: dict[str, list[SampleId]] = defaultdict(list)
    for sample_id, entity in read_entities(ports.tables, entities).items():
        samples[entity].append(sample_id)
    labels = {record.sample_id: record.label for record in GoldStore(ports.tables.gold).records()}
    return [
        replace(
            plan,
            earlier={
                sample_id: labels.get(sample_id, "")
                for sample_id in ports.modality.before(
                    plan.sample_id, samples.get(plan.entity or "", ()), N_EARLIER
                )
            },
        )
        for plan in plans
    ]


def _assessment(
    ports: LoopPorts,
    plan: PlannedTask,
    policy: Policy | None,
    decoded: Decoded,
    reasons: Mapping[str, float] | None,
) -> Assessment:
    """Return what model and policy say of a planned sample; `policy` is the one that decided."""
    settings = ports.settings
    probs = stored_probs([plan.probs or ()], [plan.label_names], settings.label_set)
    costs: dict[str, float] = {}
    inner = None if policy is None else asked_for(policy)
    if isinstance(inner, Cost):
        labels = LabelSet(labels_of(inner) or settings.labels)
        known = stored_probs([plan.probs or ()], [plan.label_names], labels)
        found = action_costs(inner, labels, known, np.array([decoded.stake or 0.0]))
        costs = {action: round(cost, 4) for action, cost in found.items()}
    risk = round(float(1 - probs[0, 0]), 6)
    return Assessment(risk, costs, settings.cost.currency if costs else "", reasons or {})


def _reasons(
    ports: LoopPorts, plans: Sequence[PlannedTask], decoded: Mapping[SampleId, Decoded]
) -> dict[str, dict[str, float]]:
    """Return the reasons by key of those plans whose prediction is the champion's, if it gives reasons."""
    model = champion_model(ports)
    known = [plan for plan in plans if plan.model_version == model.version]
    scorer = model.scorer
    if not known or not isinstance(scorer, ReasonedScorer):
        return {}
    found = scorer.contributions([decoded[plan.sample_id].payload for plan in known])
    first = scorer.labels.find(ports.settings.labels[0])
    if first is None:
        return {}
    strongest = strongest_reasons(found, scorer.labels.column(first))
    return dict(zip((plan.key for plan in known), strongest, strict=True))


def strongest_reasons(found: Contributions, first: int) -> list[dict[str, float]]:
    """Return for each sample what fields add to the log-odds of its risk, the N_REASONS strongest first.

    The risk is that of the likeliest label but the one of the column `first`. A field that adds nothing is no
    reason.
    """
    logits = found.base + found.values.sum(axis=2)
    others = np.where(np.arange(logits.shape[1]) == first, -np.inf, logits)
    rows = np.arange(len(logits))
    added = found.values[rows, others.argmax(axis=1)] - found.values[:, first]
    return [
        {
            found.fields[place]: round(float(row[place]), 4)
            for place in np.argsort(-np.abs(row), kind="stable")[:N_REASONS]
            if abs(row[place]) >= 5e-5
        }
        for row in added
    ]
