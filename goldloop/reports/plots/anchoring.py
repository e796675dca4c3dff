"""Anchoring: how far shown suggestions pull people, overall and for each suggested label."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl

from goldloop.annotators.automation_bias import AdoptionGap
from goldloop.reports.plots.dots import Dots, dots_figure, draw_line, draw_rows, draw_words, in_percent
from goldloop.reports.plots.style import BLUE, GREY, STYLE, Format, rendered
from goldloop.stats.measures import Measure


def gap_plot(gaps: Sequence[AdoptionGap], *, max_gap: float, kind: Format = "svg") -> bytes:
    """Return the adoption gap of each of `gaps`; that over all labels has the label None."""
    with mpl.rc_context(STYLE):
        figure, axes = dots_figure(len(gaps))
        measures = [Measure(one.n_shown + one.n_hidden, one.difference) for one in gaps]
        names = [one.label or "all labels" for one in gaps]
        draw_rows(axes, names, [Dots("adoption gap", measures, BLUE, "o")])
        for text, one in zip(axes.get_yticklabels(), gaps, strict=True):
            text.set_fontweight("normal" if one.label else "bold")
        draw_words(axes, measures)
        axes.axvline(0, color=GREY, linewidth=1)
        draw_line(axes, max_gap, f"limit {max_gap:.0%}")
        lows = [one.difference.low for one in gaps if one.difference]
        highs = [one.difference.high for one in gaps if one.difference]
        axes.set_xlim(min([-0.1, *lows]) - 0.02, max([max_gap + 0.1, *highs]) + 0.02)
        in_percent(axes)
        axes.set_xlabel("wrong suggestions adopted when shown minus when hidden, 95 % interval; n: both")
        axes.set_title("How far suggestions pull people", pad=20)
        return rendered(figure, kind)
