"""Compare a loop with sheets and one without, in the same minutes, on real features and simulated people.

Each round, people answer what the model doubts most, singly. A sample whose posterior is below the target
gets up to two more answers, and then an adjudicator's decision. With sheets, what costs less on one leaves
this queue, and the minutes that are left after the queue go into sheets: first of gold labels that one person
gave, which somebody else looks over, and then of sure suggestions. Who clicks a picture asks for two blind
answers, or for one where there is one already. Consensus, composition, price and switch are goldloop's own;
seconds and mistakes of people are simulated. `--features` takes a file of `python -m scripts.bench.features`.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.special import softmax

from goldloop.consensus.clicks import probs_after_clicks
from goldloop.consensus.planted_errors import PlantedError, expected_missed
from goldloop.core.labels import LabelSet
from goldloop.sheets.composition import Pictures, Sheet, SheetForm, compose, is_twin
from goldloop.sheets.price import Looking, SheetPrices
from goldloop.sheets.switch import switched_off
from goldloop.stats.calibration import fit_temperature
from goldloop.stats.metrics import Columns, Floats
from models.linear import cross_validated, fit_linear
from scripts.bench.common import Report, options_of
from scripts.bench.features import read_features
from scripts.bench.sheet_people import (
    CLICK_S,
    FALSE_CLICKS,
    LOOK_S,
    PEOPLE,
    SHEET_PAGE_S,
    Answers,
    Found,
    named,
)

MOST_ANSWERS, SURE = 3, 0.98  # to one sample; from where on a gold label may be planted under another
ERROR_EUR, MINUTE_EUR, MAX_MISSED, TWINS = 2.0, 0.50, 0.15, 0.05
N_FEATURES, N_SEEDS = 128, 150
AT_ONCE = 4  # sheets, after which those are asked about again that need it


class Loop(Answers):
    """One loop: what is learnt from the answers so far, and who is asked next."""

    def learn(self) -> None:
        """Train a model on the likeliest labels, with the temperature of its cross-validation."""
        likeliest = self.consensus().likeliest
        rows, columns = np.array(list(likeliest)), np.array(list(likeliest.values()))
        crossed = cross_validated(self.features[rows], columns, len(self.labels))
        weights, intercepts = fit_linear(
            self.features[rows],
            columns,
            len(self.labels),
            inverse_regularisation=crossed.inverse_regularisation,
        )
        self.weights, self.intercepts = weights, intercepts
        self.temperature = 1.0 if crossed.logits is None else fit_temperature(crossed.logits, columns)
        self.probs = self.predicted(self.features)

    def predicted(self, features: Floats) -> Floats:
        """Return the model's probabilities for rows of features."""
        probs: Floats = softmax((features @ self.weights.T + self.intercepts) / self.temperature, axis=1)
        return probs

    def answer_singly(self, until: float, *, with_sheets: bool) -> None:
        """Ask about what the model doubts most, and again where the posterior is low, in the time given."""
        assert self.probs is not None
        ordered = np.sort(self.probs, axis=1)
        queue = np.argsort(ordered[:, -1] - ordered[:, -2]).tolist()
        on_sheets = set(self._paying().tolist()) if with_sheets else set()
        fresh = [row for row in queue if row not in self.votes and row not in on_sheets]
        while self.seconds < until:
            self._ask_again(until)
            for row in fresh[:50]:
                if self.seconds < until:
                    self.answer(row, suggested=int(self.probs[row].argmax()))
            if not fresh:
                return
            fresh = fresh[50:]

    def _ask_again(self, until: float) -> None:
        for row in self._unsure():
            if self.seconds < until:
                if len(self.votes[row]) < MOST_ANSWERS:
                    self.answer(row)
                else:
                    self.adjudicate(row)

    def _unsure(self) -> list[int]:
        found = self.consensus()
        rows = [row for row in found.sure if row not in found.gold]
        return sorted(rows, key=lambda row: -found.sure[row])

    def answer_on_sheets(self, until: float) -> None:
        """Work through sheets of gold and of what the model is sure of, and ask again, until time is up."""
        switch = switched_off(self.planted, max_missed=MAX_MISSED)
        people = [name for name in PEOPLE if name not in switch.annotators]
        for number, sheet in enumerate(self._sheets()):
            if number % AT_ONCE == 0:
                self._ask_again(until)
            if self.seconds >= until or not people:
                return
            others = [name for name in people if name not in self._authors(sheet)]
            if others and switch.allows(self.labels[sheet.column]):
                self._look_over(sheet, str(self.rng.choice(others)))
        self._ask_again(until)

    def _authors(self, sheet: Sheet) -> set[str]:
        rows = [int(name, 16) for name in sheet.pictures if name not in sheet.planted]
        return {name for row in rows for name in self.votes.get(row, {})}

    def _prices(self) -> SheetPrices:
        looking = Looking(0.5, expected_missed(self.planted), FALSE_CLICKS)
        return SheetPrices(MINUTE_EUR, looking, Looking(2.4, 0.08), planted=0.05, twins=TWINS)

    def _paying(self) -> Columns:
        """Return the rows without an answer that cost less on a sheet, the least sure first."""
        assert self.probs is not None
        free = np.array([row for row in range(len(self.truth)) if row not in self.votes])
        is_wrong = 1 - self.probs[free].max(axis=1)
        paying = free[self._prices().pays(is_wrong, ERROR_EUR * is_wrong)]
        return paying[np.argsort(self.probs[paying].max(axis=1), kind="stable")]

    def _verifiable(self, found: Found) -> Columns:
        """Return the rows whose gold label is that of one single answer, the least sure first."""
        single = [row for row in found.gold if len(self.votes[row]) == 1 and row not in self.looked_over]
        unsure = [row for row in single if row not in self.decisions and found.sure[row] < SURE]
        rows = np.array(sorted(unsure, key=lambda row: found.sure[row]), dtype=np.intp)
        is_wrong = 1 - np.array([found.sure[row] for row in rows.tolist()])
        return rows[self._prices().verifies(is_wrong, ERROR_EUR * is_wrong)]

    def _sheets(self) -> list[Sheet]:
        assert self.probs is not None
        found, paying = self.consensus(), self._paying()
        verifiable = self._verifiable(found) if self.is_verifying else paying[:0]
        known = [row for row in found.gold if found.sure[row] >= SURE and row not in self.planted_rows]
        gold = [found.gold[row] for row in (*verifiable.tolist(), *known)]
        columns = np.array(gold, dtype=np.intp)
        authors = [next(iter(self.votes[row])) for row in verifiable.tolist()] + [""] * len(paying)
        return compose(
            self._pictures(
                np.concatenate([verifiable, paying]),
                np.concatenate([columns[: len(verifiable)], self.probs[paying].argmax(axis=1)]),
                authors,
            ),
            self._pictures(np.array(known, dtype=np.intp), columns[len(verifiable) :]),
            SheetForm(24, planted_rate=0.05, seed=self.seed),
        )

    def _pictures(self, rows: Columns, columns: Columns, authors: Sequence[str] = ()) -> Pictures:
        ids = [named(row) for row in rows.tolist()]
        return Pictures(ids, columns, self.features[rows].astype(np.float32), authors)

    def _look_over(self, sheet: Sheet, who: str) -> None:
        """Let somebody look over a sheet; a clicked new sample gets two blind answers, a gold label one."""
        self.seconds += LOOK_S * len(sheet.pictures) + SHEET_PAGE_S
        again: list[int] = []
        for name in sheet.pictures:
            row = int(name, 16)
            is_wrong = int(self.truth[row]) != sheet.column
            is_new, missed = row not in self.votes, PEOPLE[who][1]
            if not is_new and name not in sheet.planted:
                missed = max(missed, self.overlooked_by_all)
            is_clicked = self.rng.random() < (1 - missed if is_wrong else FALSE_CLICKS)
            self.seconds += CLICK_S * is_clicked
            if name in sheet.planted:
                self.planted.append(PlantedError(who, self.labels[sheet.column], is_missed=not is_clicked))
                self.planted_rows.add(row)
                continue
            self._note(row, sheet.column, who, is_clicked=is_clicked)
            if is_clicked or (is_new and is_twin(name, twin_share=TWINS, seed=self.seed)):
                again += [row] * (1 + (is_clicked and is_new))
        for row in again:
            self.answer(row)
        for row, n in Counter(again).items():
            if n > 1 and len(set(self.votes[row].values())) > 1:
                self.adjudicate(row)

    def _note(self, row: int, column: int, who: str, *, is_clicked: bool) -> None:
        """Note what a look says of the label in `column`: a vote for it, or a click."""
        assert self.probs is not None
        self.looked_over.add(row)
        self.votes.setdefault(row, {})
        before = self.probs_then.setdefault(row, self.probs[row])
        if is_clicked:
            missed = np.array([expected_missed(self.planted_of(who))])
            self.probs_then[row] = probs_after_clicks(before[None], np.array([column]), missed)[0]
        else:
            self.votes[row][who] = column
            self.on_sheet[row] = who
            self.shown.setdefault(row, {})[who] = column


