"""policy: which policy is in force for the champion, settled from settings, audits and people."""

from __future__ import annotations

from collections import Counter

from prefect import task

from goldloop.audit.audited import Audited
from goldloop.core.clock import now
from goldloop.core.errors import EmptyPoolError
from goldloop.core.samples import SampleId
from goldloop.routing.entry import PolicyEntry
from goldloop.routing.explanation import Explanation, explain
from goldloop.routing.fit import fit_policy
from goldloop.routing.policies import Policy
from goldloop.routing.reroute import reroute
from goldloop.routing.settle import is_asked_for, settle_policy
from goldloop.routing.tuning import Tuning, tune
from goldloop.tables.batches import read_seen
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.predictions import find_prediction, predictions_under_other_policies, save_lane_changes
from goldloop.tables.traffic import evaluated_holdout, policy_evidence
from goldloop.wiring import Wiring, connect


def settle(parts: Wiring) -> PolicyEntry | None:
    """Settle the champion's policy anew; None before there is a champion."""
    champion = parts.registry.version_at("champion")
    if champion is None:
        return None
    settings = parts.workspace.settings
    entry = settle_policy(
        policy_evidence(parts.tables, parts.gold.records(), settings.label_set, champion),
        settings,
        model_version=champion,
        gold_version=parts.gold.newest().version,
        people=parts.known_people(),
        at=now(),
    )
    PolicyLog(parts.tables.policies).settle(entry)
    return entry


@task(name="settle the policy")
def settle_policy_task(workspace: str) -> PolicyEntry | None:
    """Prefect task around `settle`."""
    return settle(connect(workspace))


def cautions(parts: Wiring) -> list[str]:
    """Return what to know before people's time is spent: what moved, and what audits doubt."""
    seen = read_seen(parts.tables.batches)
    entries = PolicyLog(parts.tables.policies).entries()
    newest = [f"{seen[-1].batch}: {one.sentence}" for one in seen[-1].check.drifts] if seen else []
    return [*newest, *(entries[-1].warnings if entries else ())]


def policy_in_force(parts: Wiring, champion: str) -> Policy:
    """Return the policy that routes what `champion` scores, settled now if none that settings ask for is."""
    entries = PolicyLog(parts.tables.policies).entries()
    entry = entries[-1] if entries and entries[-1].model_version == champion else None
    if entry is None or not is_asked_for(entry.policy, parts.workspace.settings):
        entry = settle(parts)
    return fit_policy(parts.workspace.settings).policy if entry is None else entry.policy


def reroute_waiting(parts: Wiring, champion: str, policy: Policy) -> Counter[str]:
    """Give samples that nobody has been asked about the lane that `policy` gives them; count the moves."""
    taken = parts.taken()

    def is_wanted(sample_id: SampleId) -> bool:
        return sample_id not in taken

    predictions = predictions_under_other_policies(
        parts.tables, model_version=champion, policy=policy, is_wanted=is_wanted
    )
    changes = reroute(predictions, policy)
    save_lane_changes(parts.tables, changes, policy=policy, at=now())
    return Counter(str(change) for change in changes)


def explain_sample(parts: Wiring, prefix: str) -> Explanation:
    """Return why the one sample whose id begins with `prefix` went to its lane.

    Raises:
        SourceError: no scored sample has such an id, or several have.
    """
    prediction = find_prediction(parts.tables, prefix)
    asked = {
        task.purpose
        for task in parts.task_log.statuses().values()
        if task.sample_id == prediction.sample_id and task.is_live
    }
    policies = [entry.policy for entry in PolicyLog(parts.tables.policies).entries()]
    return explain(prediction, parts.workspace.settings, policies=policies, asked=asked)


def newest_entry(parts: Wiring) -> PolicyEntry:
    """Return the policy that was settled last, which is the champion's.

    Raises:
        EmptyPoolError: none was settled yet.
    """
    entries = PolicyLog(parts.tables.policies).entries()
    if not entries:
        raise EmptyPoolError(
            "There is no policy yet, because there is no champion. Answer some tasks, then run "
            "`goldloop round`."
        )
    return entries[-1]


def holdout_of(parts: Wiring, entry: PolicyEntry) -> Audited:
    """Return the holdout as the model of `entry` evaluated it."""
    labels = parts.workspace.settings.label_set
    return evaluated_holdout(parts.tables, parts.gold.records(), labels, entry.model_version)


def champion_tuning(parts: Wiring) -> Tuning:
    """Return what the champion's audits say of other policies than the one in force.

    Raises:
        EmptyPoolError: there is no champion yet, or its holdout is empty.
    """
    entry, settings = newest_entry(parts), parts.workspace.settings
    return tune(holdout_of(parts, entry), settings, present=entry.policy, people=parts.known_people())
