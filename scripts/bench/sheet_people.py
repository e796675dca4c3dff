"""Simulated people who answer singly, and what their votes come to, for `scripts.bench.sheet_loop`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from goldloop.consensus.label import Method, fit_consensus
from goldloop.consensus.planted_errors import PlantedError, expected_missed
from goldloop.consensus.votes import VotedSample
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.stats.metrics import Columns, Floats

PEOPLE = {"ana": (0.97, 0.06), "ben": (0.95, 0.10), "eva": (0.93, 0.15)}
"""How often each is right singly, and which share of wrong suggestions each overlooks on sheets."""

ADOPTED, FALSE_CLICKS = 0.05, 0.005  # wrong suggestions accepted singly; right ones clicked on sheets
ADJUDICATOR = 0.99  # how often an adjudicator is right
BLIND_S, RIGHT_S, WRONG_S, PAGE_S = 2.3, 1.8, 3.8, 0.5  # reading times as in `scripts.bench.sheets`
LOOK_S, CLICK_S, SHEET_PAGE_S = 0.4, 0.8, 0.65
TARGET = 0.90


@dataclass(frozen=True, slots=True)
class Found:
    """What votes come to, by row: gold labels, likeliest labels, and how sure these are."""

    gold: dict[int, int]
    likeliest: dict[int, int]
    sure: dict[int, float]


@dataclass
class Answers:
    """The answers about a pool so far, the model's present probs, and the seconds that people spent."""

    truth: Columns
    features: Floats
    alike: Floats
    labels: LabelSet
    rng: np.random.Generator
    seed: int
    votes: dict[int, dict[str, int]] = field(default_factory=dict)
    shown: dict[int, dict[str, int]] = field(default_factory=dict)
    probs_then: dict[int, Floats] = field(default_factory=dict)
    decisions: dict[int, int] = field(default_factory=dict)
    on_sheet: dict[int, str] = field(default_factory=dict)
    planted: list[PlantedError] = field(default_factory=list)
    planted_rows: set[int] = field(default_factory=set)
    looked_over: set[int] = field(default_factory=set)
    probs: Floats | None = None
    seconds: float = 0.0
    is_verifying: bool = True
    overlooked_by_all: float = 0.0

    def answer(self, row: int, *, suggested: int | None = None) -> None:
        """Let somebody who has not answered about the sample do so singly."""
        given = self.votes.setdefault(row, {})
        free = [name for name in PEOPLE if name not in given]
        who = str(self.rng.choice(free))
        true = int(self.truth[row])
        is_right = self.rng.random() < PEOPLE[who][0]
        answer = true if is_right else int(self.rng.choice(len(self.labels), p=self.alike[true]))
        if suggested is not None:
            self.shown.setdefault(row, {})[who] = suggested
            if suggested != true and self.rng.random() < ADOPTED:
                answer = suggested
        given[who] = answer
        self.seconds += PAGE_S + (
            BLIND_S if suggested is None else RIGHT_S if answer == suggested else WRONG_S
        )
        if self.probs is not None:
            self.probs_then.setdefault(row, self.probs[row])

    def consensus(self) -> Found:
        """Return what the votes come to."""
        rows = [row for row, given in self.votes.items() if given]
        overlooked = {name: expected_missed(self.planted_of(name)) for name in PEOPLE}
        fit = fit_consensus(
            [self._voted(row, overlooked) for row in rows],
            self.labels,
            method=Method.POSTERIOR,
            target=TARGET,
        )
        found = list(zip(rows, fit.consensus, strict=True))
        gold = {row: self.labels.column(one.label) for row, one in found if one.label is not None}
        best = {row: max(one.posterior, key=one.posterior.__getitem__) for row, one in found}
        likeliest = {row: self.labels.column(label) for row, label in best.items()}
        return Found(gold, likeliest, {row: max(one.posterior.values()) for row, one in found})

    def _voted(self, row: int, overlooked: dict[str, float]) -> VotedSample:
        probs = self.probs_then.get(row)
        who = self.on_sheet.get(row)
        return VotedSample(
            sample_id=named(row),
            votes={name: self.labels[column] for name, column in self.votes[row].items()},
            probs=None if probs is None else tuple(probs.tolist()),
            shown={name: self.labels[column] for name, column in self.shown.get(row, {}).items()},
            decision=self.labels[self.decisions[row]] if row in self.decisions else None,
            overlooked={who: overlooked[who]} if who in self.votes[row] else {},
        )

    def adjudicate(self, row: int) -> None:
        """Let an adjudicator decide; an error of theirs falls on a label that looks alike."""
        true, is_right = int(self.truth[row]), self.rng.random() < ADJUDICATOR
        self.decisions[row] = true if is_right else int(self.rng.choice(len(self.labels), p=self.alike[true]))
        self.seconds += PAGE_S + WRONG_S

    def planted_of(self, name: str) -> list[PlantedError]:
        """Return the planted errors that somebody met."""
        return [error for error in self.planted if error.annotator == name]


def named(row: int) -> SampleId:
    """Return the id of a row."""
    return SampleId(f"{row:064x}")
