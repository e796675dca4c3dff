"""Known answers: samples whose label is beyond doubt, also without the person who is measured with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from goldloop.annotators.honeypots import KnownAnswer, is_known
from goldloop.consensus.evidence import Dossier
from goldloop.consensus.outcomes import Verdicts
from goldloop.core.requests import Ask, AskReason
from goldloop.core.tasks import split_key


def known_answers(verdicts: Verdicts, asks: Iterable[Ask]) -> list[KnownAnswer]:
    """Return the samples that may measure people: gold, blind, unanimous or adjudicated, all answers in."""
    n_asked = Counter(split_key(one.key)[0] for one in asks if one.reason is AskReason.CONTROL)
    return [
        KnownAnswer(
            one.dossier.sample_id,
            one.found.label,
            one.dossier.people,
            n_asked[one.dossier.sample_id],
        )
        for one in verdicts.verdicts
        if one.is_gold
        and one.found.label is not None
        and not one.dossier.plan["is_shown"]
        and len(one.dossier.votes) >= one.dossier.standing.n_asked
        and known_label(one.dossier) == one.found.label
    ]


def known_label(
    dossier: Dossier, *, without: str | None = None, before: datetime | None = None
) -> str | None:
    """Return the sample's known label as found by everybody but `without`; None where it is not known.

    It is known when an adjudicator decided, or when all blind votes (those given before a moment), two or
    more, say the same.
    """
    decision = dossier.decision
    if decision is not None and decision.annotator != without:
        return decision.label
    blind = [
        one.label
        for one in dossier.votes
        if not one.is_shown and one.annotator != without and (before is None or one.created_at <= before)
    ]
    if not blind or not is_known(
        n_blind_votes=len(blind), n_agreeing=blind.count(blind[0]), is_adjudicated=False
    ):
        return None
    return blind[0]
