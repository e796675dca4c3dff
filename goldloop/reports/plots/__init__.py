"""Plots as bytes: readable at a glance, safe for colour-blind eyes, no state left behind.

Every title says what is compared, on which split, and n. Colours are those of [wong2011]; what they mean is
also said by marker, line style or words. Lines and text of SVGs are plain SVG, so a browser scales them
without loss.
"""

from goldloop.reports.plots.accuracy import (
    Curve,
    accuracy_plot,
    baseline_curve,
    champion_curve,
    random_labels_curve,
)
from goldloop.reports.plots.agreement import kappa_plot
from goldloop.reports.plots.anchoring import gap_plot
from goldloop.reports.plots.annotators import drift_plot, pace_plot, skill_plot
from goldloop.reports.plots.costs import saved_plot, spent_plot
from goldloop.reports.plots.evaluation import confusion_plot, reliability_plot, retrain_plots
from goldloop.reports.plots.lanes import lanes_plot
from goldloop.reports.plots.policies import tuning_plot
from goldloop.reports.plots.style import Plot

__all__ = [
    "Curve",
    "Plot",
    "accuracy_plot",
    "baseline_curve",
    "champion_curve",
    "confusion_plot",
    "drift_plot",
    "gap_plot",
    "kappa_plot",
    "lanes_plot",
    "pace_plot",
    "random_labels_curve",
    "reliability_plot",
    "retrain_plots",
    "saved_plot",
    "skill_plot",
    "spent_plot",
    "tuning_plot",
]
