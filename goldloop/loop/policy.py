"""The policy: which policy is in force for the champion, settled from settings, audits and people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from functools import partial

from goldloop.audit.audited import Audited
from goldloop.audit.designs import audit_probabilities, usual_unsureness
from goldloop.core.errors import EmptyPoolError, PolicyError
from goldloop.core.samples import SampleId
from goldloop.core.table_ports import Tables
from goldloop.costs.review_effort import people_costs
from goldloop.labeling.context import LoopState, read_state
from goldloop.loop.ports import LoopPorts
from goldloop.routing.explanation import Explanation, explain
from goldloop.routing.fit import KnownPeople, cost_policy, error_costs, fit_policy
from goldloop.routing.outcomes import consequences
from goldloop.routing.policies import Policy, PolicyEntry, labels_of, reroute
from goldloop.routing.settle import is_asked_for, settle_policy
from goldloop.routing.tuning import Tuning, tune
from goldloop.scoring.writer import AuditProbabilities
from goldloop.stats.comparison import Consequences
from goldloop.tables.batches import read_samples, read_seen
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.model_log import read_models
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.predictions import find_prediction, predictions_under_other_policies, save_lane_changes
from goldloop.tables.task_log import TaskLog
from goldloop.tables.traffic import evaluated_holdout, policy_evidence, read_traffic


def settle(ports: LoopPorts) -> PolicyEntry | None:
    """Settle the champion's policy anew; None before there is a champion."""
    decided = read_models(ports.tables).champion
    if decided is None:
        return None
    champion = decided.version
    settings, gold = ports.settings, GoldStore(ports.tables.gold).read()
    entry = settle_policy(
        policy_evidence(ports.tables, gold.records, settings.label_set, champion),
        settings,
        model_version=champion,
        gold_version=gold.version.version,
        people=known_people(ports),
        at=ports.clock(),
    )
    PolicyLog(ports.tables.policies).settle(entry)
    return entry


def cautions(tables: Tables) -> list[str]:
    """Return warnings before annotators spend time: the drift of the newest batch, and what audits doubt."""
    seen = read_seen(tables.batches)
    entries = PolicyLog(tables.policies).entries()
    drifts = [f"{seen[-1].batch}: {drift.sentence}" for drift in seen[-1].check.drifts] if seen else []
    return [*drifts, *(entries[-1].warnings if entries else ())]


def policy_in_force(ports: LoopPorts, champion: str) -> Policy:
    """Return the policy that routes what `champion` scores, settled now if none that settings ask for is."""
    standing = standing_policy(ports, champion)
    if standing is not None:
        return standing
    entry = settle(ports)
    return fit_policy(ports.settings).policy if entry is None else entry.policy


def standing_policy(ports: LoopPorts, champion: str) -> Policy | None:
    """Return the policy that is in force for `champion`; None where it must be settled first."""
    entries = PolicyLog(ports.tables.policies).entries()
    entry = entries[-1] if entries and entries[-1].model_version == champion else None
    return entry.policy if entry and is_asked_for(entry.policy, ports.settings) else None


def reroute_pool(
    ports: LoopPorts, champion: str, policy: Policy, taken: Collection[SampleId]
) -> Counter[str]:
    """Give samples that nobody has been asked about the lane that `policy` gives them; count the moves."""
    predictions = predictions_under_other_policies(
        ports.tables,
        model_version=champion,
        policy=policy,
        is_wanted=lambda sample_id: sample_id not in taken,
    )
    changes = reroute(predictions, policy, ports.settings.label_set)
    save_lane_changes(ports.tables, [new for _, new in changes], policy=policy, at=ports.clock())
    return Counter(f"{old.lane} -> {new.lane}" for old, new in changes if old.lane is not new.lane)


