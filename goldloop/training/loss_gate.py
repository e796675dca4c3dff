"""The gate on loss: what decisions cost decides, and no guarded label may be missed more often.

Where a label is rare, accuracy is no measure: a model that never says "fraud" is right on 98 of 100 payments.

>>> from goldloop.stats.comparison import LossComparison
>>> from goldloop.stats.metrics import Estimate
>>> fraud = {"fraud": Estimate(-0.75, -1.0, -0.2, n=4)}
>>> never = LossComparison(Estimate(12.0, -40.0, 64.0, n=300), 316.0, fraud)
>>> reason = against_loss(GateSettings(), never, guarded=("fraud",))[0]
>>> reason.split(";")[0]
'the share of fraud that is caught fell by 75.0 points (n=4)'
"""

from __future__ import annotations

from collections.abc import Sequence

from goldloop.core.labels import LabelSet
from goldloop.settings.sections import GateSettings
from goldloop.stats.comparison import LossComparison


def guarded_labels(gate: GateSettings, labels: LabelSet) -> tuple[str, ...]:
    """Return the labels that must not be missed more often: those of the settings, or all but the first."""
    return gate.guarded or labels.names[1:]


def against_loss(
    gate: GateSettings, loss: LossComparison, *, guarded: Sequence[str], is_proven: bool = True
) -> tuple[str, ...]:
    """Return the reasons to refuse the challenger for what its decisions cost, and what would decide them.

    The loss must not rise. Its interval must also rule out a rise of `gate.max_loss_rise` of the champion's
    loss if the champion `is_proven`, or any rise under the rule "superiority". Of each `guarded` label the
    holdout must have `gate.min_guarded` samples, or else train those that the champion did not learn from,
    and the challenger may not catch a share of them that is lower by more than `gate.max_class_fall`: few
    samples of a rare label give no narrow interval, so that the share itself decides.
    """
    return (*_against_misses(gate, loss, guarded), *_against_rise(gate, loss, is_proven=is_proven))


def loss_in_words(loss: LossComparison) -> str:
    """Return what a comparison of losses shows."""
    saving = loss.saving
    caught = [
        f"; of {one.n} train samples of {label} that are new to the champion it catches "
        f"{100 * one.value:+.1f} points"
        for label, one in loss.caught_in_train.items()
    ]
    return (
        f"the challenger's decisions cost {_rise(-saving.value)} [{-saving.high:+.0f}, {-saving.low:+.0f}] "
        f"per 1,000 samples than the champion's {loss.champion:.0f}, n={saving.n}{''.join(caught)}"
    )


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def _rise(amount: float) -> str:
    return f"{abs(amount):.0f} {'more' if amount > 0 else 'less'}"


def _against_misses(gate: GateSettings, loss: LossComparison, guarded: Sequence[str]) -> tuple[str, ...]:
    found = []
    for label in guarded:
        caught, new = loss.caught.get(label), loss.caught_in_train.get(label)
        n, n_new = (0 if one is None else one.n for one in (caught, new))
        where = ""
        if n < gate.min_guarded:
            caught, where = new, " train samples"
        if max(n, n_new) < gate.min_guarded:
            found.append(
                f"{n} holdout samples are {label}, and {n_new} train samples that are new to the champion; "
                f"gate.min_guarded requires {gate.min_guarded}, so that a model which never finds it is not "
                "promoted. Label more samples"
            )
        elif caught is not None and caught.value < -gate.max_class_fall:
            found.append(
                f"the share of {label} that is caught fell by {_points(-caught.value)} "
                f"(n={caught.n}{where}); gate.max_class_fall allows {_points(gate.max_class_fall)}. "
                f"Label more samples of {label}"
            )
    return tuple(found)


def _against_rise(gate: GateSettings, loss: LossComparison, *, is_proven: bool) -> tuple[str, ...]:
    saving, allowed = loss.saving, gate.max_loss_rise * loss.champion
    if saving.value < 0:
        return (f"{loss_in_words(loss)}: train it on more or better gold",)
    if gate.rule == "superiority":
        allowed = 0.0
    elif not is_proven:
        return ()
    if saving.low > -allowed:
        return ()
    limit = f"gate.max_loss_rise allows {100 * gate.max_loss_rise:.0f} %"
    limit = "gate.rule 'superiority' allows none" if gate.rule == "superiority" else limit
    return (
        f"{loss_in_words(loss)}: the 95 % interval still allows a rise of {-saving.low:.0f}; {limit}",
        "label more audit samples, which narrow it",
    )
