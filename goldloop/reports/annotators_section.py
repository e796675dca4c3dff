"""The report's part about people: how well they answer, how far they agree, how far suggestions pull them."""

from __future__ import annotations

from dataclasses import dataclass

from goldloop.annotators.agreement import MIN_SHARED
from goldloop.annotators.automation_bias import Gap
from goldloop.annotators.report import AnnotatorReport
from goldloop.core.modality import Preview
from goldloop.reports.plots import drift_plot, gap_plot, kappa_plot, pace_plot, skill_plot
from goldloop.reports.plots.style import Plot

MOST_PAIRS = 15
"""A table of more pairs than six people make is harder to read than the heat map beside it."""


@dataclass(frozen=True, slots=True)
class AnnotatorSection:
    """What the page says of the people, with the plots of each of its three parts."""

    report: AnnotatorReport
    skill: tuple[Plot, ...]
    agreement: tuple[Plot, ...]
    suggestions: tuple[Plot, ...]

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The gap over all labels, then of each label that was ever suggested wrongly."""
        anchoring = self.report.anchoring
        return (anchoring.gap, *(one for one in anchoring.by_label if one.n_shown + one.n_hidden))


@dataclass(frozen=True, slots=True)
class LabelIssueTile:
    """A gold label in doubt: what it was, what the model thinks, and what people made of it."""

    preview: Preview
    label: str
    suggested_label: str
    self_confidence: float
    state: str

    @property
    def is_corrected(self) -> bool:
        """Whether people decided that it was wrong."""
        return self.state.startswith("corrected")


def annotator_section(report: AnnotatorReport) -> AnnotatorSection:
    """Return `report` with the plots that have something to show."""
    return AnnotatorSection(
        report=report,
        skill=_skill_plots(report),
        agreement=_agreement_plots(report),
        suggestions=_gap_plots(report),
    )


def _skill_plots(report: AnnotatorReport) -> tuple[Plot, ...]:
    plots = []
    if any(one.accuracy.estimate or one.on_controls.estimate for one in report.people):
        caption = "Blind answers against known labels and what everybody else says; red: below the bar"
        plots.append(Plot(caption, skill_plot(report.people, bar=report.bar)))
    if any(one.pace.decision_s.estimate for one in report.people):
        plots.append(Plot("Seconds from seeing a sample to answering it", pace_plot(report.people)))
    if any(len([found for found in one.rounds if found.accuracy.estimate]) > 1 for one in report.people):
        caption = "Whose newest rounds are worse than those before, by evidence, is called falling"
        plots.append(Plot(caption, drift_plot(report.people, bar=report.bar)))
    return tuple(plots)


def _agreement_plots(report: AnnotatorReport) -> tuple[Plot, ...]:
    if not any(one.kappa.estimate for one in report.agreement.pairs):
        return ()
    caption = (
        "Blind answers to the same samples, drawn at random, n of them; "
        f"–: below {MIN_SHARED} in common, an empty field: none"
    )
    return (Plot(caption, kappa_plot(report.agreement)),)


def _gap_plots(report: AnnotatorReport) -> tuple[Plot, ...]:
    gaps = [report.anchoring.gap, *report.anchoring.by_label]
    known = [one for one in gaps if one.difference is not None]
    if not known:
        return ()
    caption = "The gap is what showing a wrong suggestion adds to the chance that it is the answer"
    return (Plot(caption, gap_plot(known, max_gap=report.max_gap)),)
