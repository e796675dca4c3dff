"""Reported outcomes find their samples, and samples that nobody was asked about get a split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from goldloop.core.chance import audit_draw
from goldloop.core.modality import Modality
from goldloop.core.predictions import Prediction
from goldloop.core.reported_outcomes import Placement, ReportedOutcome, by_sample, known_outcomes
from goldloop.core.samples import ArrivedSample, SampleId
from goldloop.core.splits import Split, wanted_split
from goldloop.core.table_ports import Tables
from goldloop.core.tasks import Purpose
from goldloop.labeling.kept_content import keep_samples
from goldloop.selection.assigned_splits import AssignedSplits
from goldloop.settings import Settings
from goldloop.tables.batches import find_samples, read_samples
from goldloop.tables.outcomes import save_bound
from goldloop.tables.predictions import read_predictions
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
    placements = _placements(
        snapshot, settings, modality, read_samples(tables, wanted), read_predictions(tables, wanted)
    )
    lost = tuple(f"{sample_id[:12]}: {why}" for sample_id, why in sorted(kept.lost.items()))
    return [replace(mine[key][0], placement=placement) for key, placement in placements.items()], lost


def _placements(
    snapshot: Snapshot,
    settings: Settings,
    modality: Modality,
    samples: Mapping[SampleId, ArrivedSample],
    predictions: Mapping[SampleId, Prediction],
) -> dict[SampleId, Placement]:
    """Return the placement of each of `samples`, in order of sample_id."""
    splits = AssignedSplits(snapshot.assigned, max_distance=modality.max_distance)
    placements = {}
    for sample_id, sample in sorted(samples.items()):
        prediction = predictions.get(sample_id)
        group = splits.join(sample_id, sample.fingerprint)
        wanted = _wanted(sample, prediction, settings)
        placements[sample_id] = Placement(
            batch=sample.batch,
            lane=str(prediction.lane) if prediction else "",
            policy=prediction.policy if prediction else "",
            model_version=prediction.model_version if prediction and prediction.label else None,
            split=splits.assign(group, sample.entity, wanted),
            group=group,
            fingerprint=sample.fingerprint,
            entity=sample.entity,
        )
    return placements


def _wanted(sample: ArrivedSample, prediction: Prediction | None, settings: Settings) -> Split:
    """Return the split that a sample with an outcome should have: it may train, and never judges by itself.

    One that is in the audit reserve waits for the audit, which alone draws what judges.
    """
    selection = settings.selection
    draw = audit_draw(
        sample.sample_id,
        audit_rate=selection.audit_rate,
        seed=selection.seed,
        probability=prediction.audit_probability if prediction else None,
        entity=sample.entity,
    )
    if draw.is_reserved:
        return Split.WITHHELD
    return wanted_split(
        sample.sample_id,
        Purpose.OUTCOME,
        audit_rate=selection.audit_rate,
        seed=selection.seed,
        entity=sample.entity,
    )
