"""Answers whose sample has a known label or the votes of other annotators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from goldloop.annotators.profiles import AnnotatorProfile, AssessedAnswer, annotator_profiles
from goldloop.core.annotations import Answer
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose

LABELS = LabelSet(tuple("abcdefghij"))
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
BAR = 0.70
Floats = np.ndarray


def judged(
    number: int,
    label: str | None,
    *,
    known: str | None = None,
    others: Mapping[str, float] | None = None,
    who: str = "1",
    **changes: object,
) -> AssessedAnswer:
    """Return a blind answer of four seconds, the `number`-th of an hour's work."""
    at = START + timedelta(seconds=5 * number)
    answer = Answer(
        annotation_id=number,
        sample_id=SampleId(f"{number:064d}"),
        purpose=Purpose.AUDIT,
        annotator=who,
        label=label,
        reason=None,
        round=1,
        created_at=at,
        updated_at=at,
        lead_time_s=4.0,
        suggested_label=None,
        is_shown=False,
    )
    return AssessedAnswer(replace(answer, **changes), known, others)  # type: ignore[arg-type]


def measured(seen: Sequence[AssessedAnswer], who: str = "1") -> AnnotatorProfile:
    """Return the profile of one annotator."""
    return next(
        person for person in annotator_profiles(seen, labels=LABELS, bar=BAR) if person.annotator == who
    )


def honeypots(n_right: int, n: int, **changes: object) -> list[AssessedAnswer]:
    """Return `n` answers to known labels, the first `n_right` of them right."""
    return [judged(number, "a" if number < n_right else "b", known="a", **changes) for number in range(n)]  # type: ignore[arg-type]


def simulated(
    skill: float, n: int, rng: np.random.Generator, *, voters: Sequence[float] = (0.9, 0.75)
) -> tuple[Floats, Floats]:
    """Return the posterior from `voters` for `n` samples, and the answers of an annotator of this skill."""
    n_labels = len(LABELS)

    def answers(accuracy: float) -> Floats:
        wrong = (truth + rng.integers(1, n_labels, n)) % n_labels
        return np.where(rng.random(n) < accuracy, truth, wrong)

    truth = rng.integers(0, n_labels, n)
    believed = np.ones((n, n_labels))
    for accuracy in voters:
        likelihood = np.full((n, n_labels), (1 - accuracy) / (n_labels - 1))
        likelihood[np.arange(n), answers(accuracy)] = accuracy
        believed *= likelihood
    return believed / believed.sum(axis=1, keepdims=True), answers(skill)
