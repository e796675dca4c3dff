"""Explaining: why a sample went where it went, in words and with the numbers that decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from goldloop.core.chance import is_reserved, permanent_random
from goldloop.core.errors import SourceError
from goldloop.core.lanes import Lane
from goldloop.core.ports import Tables
from goldloop.core.samples import SampleId
from goldloop.routing.policies import Band, Cost, Policy, Suspended, Target
from goldloop.settings import Settings
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.task_log import TaskLog
from goldloop.tables.traffic import stored_probs
from goldloop.tables.unlabeled_pool import newest_predictions

MEANING = {
    Lane.AUTO: "accepted by machine",
    Lane.REVIEW: "a quick review of one person",
    Lane.FULL: "a full review: blind answers, and a decision where they differ",
    Lane.HOLD: "nobody decides yet",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a sample lies in its lane: `rule` are sentences, `asked` why people were asked about it.

    `costs` are the expected costs by lane in currency where a cost policy decided, else empty.
    `audit_probability` is the chance with which it was drawn for the audit.
    """

    sample_id: SampleId
    lane: Lane
    label: str | None
    confidence: float | None
    model_version: str | None
    policy: str | None
    rule: tuple[str, ...]
    costs: dict[str, float]
    is_reserved: bool
    audit_probability: float
    audit_number: float
    asked: tuple[str, ...]

    def __str__(self) -> str:
        """Return the explanation in lines."""
        drawn = "in" if self.is_reserved else "not in"
        judged = [
            f"model {self.model_version} says {self.label} with confidence {self.confidence or 0:.4f}",
            f"decided by {self.policy}",
        ]
        lines = [
            f"sample {self.sample_id}",
            f"{self.lane}: {MEANING[self.lane]}",
            *(judged if self.label is not None else ()),
            *(f"- {one}" for one in self.rule),
            f"{drawn} the audit reserve: its number {self.audit_number:.4f}, drawn below "
            f"{self.audit_probability:.4f}",
            "people were asked: " + (", ".join(self.asked) or "not yet"),
        ]
        return "\n".join(lines)


def explain(tables: Tables, settings: Settings, prefix: str) -> Explanation:
    """Return why the one sample whose id begins with `prefix` went where it went, by its newest prediction.

    Raises:
        SourceError: no scored sample has such an id, or several have.
    """
    row = _row_of(tables, prefix)
    sample_id, seed = SampleId(row["sample_id"]), settings.selection.seed
    probability = row["audit_probability"]
    chance = settings.selection.audit_rate if probability is None else float(probability)
    rule, costs = rule_of(row, tables, settings)
    asked = {
        str(one.purpose)
        for one in TaskLog(tables).statuses().values()
        if one.sample_id == sample_id and one.is_live
    }
    return Explanation(
        sample_id=sample_id,
        lane=Lane(row["lane"]),
        label=row["label"],
        confidence=row["confidence"],
        model_version=row["model_version"],
        policy=row["policy"],
        rule=rule,
        costs=costs,
        is_reserved=is_reserved(sample_id, audit_rate=chance, seed=seed),
        audit_probability=chance,
        audit_number=permanent_random(sample_id, seed, "audit"),
        asked=tuple(sorted(asked)),
    )


def _row_of(tables: Tables, prefix: str) -> Mapping[str, Any]:
    rows = newest_predictions(tables, ["probs", "policy", "model_version", "audit_probability"])
    found = rows.filter(pc.starts_with(pc.field("sample_id"), pattern=prefix.lower())).to_pylist()
    if len(found) != 1:
        raise SourceError(
            f"{len(found)} scored samples have an id that begins with {prefix!r}; give more of one, "
            "as 'goldloop gold show' or a task in Label Studio has it"
        )
    one: Mapping[str, Any] = found[0]
    return one


def rule_of(
    row: Mapping[str, Any], tables: Tables, settings: Settings
) -> tuple[tuple[str, ...], dict[str, float]]:
    """Return the sentences that say why, and the expected costs where a cost policy decided."""
    if row["label"] is None:
        return ("no model has scored it yet; answers to seed tasks train the first one",), {}
    known = [one.policy for one in PolicyLog(tables.policies).entries()]
    known.append(Band(*settings.policy.band, Lane(settings.policy.below)))
    policy = next((one for one in known if one.version == row["policy"]), None)
    if policy is None:
        return ("the policy log does not hold this policy; only its lane is known",), {}
    probs = stored_probs([row["probs"]], settings.label_set)
    inner = policy.policy if isinstance(policy, Suspended) else policy
    costs = {}
    if isinstance(inner, Cost):
        priced = inner.expected(probs)[0].tolist()
        costs = dict(zip((str(Lane.AUTO), str(Lane.REVIEW), str(Lane.FULL)), priced, strict=True))
    return tuple(rule_in_words(policy, row["confidence"], costs, settings.cost.currency)), costs


def rule_in_words(policy: Policy, confidence: float, costs: Mapping[str, float], currency: str) -> list[str]:
    """Return the sentences of the rule by which `policy` places a sample of this confidence."""
    if isinstance(policy, Suspended):
        inner = rule_in_words(policy.policy, confidence, costs, currency)
        return [*inner, "audits show too many errors among what it would accept: that goes to people instead"]
    if isinstance(policy, Band):
        where = "above" if confidence > policy.high else "below" if confidence < policy.low else "inside"
        return [
            f"confidence {confidence:.4f} is {where} the band of {policy.low:g} to {policy.high:g}, both "
            f"ends included: inside it people look, above it is accepted, below it goes to {policy.below}"
        ]
    if isinstance(policy, Target):
        if policy.threshold is None:
            return [f"audits do not suffice to show {policy.accuracy:.1%}: people get everything"]
        return [
            f"accepted is what reaches confidence {policy.threshold:.4f}, from where on audits show "
            f"{policy.accuracy:.1%} with certainty {1 - policy.delta:.0%}; this sample has {confidence:.4f}"
        ]
    words = {"auto": "accepting", "review": "a quick review", "full": "a full review"}
    priced = ", ".join(f"{words[lane]} {amount:.3f}" for lane, amount in costs.items())
    return [f"the cheapest counts; expected costs in {currency}: {priced}"]
