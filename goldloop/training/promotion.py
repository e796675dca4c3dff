"""Promotion: the evaluation of a model, whether a challenger becomes champion, and the record of a round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import GoldVersionError
from goldloop.core.labels import LabelSet
from goldloop.settings.sections import GateSettings
from goldloop.stats.comparison import Comparison
from goldloop.stats.metrics import Estimate, LabelMetrics, accuracy, per_label
from goldloop.stats.reliability import calibration_error
from goldloop.training.checks import CheckedGroup, CheckReport
from goldloop.training.gate import RULES, approval, objections
from goldloop.training.outlook import Outlook

FIRST_MODEL = "first model"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How accurate one model version is on one split of one gold version.

    `confusion` holds counts, rows the true label and columns the predicted one, in label-set order;
    `per_label` follows the same order. `ece` is the expected calibration error.
    """

    model_version: str
    split: str
    gold_version: int
    gold_digest: str
    accuracy: Estimate
    per_label: tuple[LabelMetrics, ...]
    ece: Estimate
    confusion: tuple[tuple[int, ...], ...]

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.accuracy.n


def evaluate(
    probs: npt.NDArray[np.float64],
    truth: npt.NDArray[np.intp],
    *,
    labels: LabelSet,
    model_version: str,
    split: str,
    gold_version: int,
    gold_digest: str,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
) -> Evaluation:
    """Return how well `probs` (n, n_labels) match the true columns `truth` (n,).

    `weights` are inverse inclusion probabilities; the confusion matrix counts samples without them.
    `clusters` tell which samples belong together.

    Raises:
        EmptyPoolError: no samples.
        InvalidProbabilitiesError, LabelError: probs, weights or columns that do not fit the label set.
    """
    from sklearn.metrics import confusion_matrix

    predicted = probs.argmax(axis=1)
    return Evaluation(
        model_version=model_version,
        split=split,
        gold_version=gold_version,
        gold_digest=gold_digest,
        accuracy=accuracy(truth, predicted, weights=weights, clusters=clusters),
        per_label=per_label(truth, predicted, labels=labels, weights=weights, clusters=clusters),
        ece=calibration_error(probs, truth, weights=weights, clusters=clusters),
        confusion=tuple(
            tuple(row) for row in confusion_matrix(truth, predicted, labels=range(len(labels))).tolist()
        ),
    )


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate decided; `difference` is challenger minus champion, None without a champion."""

    is_promoted: bool
    rule: str
    reasons: tuple[str, ...]
    challenger: str
    champion: str | None
    difference: Estimate | None


def _check_comparable(champion: Evaluation, challenger: Evaluation, difference: Estimate) -> None:
    models = (champion, challenger)
    samples = {(model.split, model.gold_version, model.gold_digest, model.n) for model in models}
    if len(samples) > 1 or difference.n != challenger.n:
        raise GoldVersionError(
            f"Champion {champion.model_version} was evaluated on {champion.split} of gold version "
            f"{champion.gold_version} (n={champion.n}), challenger {challenger.model_version} on "
            f"{challenger.split} of {challenger.gold_version} (n={challenger.n}), their difference on "
            f"n={difference.n}. Evaluate all on the same samples."
        )


def decide(
    gate: GateSettings,
    *,
    champion: Evaluation | None,
    challenger: Evaluation,
    comparison: Comparison | None,
    is_proven: bool = True,
    checks: Sequence[CheckedGroup] = (),
    guarded: Sequence[str] = (),
) -> Decision:
    """Return whether `challenger` becomes champion.

    Without a champion it does. Otherwise `objections` decides; `is_proven` tells whether something speaks for
    the champion, `checks` are the results of both in behaviour checks, `guarded` the labels that a comparison
    of losses guards. A refusal is a normal result.

    Raises:
        GoldVersionError: the two were not evaluated on the same samples.
        ValueError: there is a champion and no comparison.
    """
    if champion is None:
        reason = f"there is no champion yet; accuracy on {challenger.split} {challenger.accuracy}"
        return Decision(True, FIRST_MODEL, (reason,), challenger.model_version, None, None)
    if comparison is None:
        raise ValueError(f"champion {champion.model_version} can only be challenged with a comparison")
    difference = comparison.accuracy
    _check_comparable(champion, challenger, difference)
    reasons = objections(
        gate, comparison, ece=challenger.ece, is_proven=is_proven, checks=checks, guarded=guarded
    )
    return Decision(
        is_promoted=not reasons,
        rule=RULES[gate.rule] if comparison.loss is None else f"loss: {RULES[gate.rule]}",
        reasons=reasons or (approval(gate, comparison),),
        challenger=challenger.model_version,
        champion=champion.model_version,
        difference=difference,
    )


def winner(evaluations: Mapping[str, Evaluation], decision: Decision | None) -> Evaluation | None:
    """Return the evaluation, out of those by role, of the model that scores after the decision, if any."""
    is_promoted = decision is not None and decision.is_promoted
    return evaluations.get("challenger" if is_promoted else "champion")


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """One closed round: the gold version, the decision of the gate, and the lanes of the pool after it.

    `evaluations` holds baseline, champion and challenger, as far as they exist. `decision` is None when
    nothing could be trained; `outcome` then gives the reason. `lanes` counts samples by lane once the round
    has scored its pool. `model_digest` is the digest of the challenger's files, which is its identity.
    `checks` are the results of the behaviour checks, None where none was run. `outlook` is what the next
    answers were expected to bring, None in rounds from before goldloop recorded it.
    """

    round: int
    closed_at: datetime
    gold_version: int
    gold_digest: str
    n_gold: int
    n_annotations: int
    model_version: str | None
    outcome: str
    decision: Decision | None
    evaluations: Mapping[str, Evaluation]
    mlflow_run_id: str | None
    lanes: Mapping[str, int]
    model_digest: str | None = None
    checks: CheckReport | None = None
    outlook: Outlook | None = None

    @property
    def is_promoted(self) -> bool:
        """Whether the challenger became champion."""
        return self.decision is not None and self.decision.is_promoted
