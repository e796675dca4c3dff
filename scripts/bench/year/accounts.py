"""Whether what the cost report says of a simulated year is true."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from _year_loop import Round, YearLoop
from _year_people import TARGET
from _year_world import SECONDS

from goldloop.audit.audited import Traffic
from goldloop.consensus.fit import Method, VotedSample, fit_consensus
from goldloop.core.answers import Answer
from goldloop.core.probs import Probs
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.costs.answer_costs import answering
from goldloop.costs.inputs import Books, Labelled
from goldloop.costs.prices import prices
from goldloop.costs.statement import Account, account
from goldloop.costs.time import working_seconds
from goldloop.stats.measures import Measure

QUARTER = 13  # rounds


def books_of(loop: YearLoop) -> Books:
    """Return the year's books, as `goldloop.costs.inputs.read_books` reads them off tables."""
    traffic = Traffic(
        sample_ids=tuple(one for part in loop.traffic for one in part.sample_ids),
        probs=np.concatenate([one.probs for one in loop.traffic]),
        lanes=np.concatenate([one.lanes for one in loop.traffic]),
        policies=np.concatenate([one.policies for one in loop.traffic]),
        rounds=np.concatenate([one.rounds for one in loop.traffic]),
    )
    gold = {choice.candidate.sample_id for _, choice, *_ in loop.made}
    return Books(
        answers=loop.desk.answers,
        seconds=working_seconds(loop.desk.answers),
        judged=loop.desk.judged,
        labelled=Labelled(
            rounds=np.array([number for number, *_ in loop.made], dtype=np.intp),
            purposes=np.array([str(choice.purpose) for _, choice, *_ in loop.made]),
            label=np.array([found.label for *_, found, _ in loop.made], dtype=np.intp),
            machine=np.array([machine for *_, machine in loop.made], dtype=np.intp),
            posterior=posteriors(loop),
        ),
        traffic=traffic,
        is_labelled=np.array([one in gold for one in traffic.sample_ids]),
        audited=loop.audits.audited(),
        closed=tuple(loop.closed),
    )


def posteriors(loop: YearLoop) -> Probs:
    """Return how sure goldloop's consensus is, at the end of the year, of each label made (n, n_labels)."""
    votes: dict[SampleId, list[Answer]] = {}
    decisions: dict[SampleId, str] = {}
    for one in loop.desk.answers:
        if one.purpose is Purpose.ADJUDICATION:
            decisions[one.sample_id] = str(one.label)
        else:
            votes.setdefault(one.sample_id, []).append(one)
    probs = {
        sample: row for part in loop.traffic for sample, row in zip(part.sample_ids, part.probs, strict=True)
    }
    cases = [
        VotedSample(
            sample_id=(sample := choice.candidate.sample_id),
            votes={one.annotator: str(one.label) for one in votes[sample]},
            probs=None if choice.purpose is Purpose.AUDIT or sample not in probs else tuple(probs[sample]),
            shown={one.annotator: str(one.suggested_label) for one in votes[sample] if one.is_shown},
            decision=decisions.get(sample),
        )
        for _, choice, *_ in loop.made
    ]
    found = fit_consensus(cases, loop.labels, method=Method.POSTERIOR, target=TARGET, overlap=1)
    return np.array([[one.posterior.get(label, 0.0) for label in loop.labels] for one in found.consensus])


def held_amounts(loop: YearLoop, rounds: Sequence[Round]) -> dict[str, list[bool]]:
    """Return by figure, for each round or quarter where it is known, whether its interval holds the truth."""
    books, cost = books_of(loop), loop.settings.cost
    paid, everything = prices(cost, loop.labels), {one.number for one in rounds}
    usual = answering(books, cost, loop.labels, everything)
    accounts = {one.number: account(books, paid, usual, {one.number}) for one in rounds}
    held: dict[str, list[bool]] = {"errors let through in a round": []}
    for one in rounds:
        _note(held["errors let through in a round"], accounts[one.number].let_through, one.n_let_through)
    names = ("errors let through", "errors caught", "saved against labelling", "saved against accepting")
    held |= {f"{name} in a quarter": [] for name in names}
    for first in range(0, len(rounds), QUARTER):
        part = rounds[first : first + QUARTER]
        numbers = {one.number for one in part}
        found = account(books, paid, answering(books, cost, loop.labels, numbers), numbers)
        for name, (measure, truth) in zip(names, _beside_truth(found, part, loop), strict=True):
            _note(held[f"{name} in a quarter"], measure, truth)
    return held


def _beside_truth(found: Account, part: Sequence[Round], loop: YearLoop) -> list[tuple[Measure, float]]:
    price = loop.settings.cost.error
    spent, lost = sum(one.spent for one in part), sum(one.lost for one in part)
    n = sum(sum(one.lanes.values()) for one in part)
    wrong_answers = sum(one.n_would_err for one in part)
    labelling = n * SECONDS["blind"] / 60 * loop.settings.cost.minute + wrong_answers * price
    accepting = sum(one.n_machine_wrong for one in part) * price
    return [
        (found.let_through, sum(one.n_let_through for one in part)),
        (found.caught, sum(one.n_caught for one in part)),
        (found.saved_against_labelling, labelling - spent - lost),
        (found.saved_against_accepting, accepting - spent - lost),
    ]


def _note(held: list[bool], measure: Measure, truth: float) -> None:
    if measure.estimate is not None:
        held.append(bool(measure.estimate.low <= truth <= measure.estimate.high))
