"""The budget: the number of answers that goldloop may request in a round."""

from __future__ import annotations

from goldloop.core.tasks import Purpose, n_first_answers
from goldloop.settings import Settings

FIRST_ASKED = (Purpose.SEED, Purpose.AUDIT, Purpose.REVIEW, Purpose.FULL)
"""Purposes of a sample's first task; tasks of the other purposes follow up on first answers."""


def repeat_budget(settings: Settings) -> int:
    """Return the number of answers in a round's budget that is reserved for follow-ups."""
    return int(settings.consensus.repeat_share * settings.selection.budget_per_round)


def n_answers_of(purpose: Purpose, settings: Settings) -> int:
    """Return the number of first answers that a task of this purpose requests."""
    return n_first_answers(
        purpose,
        overlap=settings.selection.overlap,
        audit_answers=settings.consensus.audit_answers,
        is_checked=False,
    )
