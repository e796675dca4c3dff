"""Planted errors: known wrong suggestions on sheets, and the share of errors that annotators overlook."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from goldloop.core.annotations import Answer
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose

PRIOR_MISSED, PRIOR_ERRORS = 0.10, 20.0
"""Share of wrong suggestions that people are taken to miss before any planted error, and its weight."""


@dataclass(frozen=True, slots=True)
class PlantedError:
    """A planted wrong suggestion that came back: who answered it, on a sheet of which label."""

    annotator: str
    label: str
    is_missed: bool


def planted_errors(
    answers: Iterable[Answer], known: Mapping[SampleId, str] = MappingProxyType({})
) -> list[PlantedError]:
    """Return the planted errors among `answers`, each annotator's newest answer to each of them.

    `known` are the labels that samples have by now: where people have come to agree with the suggestion, it
    was no error.
    """
    newest: dict[tuple[str, SampleId], Answer] = {}
    for answer in sorted(answers, key=lambda one: (one.updated_at, one.annotation_id)):
        if answer.purpose is Purpose.PLANTED:
            newest[answer.annotator, answer.sample_id] = answer
    return [
        PlantedError(annotator, answer.suggested_label, is_missed=not answer.is_deferred)
        for (annotator, sample_id), answer in newest.items()
        if answer.suggested_label is not None
        and known.get(sample_id) != answer.suggested_label
        and (answer.is_deferred or not answer.is_skip)
    ]


def expected_missed(planted: Collection[PlantedError]) -> float:
    """Return the share of errors that people are expected to miss, from `planted` ones and the prior."""
    n_missed = sum(error.is_missed for error in planted)
    return (n_missed + PRIOR_MISSED * PRIOR_ERRORS) / (len(planted) + PRIOR_ERRORS)


def overlooked_by(answers: Iterable[Answer]) -> dict[str, float]:
    """Return the share of errors that each annotator who answered on sheets is expected to miss there."""
    on_sheets = [answer for answer in answers if answer.purpose.is_on_sheet]
    planted: dict[str, list[PlantedError]] = {answer.annotator: [] for answer in on_sheets}
    for error in planted_errors(on_sheets):
        planted[error.annotator].append(error)
    return {annotator: expected_missed(errors) for annotator, errors in planted.items()}
