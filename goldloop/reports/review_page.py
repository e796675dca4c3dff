"""The review of a time: what it rests on is read from the tables, then its sections stand in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.modality import Modality
from goldloop.core.samples import SampleId
from goldloop.labeling.context import read_state
from goldloop.loop.appeals import appeal_outcomes
from goldloop.loop.ports import LoopPorts
from goldloop.reports.appeals import appeals_section
from goldloop.reports.checks import checks_section
from goldloop.reports.decisions import LoggedDecision, decision_log
from goldloop.reports.gallery import gallery_section
from goldloop.reports.page import Page, save_page
from goldloop.reports.review import (
    difference_section,
    exposure_section,
    galleries,
    log_section,
    rules_section,
    words_section,
)
from goldloop.reports.review_cases import ReviewCase, review_cases
from goldloop.reports.sample_facts import read_facts
from goldloop.reports.section import Section
from goldloop.settings.moderation import ModerationSettings
from goldloop.tables.appeals import read_appeals
from goldloop.tables.left_out import read_left_out
from goldloop.tables.rounds import read_rounds


@dataclass(frozen=True, slots=True)
class Review:
    """The answers of a time, the cases that moderators agree on, and what the review says of them.

    `summary` holds the sections that commands and Prefect show; `shown` adds those of single samples.
    """

    since: datetime | None
    log: Sequence[LoggedDecision]
    cases: Sequence[ReviewCase]
    summary: Sequence[Section]
    shown: Sequence[Section]


def review(ports: LoopPorts, *, since: datetime | None) -> Review:
    """Return the review of the answers that were last changed at or after `since`, None: of all."""
    settings, tables = ports.settings, ports.tables
    state = read_state(tables, settings)
    log = decision_log(tables, state, settings.label_set, since=since)
    left_out = {sample_id: one.reason for sample_id, one in read_left_out(tables.left_out).items()}
    records = list(state.snapshot.gold.records)
    cases = review_cases(log, records, acceptable=settings.acceptable_label, left_out=left_out)
    appeals = [
        one
        for one in appeal_outcomes(read_appeals(tables.appeals), state)
        if since is None or one.appeal.at >= since
    ]
    rounds = read_rounds(tables.rounds)
    moderation = settings.moderation or ModerationSettings()
    summary = [
        difference_section(cases, settings.label_set),
        rules_section(cases, log),
        words_section(cases, _texts(ports.modality, cases)),
        appeals_section(appeals),
        checks_section(rounds[-1].checks if rounds else None),
        exposure_section(log, moderation.is_severe),
    ]
    pictured = galleries(cases)
    picked = {pick.sample_id for gallery in pictured for pick in gallery.shown}
    facts = read_facts(
        tables, picked, labels=settings.label_set, gold=records, outcomes=state.outcomes.samples
    )
    tiles = [gallery_section(gallery, facts, ports.modality.preview) for gallery in pictured]
    kept = [section for section in summary if not section.is_empty]
    return Review(since, log, cases, kept, [*kept, *tiles, log_section(log)])


def write_review(ports: LoopPorts, folder: Path, *, since: datetime | None, name: str) -> tuple[Path, Review]:
    """Write the page of a review as `name` into `folder`; return where it lies, and the review."""
    found = review(ports, since=since)
    start = "all answers" if since is None else f"answers since {since:%Y-%m-%d %H:%M %Z}"
    page = Page(
        title=f"{ports.settings.name}: review",
        generated_at=ports.clock(),
        sections=found.shown,
        judged_on=f"It is about {start}: {len(found.log):,} that count.",
        is_veiled=True,
    )
    return save_page(page, folder, name), found


def write_round_review(ports: LoopPorts, folder: Path) -> Review:
    """Write the review of the newest closed round beside its page: of the answers since the one before."""
    rounds = read_rounds(ports.tables.rounds)
    since = rounds[-2].closed_at if len(rounds) > 1 else None
    newest = rounds[-1].round if rounds else 0
    return write_review(ports, folder, since=since, name=f"review-{newest:03d}.html")[1]


def _texts(modality: Modality, cases: Sequence[ReviewCase]) -> dict[SampleId, str]:
    """Return the texts of the cases, where their kind of samples has texts."""
    texts = dict[SampleId, str]()
    for case in cases:
        try:
            columns = modality.columns(case.sample_id)
        except UnreadableSampleError:
            continue
        if columns:
            texts[case.sample_id] = " ".join(columns.values())
    return texts
