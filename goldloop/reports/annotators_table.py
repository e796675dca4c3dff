"""What is known of the people as rows of words, for the command line and Prefect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from goldloop.annotators.agreement import Agreement
from goldloop.annotators.profiles import AnnotatorProfile
from goldloop.annotators.report import AnnotatorReport
from goldloop.stats.measures import MIN_N, Measure
from goldloop.stats.metrics import Estimate

NOBODY = "Nobody has answered yet; push tasks, let people label them, then pull."


def annotator_rows(people: Sequence[AnnotatorProfile]) -> list[dict[str, Any]]:
    """Return how good each person is, in percent with 95 % intervals, a row each."""
    return [
        {
            "who": one.name,
            "answers": one.n_answers,
            "accuracy, %": _percent(one.accuracy),
            "on controls": _percent(one.on_honeypots),
            "against others": _percent(one.against_others),
            "look at": _flags(one),
        }
        for one in people
    ]


def pace_rows(people: Sequence[AnnotatorProfile]) -> list[dict[str, Any]]:
    """Return how fast each person is and how often they skip, a row each."""
    return [
        {
            "who": one.name,
            "seconds a decision, median": _number(one.pace.decision_s, 1),
            "half of them": _quartiles(one),
            "answers an hour": _number(one.pace.per_hour, 0),
            "a day": _number(one.pace.per_day, 0),
            "skipped, %": _percent(one.skips),
        }
        for one in people
    ]


def agreement_rows(agreement: Agreement) -> list[dict[str, Any]]:
    """Return a row for everybody together, and one for each pair."""
    rows = [("everybody", agreement.equal, "alpha", agreement.alpha)]
    rows += [
        (f"annotators {one.first} and {one.second}", one.equal, "kappa", one.kappa) for one in agreement.pairs
    ]
    return [
        {"who": who, "equal answers, %": _percent(equal), "beyond chance": f"{name} {_number(beyond, 2)}"}
        for who, equal, name, beyond in rows
    ]


def anchoring_rows(report: AnnotatorReport) -> list[dict[str, Any]]:
    """Return how often wrong suggestions are the answer: all together, then by suggested label."""
    gaps = [report.anchoring.gap, *(one for one in report.anchoring.by_label if one.n_shown + one.n_hidden)]
    return [
        {
            "wrongly suggested": one.label or "all labels",
            "adopted when shown, %": _share(one.shown),
            "same when hidden": _share(one.hidden),
            "gap": _percent(Measure(one.n_shown + one.n_hidden, one.difference)),
        }
        for one in gaps
    ]


def remarks(report: AnnotatorReport) -> list[str]:
    """Return a sentence for each thing that somebody should look at, then what each person confuses."""
    below = [
        f"{one.name} is below the bar of {report.bar:.0%}: accuracy {_percent(one.accuracy)} (percent)"
        for one in report.flagged
    ]
    falling = [
        f"{one.name} is falling: by {_percent(one.drift)} points in the newest rounds"
        for one in report.falling
    ]
    confused = [f"{one.name} takes {_confusions(one)}" for one in report.people if one.confusions]
    return below + falling + confused


def _confusions(person: AnnotatorProfile) -> str:
    return ", ".join(
        f"{one.right} for {one.answered} (about {one.n_expected:.0f})" for one in person.confusions
    )


def _flags(person: AnnotatorProfile) -> str:
    found = {"below the bar": person.is_flagged, "falling": person.is_falling}
    return ", ".join(word for word, is_so in found.items() if is_so)


def _quartiles(person: AnnotatorProfile) -> str:
    found = person.pace.quartiles_s
    return "" if found is None else f"{found[0]:.1f} to {found[1]:.1f}"


def _share(share: Estimate | None) -> str:
    if share is None:
        return "none"
    return _percent(Measure(share.n, share if share.n >= MIN_N else None))


def _percent(measure: Measure) -> str:
    return _number(measure, 1, factor=100)


def _number(measure: Measure, digits: int, *, factor: float = 1) -> str:
    """Return for example '93.4 [91.0, 95.2], n=140', or that there are too few."""
    found = measure.estimate
    if found is None:
        return str(measure)
    value, low, high = (f"{factor * one:z.{digits}f}" for one in (found.value, found.low, found.high))
    return f"{value} [{low}, {high}], n={found.n}"
