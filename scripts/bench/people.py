#!/usr/bin/env python3
"""How often the measures of annotators are right, on simulated people whose skill is known.

An expert, two average people, a careless one and a spammer answer 300 samples. Two in five are audit
samples, with two blind answers each and an adjudicator where they differ. The others have calibrated
probabilities of a model and are asked about until the posterior is sure, three times at most. Consensus is
goldloop's own, so what everybody else says of an answer is as uncertain, and as wrong, as in use. One answer
in twenty is a control.

coverage    share of repeats in which the 95 % interval holds the true accuracy (aim: 0.93 to 0.97)
flagged     share of repeats in which the person is flagged as below the bar, 0.70
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from _common import Report, parser

from goldloop.annotators.profiles import AnnotatorProfile, AssessedAnswer, annotator_profiles
from goldloop.consensus.fit import ConsensusFit, Method, VotedSample, fit_consensus
from goldloop.core.answers import Answer
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.stats.measures import Measure, share

LABELS = LabelSet(tuple(f"label {number}" for number in range(10)))
SKILLS = {"1": 0.98, "2": 0.92, "3": 0.90, "4": 0.75, "5": 0.10}
KINDS = {"1": "expert", "2": "average", "3": "average", "4": "careless", "5": "spammer"}
ADJUDICATOR = 0.99
N_SAMPLES = 300
AUDIT_SHARE = 0.4
CONTROL_RATE = 0.05
TARGET, MAX_ANSWERS, BAR = 0.90, 3, 0.70
N_ROUNDS = 5
N_FIRST = 50  # blind answers: about half of a hundred tasks, the others show a suggestion
CONTROLS = (30, 60, 120)
START = datetime(2026, 1, 5, tzinfo=UTC)


# --- people


def said(right: int, skill: float, rng: np.random.Generator, *, is_alike: bool) -> int:
    """Return the column that somebody of this skill answers; mistakes are alike when two labels draw most."""
    if rng.random() < skill:
        return right
    if is_alike and skill > BAR and rng.random() < 0.7:
        return right ^ 1
    return int((right + rng.integers(1, len(LABELS))) % len(LABELS))


@dataclass
class World:
    """The samples of one repeat and what people have said of them."""

    truth: np.ndarray
    probs: np.ndarray
    is_audit: np.ndarray
    cases: list[VotedSample]
    order: list[tuple[int, str]]


def new_world(rng: np.random.Generator) -> World:
    """Return samples with calibrated probabilities: the truth is drawn from them."""
    logits = rng.normal(0, 2.2, (N_SAMPLES, len(LABELS)))
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(len(LABELS), p=row) for row in probs])
    is_audit = rng.random(N_SAMPLES) < AUDIT_SHARE
    cases = [
        VotedSample(SampleId(f"{number:04d}"), {}, None if is_audit[number] else tuple(probs[number]))
        for number in range(N_SAMPLES)
    ]
    return World(truth, probs, is_audit, cases, [])


def ask(world: World, numbers: Sequence[int], rng: np.random.Generator, *, is_alike: bool) -> None:
    """Let somebody new answer each of these samples."""
    for number in numbers:
        case = world.cases[number]
        who = str(rng.choice([one for one in SKILLS if one not in case.votes]))
        label = LABELS[said(int(world.truth[number]), SKILLS[who], rng, is_alike=is_alike)]
        world.cases[number] = replace(case, votes={**case.votes, who: label})
        world.order.append((number, who))


def worked_through(rng: np.random.Generator, *, is_alike: bool) -> tuple[World, ConsensusFit]:
    """Return a project at its end: every sample sure, or adjudicated."""
    world = new_world(rng)
    ask(world, rng.permutation(N_SAMPLES).tolist(), rng, is_alike=is_alike)
    ask(world, np.flatnonzero(world.is_audit).tolist(), rng, is_alike=is_alike)
    for n_answers in range(1, MAX_ANSWERS):
        found = consensus(world.cases).consensus
        unsure = [
            number
            for number, one in enumerate(found)
            if one.label is None
            and len(world.cases[number].votes) == n_answers
            and not world.is_audit[number]
        ]
        ask(world, unsure, rng, is_alike=is_alike)
    found = consensus(world.cases).consensus
    for number, case in enumerate(world.cases):
        is_split = world.is_audit[number] and len(set(case.votes.values())) > 1
        if is_split or found[number].label is None:
            right = said(int(world.truth[number]), ADJUDICATOR, rng, is_alike=is_alike)
            world.cases[number] = replace(case, decision=LABELS[right])
    return world, consensus(world.cases)


def consensus(cases: Sequence[VotedSample]) -> ConsensusFit:
    """Return goldloop's consensus."""
    return fit_consensus(cases, LABELS, method=Method.POSTERIOR, target=TARGET, overlap=1)