def consequences_for_gate(ports: LoopPorts) -> Callable[[Audited], Consequences] | None:
    """Return what prices the decisions that follow from a model's predictions; None where the gate judges
    accuracy.

    They are those of the policy that settings ask for, before audits support or suspend it; where that is a
    target, which is certified for one model alone, those of the cost policy.
    """
    settings = ports.settings
    if settings.gate.measure != "loss":
        return None
    people = known_people(ports)
    costs = cost_policy(settings, people)[0]
    is_fixed = settings.policy.kind in ("band", "risk")
    policy = fit_policy(settings).policy if is_fixed else costs
    return lambda audited: consequences(policy, audited, costs)


def known_people(ports: LoopPorts, state: LoopState | None = None) -> KnownPeople:
    """Return how long annotators take and what they answer, as far as that is known, in `state` or now.

    It is also known by stake where errors cost more with it.
    """
    settings, state = ports.settings, state or read_state(ports.tables, ports.settings)
    stakes: dict[SampleId, float] = {}
    if error_costs(settings.cost, settings.label_set).factors:
        arrived = read_samples(ports.tables, {answer.sample_id for answer in state.outcomes.answers})
        stakes = {key: sample.stake or 0.0 for key, sample in arrived.items()}
    requests = state.snapshot.requests.requests
    return people_costs(state.outcomes, requests, settings.label_set, stakes)


def audit_probabilities_of(ports: LoopPorts) -> AuditProbabilities:
    """Return the function from probs (n, n_labels) to the chance (n,) that each row is audited."""
    selection = ports.settings.selection
    usual = None
    if selection.audit_design == "poisson":
        probs = read_traffic(ports.tables, ports.settings.label_set).probs
        usual = usual_unsureness(probs, audit_rate=selection.audit_rate) if len(probs) else None
    return partial(audit_probabilities, audit_rate=selection.audit_rate, usual=usual)


def explain_sample(ports: LoopPorts, prefix: str) -> Explanation:
    """Return why the one sample whose id begins with `prefix` went to its lane.

    Raises:
        SourceError: no scored sample has such an id, or several have.
    """
    prediction = find_prediction(ports.tables, prefix)
    asked = {
        task.purpose
        for task in TaskLog(ports.tables).statuses().values()
        if task.sample_id == prediction.sample_id and task.is_live
    }
    policies = [entry.policy for entry in PolicyLog(ports.tables.policies).entries()]
    sample = read_samples(ports.tables, [prediction.sample_id]).get(prediction.sample_id)
    entity = sample.entity if sample else None
    return explain(prediction, ports.settings, policies=policies, asked=asked, entity=entity)


def newest_entry(ports: LoopPorts) -> PolicyEntry:
    """Return the policy that was settled last, which is the champion's.

    Raises:
        EmptyPoolError: none was settled yet.
    """
    entries = PolicyLog(ports.tables.policies).entries()
    if not entries:
        raise EmptyPoolError(
            "There is no policy yet, because there is no champion. Answer some tasks, then run "
            "`goldloop round`."
        )
    return entries[-1]


def holdout_of(ports: LoopPorts, entry: PolicyEntry) -> Audited:
    """Return the holdout as the model of `entry` evaluated it."""
    records, labels = GoldStore(ports.tables.gold).records(), ports.settings.label_set
    return evaluated_holdout(ports.tables, records, labels, entry.model_version)


def champion_tuning(ports: LoopPorts) -> Tuning:
    """Return what the champion's audits say of other policies than the one in force.

    Raises:
        EmptyPoolError: there is no champion yet, or its holdout is empty.
        PolicyError: the policy in force is for other labels.
    """
    entry, settings = newest_entry(ports), ports.settings
    if (labels := labels_of(entry.policy)) not in ((), settings.labels):
        raise PolicyError(
            f"The policy in force was settled for the labels {list(labels)}, and goldloop.toml has "
            f"{list(settings.labels)}. Run `goldloop score`, which settles it anew."
        )
    return tune(holdout_of(ports, entry), settings, present=entry.policy, people=known_people(ports))
