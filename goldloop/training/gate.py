"""The gate: what a challenger has to show on the holdout before it becomes champion.

>>> from goldloop.stats.comparison import Comparison
>>> gate, ece = GateSettings(margin=0.03), Estimate(0.02, 0.01, 0.03, n=200)
>>> unsure = Comparison(Estimate(0.01, -0.04, 0.06, n=200), recalls={})
>>> reason, advice = objections(gate, unsure, ece=ece)
>>> reason.split(": ")[-1]
'the 95 % interval still allows a drop of 4.0 points; gate.margin allows 3.0'
>>> advice
'about 109 more holdout samples would decide it, at the same difference'
>>> objections(gate, Comparison(Estimate(0.04, 0.01, 0.07, n=200), recalls={}), ece=ece)
()
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from goldloop.settings.sections import GateSettings
from goldloop.stats.comparison import Comparison, paired_interval
from goldloop.stats.metrics import Z_95, Estimate
from goldloop.training.checks import CheckedGroup
from goldloop.training.loss_gate import against_loss, loss_in_words

RULES = {
    "non_inferiority": "non-inferiority on the holdout",
    "superiority": "superiority on the holdout",
}
ANY_DROP = 2.0  # a drop is at most 1
MOST_SAMPLES = 1_000_000  # the advice counts no further: nobody labels a larger holdout


def objections(
    gate: GateSettings,
    comparison: Comparison,
    *,
    ece: Estimate,
    is_proven: bool = True,
    checks: Sequence[CheckedGroup] = (),
    guarded: Sequence[str] = (),
) -> tuple[str, ...]:
    """Return the reasons to refuse the challenger, with what would decide them; empty for a promotion.

    Where the comparison has losses, these decide in place of accuracies and recalls, with the `guarded`
    labels (`goldloop.training.loss_gate`).

    The difference of the accuracies must be at least 0. Under the rule "non_inferiority" its interval must
    also rule out a drop of `gate.margin`, if the champion `is_proven`: preferred to another model by a
    comparison or by the user. Under "superiority" it must rule out any drop. In all cases no label's recall
    may have fallen by more than `gate.max_class_fall`, and the challenger's calibration error `ece` may not
    be above `gate.max_ece`, and the share as expected of no group of behaviour `checks` may have fallen by
    more than `gate.max_check_fall`, each by its interval; the limit 1 turns a condition off.
    """
    n = comparison.accuracy.n
    if n < gate.min_holdout:
        return (
            f"{n} holdout samples, gate.min_holdout requires {gate.min_holdout}; "
            f"label {gate.min_holdout - n} more audit samples",
        )
    if comparison.loss is None:
        compared = (
            *_against_accuracy(comparison.accuracy, max_drop=_max_drop(gate, is_proven=is_proven)),
            *_against_labels(comparison.recalls, max_fall=gate.max_class_fall),
        )
    else:
        compared = against_loss(gate, comparison.loss, guarded=guarded, is_proven=is_proven)
    return (
        *compared,
        *_against_calibration(ece, max_ece=gate.max_ece),
        *_against_checks(checks, max_fall=gate.max_check_fall),
    )


def approval(gate: GateSettings, comparison: Comparison) -> str:
    """Return what a comparison without objections shows, as a sentence."""
    if comparison.loss is not None:
        return loss_in_words(comparison.loss)
    difference = comparison.accuracy
    max_drop = 0.0 if gate.rule == "superiority" else gate.margin
    if difference.low <= -max_drop:
        shown = "the challenger is no worse so far, and no comparison has preferred the champion yet"
    elif max_drop:
        shown = f"the interval rules out a drop of {_points(max_drop, signed=False)}"
    else:
        shown = "the challenger is better"
    return f"{_in_points(difference)}: {shown}"


def _max_drop(gate: GateSettings, *, is_proven: bool) -> float:
    """Return the drop of accuracy that the interval of the difference must rule out; above 1 is none."""
    if gate.rule == "superiority":
        return 0.0
    return gate.margin if is_proven else ANY_DROP


def _points(share: float, *, signed: bool = True) -> str:
    return f"{100 * share:{'+' if signed else ''}.1f} points"


def _more_samples(difference: Estimate, is_settled: Callable[[float, float], bool]) -> str:
    """Return how many more samples give an interval (low, high) that `is_settled`, at the same shares."""
    n = difference.n
    middle, half = (difference.low + difference.high) / 2, (difference.high - difference.low) / 2
    adjusted = (half / Z_95) ** 2 * (n + 2) + middle**2  # undoes `paired_interval` for the disagreement
    disagreement = min(1.0, max(abs(difference.value), (adjusted * (n + 2) - 2) / n))
    gained, lost = (disagreement + difference.value) / 2, (disagreement - difference.value) / 2
    for total in np.unique(np.geomspace(n + 1, MOST_SAMPLES, 2000).astype(int)).tolist():
        if is_settled(*paired_interval(gained, lost, total)):
            return f"about {total - n}"
    return f"over {MOST_SAMPLES - n}"


def _in_points(difference: Estimate) -> str:
    return (
        f"challenger minus champion: {_points(difference.value)} "
        f"[{100 * difference.low:+.1f}, {100 * difference.high:+.1f}], n={difference.n}"
    )


def _against_accuracy(difference: Estimate, *, max_drop: float) -> tuple[str, ...]:
    """Return why `difference` does not rule out `max_drop`, and what would decide it; empty if it does."""
    figures = _in_points(difference)
    if difference.high < 0:
        return (f"{figures}: the challenger is worse; train it on more or better gold",)
    if difference.value < 0:
        more = _more_samples(difference, lambda _, high: high < 0)
        return (
            f"{figures}: no better than the champion so far",
            f"{more} more holdout samples would show whether it is worse, at the same difference",
        )
    if difference.low > -max_drop:
        return ()
    more = _more_samples(difference, lambda low, _: low > -max_drop)
    allowed = (
        f"gate.margin allows {100 * max_drop:.1f}" if max_drop else "gate.rule 'superiority' allows none"
    )
    drop = _points(-difference.low, signed=False)
    return (
        f"{figures}: the 95 % interval still allows a drop of {drop}; {allowed}",
        f"{more} more holdout samples would decide it, at the same difference",
    )


def _against_labels(recalls: Mapping[str, Estimate], *, max_fall: float) -> tuple[str, ...]:
    """Return a sentence for each label whose recall fell by more than `max_fall` by the whole interval."""
    allowed = _points(max_fall, signed=False)
    return tuple(
        f"recall of {label} fell by {_points(-fall.value, signed=False)}, at least by "
        f"{_points(-fall.high, signed=False)} (n={fall.n}); gate.max_class_fall allows {allowed}. Label more "
        f"samples of {label} and check its new gold labels"
        for label, fall in recalls.items()
        if fall.high < -max_fall
    )


def _against_calibration(ece: Estimate, *, max_ece: float) -> tuple[str, ...]:
    """Return a sentence if the calibration error is above `max_ece` by the whole interval."""
    if ece.low <= max_ece:
        return ()
    return (
        f"calibration error {ece}; gate.max_ece allows {max_ece:g}. Its confidence cannot route samples; "
        "label more audit samples: those of the validation split calibrate the model",
    )


def _against_checks(checks: Sequence[CheckedGroup], *, max_fall: float) -> tuple[str, ...]:
    """Return a sentence for each group of checks that fell by more than `max_fall` by the whole interval.

    A limit without any check cannot be kept, which is a reason of its own.
    """
    if max_fall >= 1:
        return ()
    allowed = f"gate.max_check_fall allows {_points(max_fall, signed=False)}"
    if not checks:
        return (
            f"{allowed}, and no behaviour check could be run; put check files into the folder checks of the "
            "workspace, or set gate.max_check_fall = 1.0",
        )
    return tuple(
        f"behaviour checks of {group}: the share as expected fell by {_points(-fall.value, signed=False)}, "
        f"at least by {_points(-fall.high, signed=False)} (n={fall.n}); {allowed}. Read the failed cases in "
        "checks.csv of the MLflow run, and label more samples like them"
        for group in checks
        for fall in [group.difference]
        if fall is not None and fall.high < -max_fall
    )
