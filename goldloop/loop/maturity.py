"""Maturity: how late chargebacks are known, and which share of the samples is old enough to be believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.modality import Modality
from goldloop.core.ports import Tables
from goldloop.core.reported_outcomes import OutcomeKind, ReportedOutcome, by_sample
from goldloop.core.samples import SampleId
from goldloop.loop.ports import LoopPorts
from goldloop.settings import Settings
from goldloop.stats.delays import Floats, estimate_delays, median_delay
from goldloop.stats.measures import Measure, share
from goldloop.tables.batches import read_arrival_times, read_drawn_samples

DRAWN = 2000
"""Samples, drawn at random, whose ages tell the share of mature ones."""

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Maturity:
    """How late chargebacks are known, as of the newest outcome.

    `n_chargebacks` samples have one, `n_dated` of them after the sample's own time. `median_days` is the
    median delay; `mature_days` the age from which a sample is mature, None while there are too few
    chargebacks; `mature_share` the share of all samples that are. `n_expected` chargebacks are expected for
    the samples until now, those that are known included.
    """

    as_of: datetime
    n_chargebacks: int
    n_dated: int
    median_days: Measure
    mature_days: float | None
    mature_share: Measure
    n_expected: float | None


def maturity(
    tables: Tables, settings: Settings, modality: Modality, reports: Sequence[ReportedOutcome]
) -> Maturity | None:
    """Return how late chargebacks are known; None without any outcome.

    A delay counts from the time of a record, `records.time`, or else from the sample's arrival, to the moment
    at which its first chargeback was known. Honest customers' disputes are left out.
    """
    if not reports:
        return None
    as_of = max(report.known_at for report in reports)
    first = first_chargebacks(reports)
    times = sample_times(tables, settings, modality, list(first))
    known = [(first[key] - at, as_of - at) for key, at in times.items() if first[key] >= at]
    took, seen = (np.array([pair[place].total_seconds() / _DAY_S for pair in known]) for place in (0, 1))
    delays = estimate_delays(took, seen)
    ages = _drawn_ages(tables, settings, modality, as_of) if delays else np.zeros(0)
    reported = delays.reported_share(ages) if delays and len(ages) else 0.0
    return Maturity(
        as_of=as_of,
        n_chargebacks=len(first),
        n_dated=len(known),
        median_days=median_delay(took, seen),
        mature_days=delays.mature_age if delays else None,
        mature_share=share(int(np.sum(ages >= delays.mature_age)), len(ages)) if delays else Measure(0, None),
        n_expected=len(known) / reported if reported else None,
    )


def read_maturity(ports: LoopPorts, reports: Sequence[ReportedOutcome]) -> Maturity | None:
    """Return `maturity` of the workspace."""
    return maturity(ports.tables, ports.settings, ports.modality, reports)


def first_chargebacks(reports: Iterable[ReportedOutcome]) -> dict[SampleId, datetime]:
    """Return when the first chargeback of each sample was known, honest customers' disputes left out."""
    return {
        sample_id: min(known)
        for sample_id, mine in by_sample(reports).items()
        if not any(report.is_honest_dispute for report in mine)
        and (known := [one.known_at for one in mine if one.kind is OutcomeKind.CHARGEBACK])
    }


def sample_times(
    tables: Tables, settings: Settings, modality: Modality, sample_ids: Sequence[SampleId]
) -> Mapping[SampleId, datetime]:
    """Return the time of each of `sample_ids`: the record's own where it has one, or else of its arrival."""
    arrived = read_arrival_times(tables, sample_ids)
    field = settings.records.form.time if settings.records else None
    if field is None:
        return arrived
    return {sample_id: _own_time(modality, sample_id, field) or at for sample_id, at in arrived.items()}


def _own_time(modality: Modality, sample_id: SampleId, field: str) -> datetime | None:
    try:
        text = modality.columns(sample_id).get(field)
    except UnreadableSampleError:
        return None
    found = datetime.fromisoformat(text) if text else None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)


def _drawn_ages(tables: Tables, settings: Settings, modality: Modality, as_of: datetime) -> Floats:
    times = sample_times(tables, settings, modality, read_drawn_samples(tables, DRAWN))
    return np.array([(as_of - at).total_seconds() / _DAY_S for at in times.values()])
