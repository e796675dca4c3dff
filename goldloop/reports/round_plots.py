"""The plots of a retrain: what the challenger does on holdout, what policies would make of it, the past."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from goldloop.audit.audited import Audited
from goldloop.core.splits import Split
from goldloop.drift.history import Seen, reference_of
from goldloop.loop.policy import known_people
from goldloop.reports.plots import (
    accuracy_plot,
    baseline_curve,
    champion_curve,
    reliability_plot,
    retrain_plots,
    tuning_plot,
)
from goldloop.reports.plots.drift import batch_plot
from goldloop.reports.plots.policies import cost_plot, risk_plot
from goldloop.reports.plots.style import Plot
from goldloop.routing.fit import fit_policy
from goldloop.routing.policies import Policy
from goldloop.routing.tuning import Tuning, tune
from goldloop.stats.calibration import calibration_error, reliability_bins
from goldloop.tables.rounds import current_round, read_rounds
from goldloop.training.evaluate import BASELINE, CHALLENGER, HoldoutEvaluation
from goldloop.training.promotion import winner

if TYPE_CHECKING:
    from goldloop.wiring import Wiring

KINDS: tuple[Literal["png", "svg"], ...] = ("png", "svg")


def plots_of(parts: Wiring) -> Callable[[HoldoutEvaluation], dict[str, bytes]]:
    """Return what draws the files that stand beside a retrain's figures."""

    def draw(evaluation: HoldoutEvaluation) -> dict[str, bytes]:
        judged = evaluation.audited(CHALLENGER)
        settings = parts.workspace.settings
        policy = fit_policy(settings, judged, known_people(parts.ports)).policy
        found = tuned(parts, judged, policy)
        files = retrain_plots(evaluation)
        for kind in KINDS:
            files[f"plots/policies.{kind}"] = tuning_plot(found, kind=kind)
            files[f"plots/accuracy.{kind}"] = _over_rounds(parts, evaluation, kind)
        return files

    return draw


def _over_rounds(parts: Wiring, evaluation: HoldoutEvaluation, kind: Literal["png", "svg"]) -> bytes:
    """Return the accuracy of champion and baseline over all rounds, the one that is about to close last."""
    past = read_rounds(parts.tables.rounds)
    judged = [
        *((one.evaluations, one.decision) for one in past),
        (evaluation.evaluations, evaluation.decision),
    ]
    champions = [winner(evaluations, decision) for evaluations, decision in judged]
    baselines = [one.get(BASELINE) or one.get(CHALLENGER) for one, _ in judged]
    curves = [
        champion_curve([one.accuracy if one else None for one in champions]),
        baseline_curve([one.accuracy if one else None for one in baselines]),
    ]
    rounds = [*(one.round for one in past), current_round(parts.tables)]
    return accuracy_plot(rounds, curves, split=str(Split.HOLDOUT), kind=kind)


def tuned(parts: Wiring, judged: Audited, present: Policy) -> Tuning:
    """Return what `judged` says of other policies than the `present` one."""
    return tune(judged, parts.workspace.settings, present=present, people=known_people(parts.ports))


def newest_batch_plot(seen: Sequence[Seen]) -> tuple[Plot, ...]:
    """Return the newest batch beside what its model saw before; none before new files were scored."""
    if not seen or seen[-1].batch == str(Split.HOLDOUT):
        return ()
    newest = seen[-1]
    before = reference_of([one for one in seen[:-1] if one.model_version == newest.model_version])
    caption = f"What the model made of the newest files, {newest.batch}, and of those before"
    return (Plot(caption, batch_plot(newest.sketch, before, newest.check)),)


def champion_plots(parts: Wiring, judged: Audited, present: Policy | None) -> tuple[Plot, ...]:
    """Return how far the champion's confidence can be trusted, and what policies would make of it.

    None before it was judged.
    """
    if not len(judged):
        return ()
    bins = reliability_bins(judged.probs, judged.truth, weights=judged.weights)
    error = calibration_error(judged.probs, judged.truth, weights=judged.weights)
    plots = [
        Plot(
            "Whether confidence means what it says: each dot is a bin of confidence on holdout",
            reliability_plot(bins, split=str(Split.HOLDOUT), ece=error),
        )
    ]
    if present is not None:
        found = tuned(parts, judged, present)
        plots += [
            Plot("What accepting more would let through, on holdout", risk_plot(found)),
            Plot("What accepting from a threshold on would cost, on holdout", cost_plot(found)),
        ]
    return tuple(plots)