def main() -> None:
    """Run both loops for each seed."""
    parser = options_of(__doc__, n=5, counted="seeds")
    parser.add_argument("--features", type=Path, required=True, metavar="FILE", help="x (n, d) and y (n,)")
    parser.add_argument("--rounds", type=int, default=4, help="rounds after the first answers")
    parser.add_argument("--new-only", action="store_true", help="verify no gold labels on sheets")
    parser.add_argument("--hard", type=float, default=0.0, help="share of wrong labels that others overlook")
    parser.add_argument("--minutes", type=float, default=12.0, help="minutes of people in a round")
    options = parser.parse_args()
    report, counted = Report(options), Counter[str]()
    file = read_features(options.features)
    features = reduced(file.plain)
    for seed in range(options.seed, options.seed + options.n):
        wrong = [
            run(features, file.truth, file.labels, report, options, seed=seed, with_sheets=with_sheets)
            for with_sheets in (False, True)
        ]
        counted["no more wrong gold"] += wrong[1] <= wrong[0]
    report.add("sheet loop/seeds with no more wrong gold", counted["no more wrong gold"], "", n=options.n)
    report.close()


def reduced(features: Floats) -> Floats:
    """Return the N_FEATURES principal components of signed square roots, rows of length 1."""
    roots = np.sign(features) * np.sqrt(np.abs(features))
    roots -= roots.mean(axis=0)
    _, vectors = np.linalg.eigh(roots.T @ roots)
    parts: Floats = roots @ vectors[:, -N_FEATURES:]
    return parts / np.linalg.norm(parts, axis=1, keepdims=True)


