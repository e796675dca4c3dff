"""The description of a registered model: how accurate it is, on which gold, and what the gate decided."""

from __future__ import annotations

from collections.abc import Mapping

from goldloop.core.verbatim import markdown_text
from goldloop.stats.metrics import Estimate
from goldloop.training.ports import CHALLENGER
from goldloop.training.promotion import Decision, Evaluation


def model_description(decision: Decision, evaluations: Mapping[str, Evaluation]) -> str:
    """Return the description in Markdown; `evaluations` are by role, of one split of one gold version."""
    parts = [f"**The gate {'promoted' if decision.is_promoted else 'refused'} this model.**"]
    parts.append("\n".join(_accuracy(role, one) for role, one in evaluations.items()))
    for one in list(evaluations.values())[:1]:
        parts.append(f"Gold version {one.gold_version}, digest `{one.gold_digest[:12]}`.")
    parts.append("\n".join(f"- {markdown_text(reason)}" for reason in decision.reasons))
    return "\n\n".join(filter(None, parts))


def _accuracy(role: str, one: Evaluation) -> str:
    name = "this model" if role == CHALLENGER else f"the {role}, model {markdown_text(one.model_version)}"
    return f"- accuracy of {name} on the {one.split}: {_percent(one.accuracy)}"


def _percent(estimate: Estimate) -> str:
    low, value, high = (f"{100 * one:.1f}" for one in (estimate.low, estimate.value, estimate.high))
    return f"{value} % (95 % interval {low} to {high} %, n={estimate.n:,})"
