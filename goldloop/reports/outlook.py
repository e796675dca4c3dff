"""The section about the next answers: what they are expected to bring, when to stop, and past forecasts."""

from __future__ import annotations

from goldloop.reports.formatting import Cell, amount_cell, interval, number, number_cell, percent
from goldloop.reports.section import Plot, Row, Section, Table
from goldloop.stats.measures import share
from goldloop.training.outlook import MIN_MODELS, SURE, Advice, Outlook

TITLE = "What the next answers are expected to bring"
MOST_PAST = 26
"""Newest forecasts that the table shows: half a year of weeks."""

_HOW = (
    "An inverse power law of the number of answers is fitted to what every challenger got wrong on the "
    "holdout. The gain is that of the next model over the newest one, on average over the luck of training. "
    "Models of other presets or settings stand on the same curve."
)
_ADVICE = {
    Advice.GO_ON: Cell("Go on:", "it is nearly sure that they pay.", "good"),
    Advice.UNCLEAR: Cell("Not clear:", "they may pay, or not.", "strong"),
    Advice.STOP: Cell("Stop:", "it is nearly sure that they do not pay; audits go on.", "bad"),
}


def outlook_section(outlook: Outlook | None) -> Section:
    """Return the section of an outlook; nothing where no round has one."""
    if outlook is None:
        return Section("")
    if outlook.gain is None:
        return Section(TITLE, prose=(_too_few(outlook),))
    return Section(
        TITLE,
        prose=(_worth_words(outlook), _HOW),
        remarks=(_ADVICE[outlook.advice],),
        tables=(
            Table(_rows(outlook), f"{outlook.n_answers} more answers, 95 % intervals"),
            Table(_past_rows(outlook), _past_title(outlook)),
        ),
        plots=_plots(outlook),
        notes=(_past_words(outlook),),
    )


def outlook_line(outlook: Outlook | None) -> str:
    """Return the outlook in a line of the status; nothing where no round has one."""
    if outlook is None:
        return ""
    if outlook.gain is None or outlook.worth is None or outlook.pays is None:
        return _too_few(outlook)
    checked = f"; {outlook.n_held} of {len(outlook.past)} past forecasts held" if outlook.past else ""
    return (
        f"accuracy {_signed(outlook)}, worth {amount_cell(outlook.worth, 2)} {outlook.price.currency} for "
        f"{outlook.price.n_unlabelled:,} samples without gold, cost {number(outlook.cost, 2)}; "
        f"{outlook.advice}, they pay with probability {percent(outlook.pays, 0)}{checked}"
    )


def _signed(outlook: Outlook) -> str:
    gain = outlook.gain
    return "" if gain is None else f"+{number(100 * gain.value, 2)} points {interval(gain, 2)}"


def _too_few(outlook: Outlook) -> str:
    return (
        f"not known yet: {outlook.n_models} of the {MIN_MODELS} models that a learning curve needs were "
        "trained and judged on the holdout"
    )


def _worth_words(outlook: Outlook) -> str:
    price = outlook.price
    return (
        f"The worth is the gain times the {price.n_unlabelled:,} samples without gold, whose labels come "
        f"from the model, times {number(price.error, 2)} {price.currency}, the mean price of the model's "
        f"errors. An answer costs {number(price.answer, 3)} {price.currency} of annotators' time. The advice "
        f"is to go on, or to stop, where the probability that the answers pay is above {percent(SURE, 0)} or "
        f"below {percent(1 - SURE, 0)}."
    )


def _rows(outlook: Outlook) -> list[Row]:
    price, start = outlook.price, f"{outlook.pays_from:,} samples" if outlook.pays_from else "no number"
    worth = Cell("–") if outlook.worth is None else amount_cell(outlook.worth, 2)
    amounts: dict[str, Cell | str] = {
        "accuracy": number_cell(outlook.gain, 2, factor=100, unit=" points"),
        f"worth, {price.currency}": worth,
        f"cost, {price.currency}": number(outlook.cost, 2),
        "probability that they pay": percent(outlook.pays or 0.0, 0),
        "they pay from": Cell(start, "without gold"),
    }
    return [{"what": what, "amount": amount} for what, amount in amounts.items()]


def _past_title(outlook: Outlook) -> str:
    return f"forecasts of the next model's accuracy on the holdout, newest {MOST_PAST}"


def _past_rows(outlook: Outlook) -> list[Row]:
    return [
        {
            "round": one.round,
            "forecast": Cell(percent(one.forecast.value), interval(one.forecast)),
            "measured": percent(one.measured),
            "held": Cell("yes", tone="good") if one.holds else Cell("no", tone="bad"),
        }
        for one in outlook.past[-MOST_PAST:]
    ]


def _past_words(outlook: Outlook) -> str:
    n = len(outlook.past)
    if not n:
        return "No past round can be checked yet: the first forecast is about the next one."
    held = share(outlook.n_held, n)
    beside = f" ({percent(held.estimate.value, 0)} {interval(held.estimate, 0)})" if held.estimate else ""
    return (
        f"Checked on past rounds: the interval held the next model's accuracy in {outlook.n_held} of "
        f"{n}{beside}; of 95 % intervals, 95 of 100 should."
    )


def _plots(outlook: Outlook) -> tuple[Plot, ...]:
    if not outlook.past:
        return ()
    from goldloop.reports.plots.outlook import forecast_plot  # matplotlib, which the status does without

    caption = "Accuracy of each model on the holdout, and what the round before had forecast (95 %)"
    return (Plot(caption, forecast_plot(outlook.past)),)