def run(
    features: Floats,
    truth: Columns,
    labels: LabelSet,
    report: Report,
    options: argparse.Namespace,
    *,
    seed: int,
    with_sheets: bool,
) -> int:
    """Report one loop; return how many of its gold labels are wrong."""
    order = np.random.default_rng(seed).permutation(len(truth))
    pool, test = order[len(order) * 28 // 100 :], order[: len(order) * 28 // 100]
    centres = np.array([features[truth == column].mean(axis=0) for column in range(len(labels))])
    alike = np.exp(8 * centres @ centres.T / np.square(centres).sum(axis=1).mean())
    np.fill_diagonal(alike, 0.0)
    alike /= alike.sum(axis=1, keepdims=True)
    loop = Loop(truth[pool], features[pool], alike, labels, np.random.default_rng((seed, 1)), seed)
    loop.is_verifying, loop.overlooked_by_all = not options.new_only, options.hard
    for row in range(N_SEEDS):
        loop.answer(row)
    for _ in range(options.rounds):
        loop.learn()
        begun = loop.seconds
        until = begun + 60 * options.minutes
        if with_sheets:
            loop.answer_singly(until, with_sheets=True)
            loop.answer_on_sheets(until)
        loop.answer_singly(until, with_sheets=False)
    loop.learn()
    right = loop.predicted(features[test]).argmax(axis=1) == truth[test]
    what = f"sheet loop/seed {seed}, {'sheets' if with_sheets else 'singly'}"
    report.share(f"{what}/model, test", right)
    return report_labels(loop, what, report)


def report_labels(loop: Loop, what: str, report: Report) -> int:
    """Report the labels of the pool, gold and the model's; return how many of gold are wrong."""
    gold = loop.consensus().gold
    wrong = sum(int(loop.truth[row]) != column for row, column in gold.items())
    assert loop.probs is not None
    taken = loop.probs.argmax(axis=1)
    taken[list(gold)] = list(gold.values())
    report.add(f"{what}/minutes", loop.seconds / 60, "")
    report.add(f"{what}/gold", len(gold), "")
    report.add(f"{what}/wrong gold", wrong, "")
    report.add(f"{what}/wrong of all labels", int((taken != loop.truth).sum()), "", n=len(taken))
    report.add(f"{what}/on sheets", len(loop.looked_over), "")
    of_sheets = [row for row in gold if row in loop.on_sheet and len(loop.votes[row]) == 1]
    of_one = [row for row in gold if row not in loop.on_sheet and len(loop.votes[row]) == 1]
    verified = [row for row in gold if row in loop.on_sheet and len(loop.votes[row]) == 2]
    by = {"sheets": of_sheets, "one single answer": of_one, "an answer and a sheet": verified}
    for source, rows in by.items():
        n_wrong = sum(int(loop.truth[row]) != gold[row] for row in rows)
        report.add(f"{what}/wrong of gold from {source}", n_wrong, "", n=len(rows))
    return wrong


if __name__ == "__main__":
    main()
