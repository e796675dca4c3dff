"""The outlook of a round that closes: what the next answers are expected to bring, with the prices of now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldloop.core.annotations import Answer
from goldloop.costs.errors import prices
from goldloop.costs.time import working_seconds
from goldloop.gold.records import GoldRecord
from goldloop.loop.ports import LoopPorts
from goldloop.settings import Settings
from goldloop.stats.measures import MIN_N
from goldloop.tables.counts import conservation
from goldloop.tables.past_models import read_past_models
from goldloop.training.evaluate import CHALLENGER, HoldoutEvaluation
from goldloop.training.outlook import Outlook, Price, outlook
from goldloop.training.promotion import RoundRecord


def round_outlook(
    ports: LoopPorts,
    gold: Sequence[GoldRecord],
    answers: Sequence[Answer],
    evaluation: HoldoutEvaluation,
    rounds: Sequence[RoundRecord],
) -> Outlook:
    """Return the outlook after the last of `rounds` (oldest first), whose `evaluation` is in the tables.

    `answers` are all that count.
    """
    settings, files = ports.settings, conservation(ports.tables)
    price = Price(
        currency=settings.cost.currency,
        error=_price_of_error(evaluation, settings),
        answer=_price_of_answer(answers, settings),
        n_unlabelled=max(0, sum(files.lanes.values()) + files.n_missing - len(gold)),
    )
    return outlook(read_past_models(ports.tables, gold, settings.label_set, rounds), price)


def _price_of_error(evaluation: HoldoutEvaluation, settings: Settings) -> float:
    """Return the mean price of the challenger's errors on the holdout; without one, of all errors."""
    judged, paid = evaluation.audited(CHALLENGER), prices(settings.cost, settings.label_set).errors
    wrong = judged.where(~judged.is_decided_right)
    if not len(wrong):
        return paid.mean(float(judged.stakes.mean()))
    return float(np.average(paid.paid(wrong.truth, wrong.decided, wrong.stakes), weights=wrong.weights))


def _price_of_answer(answers: Sequence[Answer], settings: Settings) -> float:
    """Return what an answer costs in annotators' time, as measured; before that, a quick review."""
    seconds = working_seconds(answers)
    known = seconds[np.isfinite(seconds)]
    mean = float(known.mean()) if len(known) >= MIN_N else settings.cost.quick_s
    return mean / 60 * settings.cost.minute
