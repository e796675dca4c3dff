"""The budget: how many answers a round may ask for."""

from __future__ import annotations

from goldloop.core.tasks import Purpose, n_first_answers
from goldloop.settings import Settings

FIRST_ASKED = (Purpose.SEED, Purpose.AUDIT, Purpose.REVIEW, Purpose.FULL)
"""Why a sample is shown to people for the first time; all else follows from their answers."""


def repeat_budget(settings: Settings) -> int:
    """Return how many answers of a round's budget are kept for what follows from first answers."""
    return int(settings.consensus.repeat_share * settings.selection.budget_per_round)


def n_answers_of(purpose: Purpose, settings: Settings) -> int:
    """Return how many answers a task asks for at first."""
    return n_first_answers(
        purpose,
        overlap=settings.selection.overlap,
        audit_answers=settings.consensus.audit_answers,
        is_checked=False,
    )
