"""Explaining: why a sample went to its lane, in sentences and with the numbers that decided."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from goldloop.core.chance import audit_draw, is_judging
from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.core.predictions import Prediction
from goldloop.core.probs import stored_probs
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.routing.cost_policy import Cost, action_costs
from goldloop.routing.fit import band_policy
from goldloop.routing.policies import Band, Policy, Risk, Supported, Suspended, Target, asked_for, labels_of
from goldloop.settings import Settings

MEANING = {
    Lane.AUTO: "accepted by the model",
    Lane.REVIEW: "a quick review by one annotator",
    Lane.FULL: "a full review: blind answers, and an adjudicator where they differ",
    Lane.HOLD: "held: nobody decides yet",
}


_SIDES = {
    True: "it belongs to somebody whose samples judge models: none of these is trained on",
    False: "it belongs to somebody whose samples teach models: none of these is reserved",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a sample lies in its lane: `rule` holds sentences, `asked` the purposes of its tasks.

    `decided` is the label that it is taken for where no annotator decides. `costs` are the expected costs by
    action, in currency, where a cost policy decided, else empty: of taking it for each label, of a quick
    review and of a full one. The audit
    takes the sample if its `audit_number` is below `audit_probability`; `is_judging` tells on which side the
    entity of the sample is, None where it has none.
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
    is_judging: bool | None = None
    decided: str | None = None

    def __str__(self) -> str:
        """Return the explanation in lines."""
        scored = [
            f"model {self.model_version} predicts {self.label} with confidence {self.confidence or 0:.4f}",
            f"decided by {self.policy}: taken for {self.decided or self.label} where no annotator decides",
        ]
        reserved = "reserved" if self.is_reserved else "not reserved"
        lines = [
            f"sample {self.sample_id}",
            f"{self.lane}: {MEANING[self.lane]}",
            *(scored if self.label is not None else ()),
            *(f"- {sentence}" for sentence in self.rule),
            f"{reserved} for the audit: random number {self.audit_number:.4f}, "
            f"reserved below {self.audit_probability:.4f}",
            *([] if self.is_judging is None else [_SIDES[self.is_judging]]),
            "tasks: " + (", ".join(self.asked) or "none yet"),
        ]
        return "\n".join(lines)


def explain(
    prediction: Prediction,
    settings: Settings,
    *,
    policies: Iterable[Policy],
    asked: Collection[Purpose],
    entity: str | None = None,
) -> Explanation:
    """Return why a sample went to the lane of its newest `prediction`.

    `policies` are all that were ever in force; `asked` are the purposes of the sample's live tasks. `entity`
    is whom or what the sample belongs to, if that is known.
    """
    audit_rate, seed = settings.selection.audit_rate, settings.selection.seed
    draw = audit_draw(
        prediction.sample_id,
        audit_rate=audit_rate,
        seed=seed,
        probability=prediction.audit_probability,
        entity=entity,
    )
    rule, costs = _rule_of(prediction, settings, policies)
    return Explanation(
        sample_id=prediction.sample_id,
        lane=prediction.lane,
        label=prediction.label,
        confidence=prediction.confidence,
        decided=prediction.decided,
        model_version=prediction.model_version,
        policy=prediction.policy,
        rule=rule,
        costs=costs,
        is_reserved=draw.is_reserved,
        audit_probability=draw.limit,
        audit_number=draw.number,
        asked=tuple(sorted(map(str, asked))),
        is_judging=None if entity is None else is_judging(entity, audit_rate=audit_rate, seed=seed),
    )


def _rule_of(
    prediction: Prediction, settings: Settings, policies: Iterable[Policy]
) -> tuple[tuple[str, ...], dict[str, float]]:
    """Return the sentences of the rule that decided, and the expected costs where a cost policy did."""
    if prediction.label is None or prediction.confidence is None:
        return ("no model has scored it yet; the first model is trained on answers to seed tasks",), {}
    band = band_policy(settings)
    policy = {known.version: known for known in (band, *policies)}.get(prediction.policy)
    if policy is None:
        return ("the policy log does not hold this policy; only its lane is known",), {}
    inner = asked_for(policy)
    costs = {}
    if isinstance(inner, Cost):
        labels = LabelSet(labels_of(inner) or settings.labels)
        probs = stored_probs([prediction.probs or ()], [prediction.label_names], labels)
        costs = action_costs(inner, labels, probs, np.array([prediction.stake or 0.0]))
    return tuple(_in_words(policy, prediction, costs, settings.cost.currency)), costs


def _support_in_words(policy: Supported | Suspended) -> str:
    """Return what audits say of the samples that a policy would accept."""
    if isinstance(policy, Suspended):
        return "suspended: audits show too many errors among what it accepts, so annotators get it"
    if policy.threshold is None:
        return "audits do not yet support that the model accepts labels, so annotators get it"
    return f"audits support what is accepted from confidence {policy.threshold:.4f} on"


def _in_words(policy: Policy, prediction: Prediction, costs: Mapping[str, float], currency: str) -> list[str]:
    """Return the sentences of the rule by which `policy` places a sample with this prediction."""
    confidence = prediction.confidence or 0.0
    if isinstance(policy, Supported | Suspended):
        return [*_in_words(policy.policy, prediction, costs, currency), _support_in_words(policy)]
    if isinstance(policy, Band):
        high = policy.line(prediction.label)
        where = "above" if confidence > high else "below" if confidence < policy.low else "inside"
        return [
            f"confidence {confidence:.4f} is {where} the band of {policy.low:g} to {high:g}, both "
            f"ends included: inside it is reviewed, above it is accepted, below it goes to {policy.below}"
        ]
    if isinstance(policy, Target):
        if policy.threshold is None:
            return [f"there are too few audits to show {policy.accuracy:.1%}: annotators get everything"]
        return [
            f"samples are accepted from confidence {policy.threshold:.4f}, where audits show "
            f"{policy.accuracy:.1%} with certainty {1 - policy.delta:.0%}; this sample has {confidence:.4f}"
        ]
    if isinstance(policy, Risk):
        quick, full, decline = f"{policy.quick:g}", f"{policy.full:g}", f"{policy.decline:g}"
        return [
            f"the first label is taken below a risk of {quick}, then comes a quick review, from {full} on a "
            f"full one, and from {decline} on another label is taken"
        ]
    at_stake = f", {prediction.stake:,.2f} at stake" if prediction.stake is not None else ""
    priced = ", ".join(f"{action} {amount:.3f}" for action, amount in costs.items())
    return [f"the cheapest action is taken{at_stake}; expected costs in {currency}: {priced}"]
