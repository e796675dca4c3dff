"""Placements: group and split of samples that nobody was asked about, and whose label is known anyway."""

from __future__ import annotations

from collections.abc import Callable, Collection

from goldloop.core.chance import audit_draw
from goldloop.core.modality import Modality
from goldloop.core.predictions import Prediction
from goldloop.core.reported_outcomes import Placement
from goldloop.core.samples import ArrivedSample, SampleId
from goldloop.core.splits import Split, wanted_split
from goldloop.core.table_ports import Tables
from goldloop.core.tasks import Purpose
from goldloop.selection.assigned_splits import AssignedSplits
from goldloop.settings import Settings
from goldloop.tables.batches import read_samples
from goldloop.tables.predictions import read_predictions
from goldloop.tables.snapshot import Snapshot

Wish = Callable[[ArrivedSample, Split], Split]
"""From a sample, and the split that it may have by itself, to the split that it should have."""


def as_it_may(sample: ArrivedSample, split: Split) -> Split:
    """Return the split that the sample may have by itself."""
    del sample
    return split


def placements_of(
    tables: Tables,
    settings: Settings,
    modality: Modality,
    snapshot: Snapshot,
    sample_ids: Collection[SampleId],
    *,
    wish: Wish = as_it_may,
) -> dict[SampleId, Placement]:
    """Return the placement of each of `sample_ids` that has arrived, in order of sample_id."""
    samples, predictions = read_samples(tables, sample_ids), read_predictions(tables, sample_ids)
    splits = AssignedSplits(snapshot.assigned, max_distance=modality.max_distance)
    placements = {}
    for sample_id, sample in sorted(samples.items()):
        prediction = predictions.get(sample_id)
        group = splits.join(sample_id, sample.fingerprint)
        wanted = wish(sample, _own_split(sample, prediction, settings))
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


def _own_split(sample: ArrivedSample, prediction: Prediction | None, settings: Settings) -> Split:
    """Return the split that a sample nobody was asked about may have: it trains, and never judges by itself.

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
