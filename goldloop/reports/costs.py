"""The section about costs: what rounds cost, which errors people caught, and what that saved."""

from __future__ import annotations

from goldloop.core.table_ports import Tables
from goldloop.costs.inputs import CostInputs, cost_inputs
from goldloop.costs.report import CostReport
from goldloop.costs.statement import Statement
from goldloop.labeling.context import LoopState
from goldloop.reports.formatting import Cell, amount_cell, number
from goldloop.reports.plots.rounds import saved_plot, spent_plot
from goldloop.reports.section import Plot, Row, Section, Table
from goldloop.settings import Settings
from goldloop.tables.model_log import read_models
from goldloop.tables.predictions import machine_labels
from goldloop.tables.traffic import present_audits, read_present_lanes

MOST_ROUNDS = 60
"""Newest rounds that tables and plots show: a year of weeks, and a few more."""

_PROSE = (
    "An error is caught when annotators, asked by the policy, correct the model's label. "
    "An error is let through when a sample that nobody looked at was accepted with a wrong label; "
    "the audit estimates how many there are. "
    "Savings count samples that have a label. They compare annotators' time and wrong labels with one blind "
    "answer to each sample, and with the model's label for each. Below 0 they are losses."
)


def read_cost_inputs(tables: Tables, state: LoopState, settings: Settings) -> CostInputs:
    """Return what the cost statements of a workspace are computed from."""
    snapshot, labels = state.snapshot, settings.label_set
    present, champion = read_present_lanes(tables, labels), read_models(tables).champion
    version = None if champion is None else champion.version
    return cost_inputs(
        outcomes=state.outcomes,
        answer_requests=snapshot.requests.requests,
        gold=snapshot.gold.records,
        traffic=present,
        audited=present_audits(tables, snapshot.gold.records, labels, present, version),
        machine=machine_labels(tables, snapshot.gold.records),
        closed=sorted(snapshot.closed_at),
        labels=labels,
    )


def cost_section(report: CostReport) -> Section:
    """Return the section of `report`, the newest `MOST_ROUNDS` rounds and all together."""
    shown = [account for account in report.by_round if account.n_answers or account.n_scored][-MOST_ROUNDS:]
    plots = []
    if any(account.spent.estimate or account.error_cost.estimate for account in shown):
        caption = (
            "Annotators' time at the price of [cost] minute; wrong labels let through, and those in gold"
        )
        plots.append(Plot(caption, spent_plot(shown)))
    saved = [(account.saved_against_labelling, account.saved_against_accepting) for account in shown]
    if any(labelling.estimate or accepting.estimate for labelling, accepting in saved):
        caption = "Counted on the samples that have a label; below 0 the other way would have been cheaper"
        plots.append(Plot(caption, saved_plot(shown)))
    span = "all rounds" if report.quarter is None else str(report.quarter)
    return Section(
        title="What it cost and brought",
        prose=(verdict(report.whole), _PROSE),
        tables=(
            Table(round_rows(report)[-MOST_ROUNDS - 1 :], "by round"),
            Table(account_rows(report.whole), f"{span}, 95 % intervals"),
        ),
        plots=plots,
        notes=[f"Not known yet, so assumed: {assumption}." for assumption in report.assumptions],
    )


def verdict(account: Statement) -> str:
    """Return in words whether the loop paid, against one blind answer to each labelled sample."""
    saved = account.saved_against_labelling
    if saved.estimate is None:
        return f"Whether the loop paid is not known: {saved.missing}."
    value, low, high = saved.estimate.value, saved.estimate.low, saved.estimate.high
    if low > 0:
        words = f"The loop paid: it saved {number(value, 2)} [{number(low, 2)}, {number(high, 2)}]"
    elif high < 0:
        words = f"The loop did not pay: it lost {number(-value, 2)} [{number(-high, 2)}, {number(-low, 2)}]"
    else:
        words = f"Whether the loop paid cannot be told yet: it saved {amount_cell(saved, 2)}"
    return (
        f"{words} {account.currency} against one answer to each of the labelled samples, with wrong labels "
        "priced."
    )


def account_rows(account: Statement) -> list[Row]:
    """Return one account, a row for each amount; below 0 a saving is a loss."""
    money = account.currency
    kinds = ", ".join(f"{n:,} {purpose}" for purpose, n in account.answers.items())
    scored, sent = (
        f"of {account.n_scored:,} newly scored samples",
        f"({account.n_looked:,} sent by the policy)",
    )
    amounts = {
        "answers": Cell(number(account.n_answers), f"({kinds})" if kinds else ""),
        "annotators' minutes": amount_cell(account.minutes),
        f"spent, {money}": amount_cell(account.spent, 2),
        "accepted by the model": Cell(number(account.n_accepted), scored),
        "labelled by annotators": Cell(number(account.n_gold), sent),
        "model labels they changed": Cell(number(account.n_corrected)),
        "errors caught": amount_cell(account.caught),
        "errors let through": amount_cell(account.let_through),
        f"cost of wrong labels, {money}": amount_cell(account.error_cost, 2),
        f"saved against labelling everything, {money}": amount_cell(account.saved_against_labelling, 2),
        f"saved against accepting everything, {money}": amount_cell(account.saved_against_accepting, 2),
    }
    return [{"what": what, "amount": amount} for what, amount in amounts.items()]


def round_rows(report: CostReport) -> list[Row]:
    """Return a row for each round, oldest first, then one for all together."""
    named = [(str(account.rounds[0]), account) for account in report.by_round]
    if report.is_open:
        named[-1] = (f"{named[-1][0]} (open)", report.by_round[-1])
    return [
        {
            "round": name,
            "answers": account.n_answers,
            "minutes": amount_cell(account.minutes),
            f"spent, {account.currency}": amount_cell(account.spent, 2),
            "errors caught": amount_cell(account.caught),
            "let through": amount_cell(account.let_through),
            "saved against labelling": amount_cell(account.saved_against_labelling, 2),
            "against accepting": amount_cell(account.saved_against_accepting, 2),
        }
        for name, account in [*named, ("all", report.whole)]
    ]
