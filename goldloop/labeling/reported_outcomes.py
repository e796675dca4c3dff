"""Reported outcomes find their samples, and samples that nobody was asked about get a split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from goldloop.core.modality import Modality
from goldloop.core.reported_outcomes import ReportedOutcome, by_sample, known_outcomes
from goldloop.core.table_ports import Tables
from goldloop.labeling.kept_content import keep_samples
from goldloop.labeling.placements import placements_of
from goldloop.settings import Settings
from goldloop.tables.batches import find_samples
from goldloop.tables.outcomes import save_bound
from goldloop.tables.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Bound:
    """How many reports found their sample just now, or a place for it.

    `ambiguous` are the names that several samples have; `lost` tells of samples whose content is gone.
    """

    n: int = 0
    ambiguous: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def bind_outcomes(tables: Tables, settings: Settings, modality: Modality, snapshot: Snapshot) -> Bound:
    """Write the sample of each report that has none yet and whose sample has arrived, and what they lack.

    A sample nobody was asked about gets a group and a split, for good. It reads nothing where nothing waits.
    """
    waiting = [report for report in snapshot.reported if report.sample_id is None]
    found = find_samples(tables, {report.name for report in waiting})
    bound = {
        report.digest: replace(report, sample_id=next(iter(samples)))
        for report in waiting
        if len(samples := found[report.name]) == 1
    }
    reports = [bound.get(report.digest, report) for report in snapshot.reported]
    placed, lost = _placed(tables, settings, modality, snapshot, reports)
    changed = bound | {report.digest: report for report in placed}
    saved = save_bound(tables.outcomes, [changed[key] for key in sorted(changed)]) if changed else ()
    ambiguous = tuple(sorted({report.name for report in waiting if len(found[report.name]) > 1}))
    return Bound(len(saved), ambiguous, lost)


def _placed(
    tables: Tables,
    settings: Settings,
    modality: Modality,
    snapshot: Snapshot,
    reports: Iterable[ReportedOutcome],
) -> tuple[list[ReportedOutcome], tuple[str, ...]]:
    """Return a report of each sample that needs a placement, with it, and sentences about lost samples."""
    asked = {task.sample_id for task in snapshot.live.values() if task.purpose.has_votes}
    mine = by_sample(reports)
    needing = [
        sample_id
        for sample_id, known in known_outcomes(reports).items()
        if known.placement is None and sample_id not in asked
    ]
    if not needing:
        return [], ()
    kept = keep_samples(tables, modality.store, needing)
    wanted = [sample_id for sample_id in needing if sample_id not in kept.lost]
    placements = placements_of(tables, settings, modality, snapshot, wanted)
    lost = tuple(f"{sample_id[:12]}: {why}" for sample_id, why in sorted(kept.lost.items()))
    return [replace(mine[key][0], placement=placement) for key, placement in placements.items()], lost
