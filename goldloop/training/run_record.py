"""Training runs: what the experiment tracker stores about one retrain, and under which names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from goldloop.stats.metrics import Estimate
from goldloop.training.promotion import Decision, Evaluation

CHALLENGER = "challenger"
_NOT_IN_A_NAME = re.compile(r"[^\w.\- ]")  # letters of any script may stay


@dataclass(frozen=True, slots=True)
class GoldSource:
    """The gold version a model was trained on: address of the table, version and content digest."""

    uri: str
    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class TrainingStart:
    """The parameters of a run, known before training starts."""

    name: str
    params: Mapping[str, str | int | float | bool | None]
    gold: GoldSource
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """The results of a run, known once the gate has decided.

    `evaluations` are by role: challenger, champion, baseline. `history` holds one value per epoch by name
    ("train/loss"). `artifacts` are the bytes of files by relative path ("plots/confusion.svg").
    """

    evaluations: Mapping[str, Evaluation]
    decision: Decision
    history: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    artifacts: Mapping[str, bytes] = field(default_factory=dict)


def _of_estimate(name: str, estimate: Estimate | None) -> dict[str, float]:
    if estimate is None:
        return {}
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _metric_names(labels: list[str]) -> list[str]:
    """Return the labels in characters that a tracker accepts; equal ones get their column as a prefix."""
    names = [_NOT_IN_A_NAME.sub("_", label) for label in labels]
    seen = Counter(names)
    return [
        f"{column:02d}_{name}" if seen[name] > 1 or not name.strip(" ._") else name
        for column, name in enumerate(names)
    ]


def metrics_of(record: TrainingRecord) -> dict[str, float]:
    """Return every figure of `record` by name, bounds of intervals as figures of their own.

    The challenger's names are `<split>/accuracy`, `<split>/recall/<label>` and so on, those of other roles
    `<role>/<split>/accuracy`; the paired difference is `<split>/difference`. An unknown figure is absent.
    """
    figures: dict[str, float] = {}
    for role, evaluation in record.evaluations.items():
        prefix = evaluation.split if role == CHALLENGER else f"{role}/{evaluation.split}"
        figures |= _of_estimate(f"{prefix}/accuracy", evaluation.accuracy)
        figures |= {f"{prefix}/n": evaluation.n} | _of_estimate(f"{prefix}/ece", evaluation.ece)
        names = _metric_names([label.label for label in evaluation.per_label])
        for name, label in zip(names, evaluation.per_label, strict=True):
            figures[f"{prefix}/n/{name}"] = label.n
            figures |= _of_estimate(f"{prefix}/precision/{name}", label.precision)
            figures |= _of_estimate(f"{prefix}/recall/{name}", label.recall)
            figures |= _of_estimate(f"{prefix}/f1/{name}", label.f1)
    challenger = record.evaluations.get(CHALLENGER)
    if challenger is not None:
        figures |= _of_estimate(f"{challenger.split}/difference", record.decision.difference)
    return figures