def judged(rng: np.random.Generator, *, is_alike: bool = False) -> list[AssessedAnswer]:
    """Return everybody's answers beside what everybody else says, and controls mixed in at their rate."""
    world, fit = worked_through(rng, is_alike=is_alike)
    found = []
    for place, (number, who) in enumerate(world.order):
        case = world.cases[number]
        others = None
        if case.probs is not None or case.decision is not None or len(case.votes) > 1:
            others = dict(zip(LABELS, fit.leave_one_out(number, who).tolist(), strict=True))
        number_of_round = 1 + place * N_ROUNDS // len(world.order)
        found.append(
            AssessedAnswer(answer(place, number, who, case.votes[who], number_of_round), None, others)
        )
        if rng.random() < CONTROL_RATE:
            right = int(rng.integers(len(LABELS)))
            label = LABELS[said(right, SKILLS[who], rng, is_alike=is_alike)]
            found.append(
                AssessedAnswer(
                    answer(10**6 + place, 10**6 + place, who, label, number_of_round), LABELS[right], None
                )
            )
    return found


def answer(number: int, sample: int, who: str, label: str, round_: int) -> Answer:
    """Return a blind answer of four seconds."""
    at = START + timedelta(seconds=number)
    sample_id = SampleId(f"{sample:04d}")
    return Answer(number, sample_id, Purpose.AUDIT, who, label, None, round_, at, at, 4.0, None, False)


# --- what is measured


def holds(measure: Measure, truth: float) -> bool | None:
    """Return whether the interval holds the truth; None where there is too little for one."""
    if measure.estimate is None:
        return None
    return measure.estimate.low <= truth <= measure.estimate.high


def repeat(seed: int, is_alike: bool) -> dict[str, dict[str, object]]:
    """Return by person what one repeat says of everybody."""
    rng = np.random.default_rng(seed)
    seen = judged(rng, is_alike=is_alike)
    found: dict[str, dict[str, object]] = {}
    for one in measured(seen):
        skill = SKILLS[one.annotator]
        found[one.annotator] = {
            "coverage": holds(one.accuracy, skill),
            "coverage against others": holds(one.against_others, skill),
            "bias": one.accuracy.estimate.value - skill if one.accuracy.estimate else None,
            "blind answers": one.accuracy.n,
            "flagged": one.is_flagged,
            "falling": one.is_falling,
        }
    for who in ("4", "5"):
        first = [one for one in seen if one.answer.annotator == who][:N_FIRST]
        rest = [one for one in seen if one.answer.annotator != who]
        early = next(one for one in measured(first + rest) if one.annotator == who)
        found[who][f"flagged after {N_FIRST} blind answers"] = early.is_flagged
    return found


def measured(seen: Sequence[AssessedAnswer]) -> tuple[AnnotatorProfile, ...]:
    """Return goldloop's measures."""
    return annotator_profiles(seen, labels=LABELS, bar=BAR)


def coverage_on_controls(skill: float, n: int, repeats: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return the coverage with exactly `n` controls, and with as many as chance brings at their rate."""
    exact = rng.binomial(n, skill, repeats)
    counts = rng.binomial(round(n / CONTROL_RATE), CONTROL_RATE, repeats)
    drawn = rng.binomial(counts, skill)
    return (
        float(np.mean([holds(share(int(hits), n), skill) for hits in exact])),
        float(np.mean([holds(share(int(h), int(c)), skill) for h, c in zip(drawn, counts, strict=True)])),
    )


def run(options: argparse.Namespace) -> None:
    """Measure everything and print it."""
    report = Report("people", options)
    n_repeats = 100 if options.quick else 1000
    rng = np.random.default_rng(options.seed)
    for n in CONTROLS:
        for who, skill in SKILLS.items():
            exact, drawn = coverage_on_controls(skill, n, n_repeats, rng)
            name = f"{n} controls, {KINDS[who]} {skill}"
            report.add(f"{name}: coverage", drawn, "share", note=f"exactly {n}: {exact:.3f}")
    for is_alike, repeats in ((False, n_repeats), (True, n_repeats // 5)):
        mistakes = "alike" if is_alike else "anywhere"
        seeds = range(options.seed * 10**6, options.seed * 10**6 + repeats)
        with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
            results = list(pool.map(repeat, seeds, [is_alike] * repeats, chunksize=10))
        for who, skill in SKILLS.items():
            mine = [one[who] for one in results]
            for key in mine[0]:
                values = [float(one[key]) for one in mine if one[key] is not None]  # type: ignore[arg-type]
                if values:
                    name = f"mistakes {mistakes}, {KINDS[who]} {skill}: {key}"
                    report.add(name, float(np.mean(values)), "mean", note=f"{len(values)} repeats")
    report.finish()


if __name__ == "__main__":
    run(parser(__doc__ or "").parse_args())
