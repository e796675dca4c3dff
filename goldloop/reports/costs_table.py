"""What rounds cost and brought as rows of words, for the command line and the page."""

from __future__ import annotations

from typing import Any

from goldloop.costs.report import CostReport
from goldloop.costs.statement import Statement
from goldloop.stats.measures import Measure


def account_lines(account: Statement) -> dict[str, str]:
    """Return one account for people, a line each; below 0 a saving is a loss."""
    money = account.currency
    kinds = ", ".join(f"{n:,} {purpose}" for purpose, n in account.answers.items())
    return {
        "answers": f"{account.n_answers:,}" + (f" ({kinds})" if kinds else ""),
        "minutes of people": amount(account.minutes, 0),
        f"spent, {money}": amount(account.spent, 2),
        "accepted by machine": f"{account.n_accepted:,} of {account.n_scored:,} newly scored samples",
        "labelled by people": f"{account.n_gold:,}, of which {account.n_looked:,} sent by the policy",
        "machine labels they changed": f"{account.n_corrected:,}",
        "errors caught": amount(account.caught, 0),
        "errors let through, as first scored": amount(account.let_through, 0),
        f"cost of wrong labels, {money}": amount(account.error_cost, 2),
        f"saved against labelling everything, {money}": amount(account.saved_against_labelling, 2),
        f"saved against accepting everything, {money}": amount(account.saved_against_accepting, 2),
    }


def round_rows(report: CostReport) -> list[dict[str, Any]]:
    """Return a row for each round, oldest first."""
    last = report.by_round[-1].rounds if report.is_open else ()
    return [
        {
            "round": f"{one.rounds[0]}" + (" (open)" if one.rounds == last else ""),
            "answers": one.n_answers,
            "minutes": amount(one.minutes, 0),
            f"spent, {one.currency}": amount(one.spent, 2),
            "errors caught": amount(one.caught, 0),
            "let through": amount(one.let_through, 0),
            "saved against labelling": amount(one.saved_against_labelling, 2),
            "against accepting": amount(one.saved_against_accepting, 2),
        }
        for one in report.by_round
    ]


def amount(measure: Measure, digits: int) -> str:
    """Return for example '12 [8, 17]', '12' where it was counted, or why it is not known."""
    found = measure.estimate
    if found is None:
        return f"not known: {measure}"
    value, low, high = (f"{one:z,.{digits}f}" for one in (found.value, found.low, found.high))
    return value if low == value == high else f"{value} [{low}, {high}]"
