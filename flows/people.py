"""What Prefect and the command line show of the people: tables, in the words of the round's page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.wiring import Parts
from goldloop.adapters.plots import skill_plot
from goldloop.adoption import Gap
from goldloop.agreement import Agreement
from goldloop.annotators import Person
from goldloop.measures import MIN_N, Measure
from goldloop.metrics import Estimate
from goldloop.people import PeopleReport, people_report

NOBODY = "Nobody has answered yet; push tasks, let people label them, then pull."


def report_people(parts: Parts) -> PeopleReport:
    """Return everything that reports say about the people of a workspace."""
    return people_report(parts.read_verdicts(), parts.asks.all(), parts.workspace.settings)


def publish_people(workspace: str, report: PeopleReport) -> None:
    """Leave what the people are worth, how far they agree and how far suggestions pull them."""
    create_markdown_artifact(key="goldloop-people", markdown=people_markdown(workspace, report))
    create_table_artifact(
        key="goldloop-agreement",
        table=agreement_rows(report.agreement),
        description=f"Agreement in {workspace}, blind answers to samples drawn at random",
    )
    create_table_artifact(
        key="goldloop-anchoring", table=anchoring_rows(report), description="; ".join(report.advice.reasons)
    )


def people_markdown(workspace: str, report: PeopleReport) -> str:
    """Return the table of people and their accuracies against the bar as Markdown."""
    rows = people_rows(report.people)
    if not rows:
        return NOBODY
    lines = [f"## People of {workspace}", "", *remarks(report), ""]
    lines += ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    lines += ["| " + " | ".join(str(cell) for cell in row.values()) + " |" for row in rows]
    picture = base64.b64encode(skill_plot(report.people, bar=report.bar, kind="png")).decode()
    return "\n".join([*lines, "", f"![accuracy of each annotator](data:image/png;base64,{picture})"])


def remarks(report: PeopleReport) -> list[str]:
    """Return a sentence for each thing that somebody should look at."""
    below = [
        f"{one.name} is below the bar of {report.bar:.0%}: accuracy {one.accuracy}" for one in report.flagged
    ]
    falling = [f"{one.name} is falling: {one.drift} in the newest rounds" for one in report.falling]
    return [f"- {one}" for one in below + falling]


def people_rows(people: Sequence[Person]) -> list[dict[str, Any]]:
    """Return a row for each person."""
    return [
        {
            "who": one.name,
            "answers": one.n_answers,
            "accuracy, 95 %": in_percent(one.accuracy),
            "on controls": in_percent(one.on_controls),
            "against others": in_percent(one.against_others),
            "decision, s": seconds(one),
            "an hour": whole(one.pace.per_hour),
            "skipped": in_percent(one.skips),
            "often confused": confused(one),
            "look at": flags(one),
        }
        for one in people
    ]


def agreement_rows(agreement: Agreement) -> list[dict[str, Any]]:
    """Return a row for everybody together, and one for each pair."""
    rows = [
        {
            "who": "everybody",
            "equal answers": in_percent(agreement.equal),
            "beyond chance": f"alpha {plain_digits(agreement.alpha)}",
        }
    ]
    rows += [
        {
            "who": f"annotators {one.first} and {one.second}",
            "equal answers": in_percent(one.equal),
            "beyond chance": f"kappa {plain_digits(one.kappa)}",
        }
        for one in agreement.pairs
    ]
    return rows


def anchoring_rows(report: PeopleReport) -> list[dict[str, Any]]:
    """Return a row for all labels together, and one for each label with any wrong suggestion."""
    gaps = [report.anchoring.gap, *(one for one in report.anchoring.by_label if one.n_shown + one.n_hidden)]
    return [
        {
            "suggested": one.label or "all labels",
            "adopted when shown": _share(one.shown),
            "when hidden": _share(one.hidden),
            "gap": in_percent(gap_measure(one)),
        }
        for one in gaps
    ]


def gap_measure(gap: Gap) -> Measure:
    """Return the difference of the two shares as a measure."""
    return Measure(gap.n_shown + gap.n_hidden, gap.difference)


def _share(share: Estimate | None) -> str:
    if share is None:
        return "none"
    return in_percent(Measure(share.n, share if share.n >= MIN_N else None))


def in_percent(measure: Measure) -> str:
    """Return for example '93.4 [91.0, 95.2], n=140', in percent."""
    found = measure.estimate
    if found is None:
        return str(measure)
    return f"{100 * found.value:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}], n={found.n}"


def plain_digits(measure: Measure) -> str:
    """Return for example '0.68 [0.57, 0.77], n=120'."""
    found = measure.estimate
    if found is None:
        return str(measure)
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}], n={found.n}"


def whole(measure: Measure) -> str:
    """Return for example '620 [590, 650]', or that there are too few."""
    found = measure.estimate
    return str(measure) if found is None else f"{found.value:.0f} [{found.low:.0f}, {found.high:.0f}]"


def seconds(person: Person) -> str:
    """Return the median decision time with its interval and the middle half."""
    found, quartiles = person.pace.decision_s.estimate, person.pace.quartiles_s
    if found is None or quartiles is None:
        return str(person.pace.decision_s)
    median = f"{found.value:.1f} [{found.low:.1f}, {found.high:.1f}], n={found.n}"
    return f"{median}, half in {quartiles[0]:.1f} to {quartiles[1]:.1f}"


def confused(person: Person) -> str:
    """Return the commonest confusions, for example 'cat as dog (about 7)'."""
    return ", ".join(f"{one.right} as {one.said} (about {one.n_expected:.0f})" for one in person.confusions)


def flags(person: Person) -> str:
    """Return what somebody should look at, in words."""
    return ", ".join(
        word
        for word, is_so in (("below the bar", person.is_flagged), ("falling", person.is_falling))
        if is_so
    )
