"""The sections about annotators: accuracy, pace, agreement, and how far suggestions pull them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from goldloop.annotators.agreement import MIN_SHARED, Agreement
from goldloop.annotators.automation_bias import AutomationBias
from goldloop.annotators.profiles import AnnotatorProfile
from goldloop.annotators.report import AnnotatorReport
from goldloop.reports.formatting import (
    NOTHING,
    Cell,
    interval,
    number,
    number_cell,
    percent,
    percent_cell,
    points_cell,
    share_cell,
)
from goldloop.reports.plots.annotators import drift_plot, skill_plot
from goldloop.reports.plots.matrices import kappa_plot
from goldloop.reports.section import Plot, Row, Section, Table
from goldloop.stats.measures import Measure

NOBODY = (
    "Nobody has answered yet. Run `goldloop push`, let annotators label the tasks, then run `goldloop pull`."
)

MOST_PAIRS = 15
"""Pairs of six annotators; a table of more is harder to read than the heat map beside it."""


def annotator_sections(report: AnnotatorReport) -> list[Section]:
    """Return the sections about annotators; none before anybody answered."""
    if not report.people:
        return refused_sections(report)
    sections = [*refused_sections(report), skill_section(report), agreement_section(report.agreement)]
    has_arms = report.anchoring.n_shown + report.anchoring.n_hidden > 0
    return [*sections, adoption_section(report)] if has_arms else sections


def refused_sections(report: AnnotatorReport) -> list[Section]:
    """Return the section about answers that do not count; none where every answer counts."""
    rows: list[Row] = [
        {
            "who": "unknown" if count.annotator is None else f"annotator {count.annotator}",
            "answers": count.n,
            "not counted because": count.reason,
        }
        for count in report.refused
    ]
    if not rows:
        return []
    prose = "These answers do not vote, judge nobody, and were asked of another annotator."
    return [Section("Answers that do not count", prose=(prose,), tables=(Table(rows),))]


def skill_section(report: AnnotatorReport) -> Section:
    """Return how accurate and how fast everybody is, with whoever needs attention first."""
    bar = percent(report.bar, 0)
    return Section(
        title="Annotators",
        prose=(
            "Accuracy counts blind answers, against known labels and against what everybody else says. "
            f"Nobody is judged by their own answers. The bar is {bar}; "
            "an annotator is below it only when the whole interval is.",
        ),
        remarks=remarks(report),
        tables=(
            Table(annotator_rows(report.people), f"accuracy, bar {bar}"),
            Table(pace_rows(report.people), "pace"),
        ),
        plots=_skill_plots(report),
        notes=(_left_out(report.people),),
    )


def _left_out(people: Sequence[AnnotatorProfile]) -> str:
    n_suggested = sum(person.n_suggested for person in people)
    paces = [person.pace for person in people]
    beside = (
        f"{number(n_suggested)} answers were given beside a suggestion and judge nobody: an annotator who "
        "adopts suggestions agrees with the model whether it is right or not. "
    )
    return (
        (beside if n_suggested else "")
        + f"The pace leaves out {sum(pace.n_idle for pace in paces)} times too long to be decisions, "
        + f"{sum(pace.n_edited for pace in paces)} times of answers that were changed later, "
        + f"and {sum(pace.n_untimed for pace in paces)} answers without a time. "
        + "An hour is an hour of deciding, without breaks and loading."
    )


def annotator_rows(people: Sequence[AnnotatorProfile]) -> list[Row]:
    """Return how accurate each annotator is, a row each."""
    rows: list[Row] = []
    for person in people:
        confused = [
            f"{pair.right} as {pair.answered} (about {number(pair.n_expected)})" for pair in person.confusions
        ]
        flags = {"below the bar": person.is_flagged, "falling": person.is_falling}
        rows.append(
            {
                "who": person.name,
                "answers": person.n_answers,
                "accuracy": percent_cell(person.accuracy),
                "on honeypots": percent_cell(person.on_honeypots),
                "against others": percent_cell(person.against_others),
                "often confused": Cell("", ", ".join(confused)),
                "look at": Cell(", ".join(words for words, is_so in flags.items() if is_so), tone="bad"),
            }
        )
    return rows


def pace_rows(people: Sequence[AnnotatorProfile]) -> list[Row]:
    """Return how fast each annotator is, and how often and why they skip, a row each."""
    return [
        {
            "who": person.name,
            "seconds a decision, median": number_cell(person.pace.decision_s, 1),
            "half of them": " to ".join(number(s, 1) for s in person.pace.quartiles_s or ()) or NOTHING,
            "answers an hour": number_cell(person.pace.per_hour),
            "answers a day": number_cell(person.pace.per_day),
            "skipped": percent_cell(person.skips),
            "why skipped": Cell("", ", ".join(f"{why} ×{n}" for why, n in person.skip_reasons.items())),
        }
        for person in people
    ]


def remarks(report: AnnotatorReport) -> list[Cell]:
    """Return a sentence for each annotator who needs attention."""
    cells = []
    for person in filter(attrgetter("is_flagged"), report.people):
        words = f"{person.name} is below the bar of {percent(report.bar, 0)}:"
        cells.append(Cell(words, f"accuracy {percent_cell(person.accuracy)}", "bad"))
    for person in filter(attrgetter("is_falling"), report.people):
        drift = f"{points_cell(person.drift)} in the newest rounds, against those before"
        cells.append(Cell(f"{person.name} is falling:", drift, "bad"))
    return cells


def _skill_plots(report: AnnotatorReport) -> list[Plot]:
    people, plots = report.people, []
    if any(person.accuracy.estimate or person.on_honeypots.estimate for person in people):
        caption = "Blind answers against known labels and against everybody else; red: below the bar"
        plots.append(Plot(caption, skill_plot(people, bar=report.bar)))
    if any(sum(past.accuracy.estimate is not None for past in person.rounds) > 1 for person in people):
        caption = "Falling: the newest rounds are worse than those before, by evidence"
        plots.append(Plot(caption, drift_plot(people, bar=report.bar)))
    return plots


def agreement_section(agreement: Agreement) -> Section:
    """Return how far annotators agree on samples drawn at random: everybody together, then each pair."""
    if not agreement.alpha.n:
        nothing = (
            "No sample drawn at random has two blind answers yet; "
            "[consensus] audit_answers sets how many annotators label each audit sample."
        )
        return Section("Agreement", prose=(nothing,))
    caption = (
        "Blind answers to the same n samples, drawn at random; "
        f"–: fewer than {MIN_SHARED} in common, an empty field: none"
    )
    has_kappa = any(pair.kappa.estimate for pair in agreement.pairs)
    return Section(
        title="Agreement",
        prose=(
            f"Krippendorff's alpha is {number_cell(agreement.alpha, 2)}; pairs have Cohen's kappa "
            "(1: perfect, 0: chance). "
            "Only blind answers to samples drawn at random count, and only those requested from the start: "
            "later ones are requested where somebody was in doubt.",
        ),
        tables=(Table(agreement_rows(agreement)),),
        plots=(Plot(caption, kappa_plot(agreement)),) if has_kappa else (),
    )


def agreement_rows(agreement: Agreement) -> list[Row]:
    """Return a row for everybody together, and one for each pair while there are at most `MOST_PAIRS`."""
    known = [("everybody", agreement.equal, "alpha", agreement.alpha)]
    for pair in agreement.pairs if len(agreement.pairs) <= MOST_PAIRS else ():
        known.append((f"annotators {pair.first} and {pair.second}", pair.equal, "kappa", pair.kappa))
    rows: list[Row] = []
    for who, equal, name, beyond in known:
        cell = number_cell(beyond, 2)
        cell = replace(cell, text=f"{name} {cell.text}")
        rows.append({"who": who, "equal answers": percent_cell(equal), "beyond chance": cell})
    return rows


def adoption_section(report: AnnotatorReport) -> Section:
    """Return how often wrong suggestions are adopted, and what follows for showing suggestions."""
    anchoring = report.anchoring
    by_arm = [
        {
            "suggestion": "right" if is_right else "wrong",
            "shown": "yes" if is_shown else "no",
            "right answers": share_cell(accuracy),
        }
        for (is_shown, is_right), accuracy in anchoring.accuracy.items()
    ]
    return Section(
        title="How far suggestions pull annotators",
        prose=(_arm_words(anchoring),),
        remarks=[
            Cell(f"suggestions {reason}", tone="bad" if reason.startswith("off") else "")
            for reason in report.advice.reasons
        ],
        tables=(
            Table(adoption_rows(anchoring), "wrong suggestions; the gap is what showing one adds"),
            Table(by_arm, "answers to all suggestions"),
        ),
    )


def _arm_words(bias: AutomationBias) -> str:
    saved, ratio = "Too few answers are timed to say how much time suggestions save.", bias.time_ratio
    if ratio is not None:
        share = f"{percent(ratio.value)} {interval(ratio)}, n={ratio.n:,}"
        saved = f"With a suggestion a decision takes {share}, of the time without one."
    return (
        f"{saved} Hidden by chance: {number(bias.n_hidden)}; shown and checked: {number(bias.n_shown)}; "
        f"truth still open: {number(bias.n_open)}."
    )


def adoption_rows(bias: AutomationBias) -> list[Row]:
    """Return how often wrong suggestions are the answer: all together, then by suggested label."""
    known = [gap for gap in bias.by_label if gap.n_shown + gap.n_hidden]
    return [
        {
            "wrongly suggested": gap.label or Cell("all labels", tone="strong"),
            "adopted when shown": share_cell(gap.shown),
            "same answer when hidden": share_cell(gap.hidden),
            "gap": points_cell(Measure(gap.n_shown + gap.n_hidden, gap.difference)),
        }
        for gap in (bias.gap, *known)
    ]
