"""What a policy does, in words for people who read its name on a page."""

from __future__ import annotations

from goldloop.core.lanes import Lane
from goldloop.routing.cost_policy import Cost
from goldloop.routing.policies import Band, Policy, Risk, Supported, Suspended, Target


def policy_words(policy: Policy) -> str:
    """Return what a policy does with samples, as a clause.

    >>> policy_words(Band(0.0, 0.7))
    'annotators check the model where it is 0 % to 70 % sure, and it is accepted where it is surer'
    >>> policy_words(Supported(Band(0.4, 0.7), None)).partition("; ")[2].partition("; ")[0]
    'where it is less sure, samples wait'
    """
    match policy:
        case Suspended():
            words = "suspended: annotators check what it would accept"
        case Supported():
            words = f"{policy_words(policy.policy)}; {_support_words(policy.threshold)}"
        case Band():
            words = _band_words(policy)
        case Target():
            words = _target_words(policy)
        case Risk():
            words = _risk_words(policy)
        case Cost():
            words = (
                "each sample gets the action that is expected to cost least, with errors and people's minutes"
            )
    return words


def _support_words(threshold: float | None) -> str:
    if threshold is None:
        return "audits support accepting nothing yet, so annotators check what would be accepted"
    return f"audits support accepting what is at least {_percent(threshold)} sure"


def _target_words(target: Target) -> str:
    accuracy = f"{_percent(target.accuracy)} of accepted labels are right"
    if target.threshold is None:
        return f"audits cannot certify yet that {accuracy}, so annotators check everything"
    return (
        f"the model is accepted where it is at least {_percent(target.threshold)} sure, from where audits "
        f"certify that {accuracy}; annotators check the others"
    )


def _risk_words(risk: Risk) -> str:
    first = risk.labels[0] if risk.labels else "the first label"
    return (
        f"accepted as {first} below a risk of {_percent(risk.quick)}, a quick review from there on, a full "
        f"one from {_percent(risk.full)}, and the likeliest other label from {_percent(risk.decline)}"
    )


def _band_words(band: Band) -> str:
    lines = dict(zip(band.labels, band.highs, strict=True))
    own = [f"{_percent(high)} for {label}" for label, high in lines.items() if high != band.high]
    ends = ", ".join([_percent(band.high), *own])
    words = (
        f"annotators check the model where it is {_percent(band.low)} to {ends} sure, and it is accepted "
        "where it is surer"
    )
    if not band.low:
        return words
    less = "samples wait" if band.below is Lane.HOLD else f"the lane is {band.below}"
    return f"{words}; where it is less sure, {less}"


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
