"""The pictures that stand beside a retrain's figures in its run."""

from __future__ import annotations

from collections.abc import Sequence

from goldloop.core.splits import Split
from goldloop.reports.plots.audits import reliability_plot, tuning_plot
from goldloop.reports.plots.matrices import confusion_plot
from goldloop.reports.plots.rounds import accuracy_plot
from goldloop.reports.plots.style import Format, Picture
from goldloop.reports.rounds import baseline_accuracy, champion_accuracy
from goldloop.routing.fit import KnownPeople, fit_policy
from goldloop.routing.tuning import tune
from goldloop.settings import Settings
from goldloop.stats.calibration import reliability_bins
from goldloop.training.evaluate import CHALLENGER, HoldoutEvaluation
from goldloop.training.round_record import RoundRecord

KINDS: tuple[Format, ...] = ("png", "svg")


def retrain_plots(
    evaluation: HoldoutEvaluation, settings: Settings, people: KnownPeople, past: Sequence[RoundRecord]
) -> dict[str, bytes]:
    """Return the files by name: the challenger's confusion and reliability, policies, accuracy over rounds.

    `past` holds the closed rounds, oldest first; the evaluated one follows them.
    """
    challenger, judged = evaluation.evaluations[CHALLENGER], evaluation.audited(CHALLENGER)
    policy = fit_policy(settings, judged, people).policy
    bins = reliability_bins(judged.probs, judged.truth, weights=judged.weights)
    pictures = {
        "confusion": confusion_plot(challenger),
        "reliability": reliability_plot(bins, split=challenger.split, ece=challenger.ece),
        "policies": tuning_plot(tune(judged, settings, present=policy, people=people)),
        "accuracy": _over_rounds(evaluation, past),
    }
    return {f"plots/{name}.{kind}": draw(kind) for name, draw in pictures.items() for kind in KINDS}


def _over_rounds(evaluation: HoldoutEvaluation, past: Sequence[RoundRecord]) -> Picture:
    judged = [(record.evaluations, record.decision) for record in past]
    judged.append((evaluation.evaluations, evaluation.decision))
    curves = {
        "champion": [champion_accuracy(*models) for models in judged],
        "baseline": [baseline_accuracy(models) for models, _ in judged],
    }
    rounds = [record.round for record in past]
    title = f"Accuracy on the {Split.HOLDOUT} split"
    return accuracy_plot([*rounds, max(rounds, default=-1) + 1], curves, title=title)
