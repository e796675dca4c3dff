"""Maturity: how late chargebacks are known, and which share of the samples is old enough to be believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.modality import Modality
from goldloop.core.reported_outcomes import OutcomeKind, ReportedOutcome, by_sample
from goldloop.core.samples import SampleId
from goldloop.core.table_ports import Tables
from goldloop.loop.ports import LoopPorts
from goldloop.settings import Settings
from goldloop.stats.delays import DAY_S, Delays, Floats, estimate_delays, median_delay
from goldloop.stats.measures import Measure, share
from goldloop.tables.batches import read_arrival_times, read_drawn_samples

DRAWN = 2000
"""Samples, drawn at random, whose ages tell the share of mature ones."""


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


@dataclass(frozen=True, slots=True)
class ChargebackDelays:
    """The delays of chargebacks as of the newest outcome, in days.

    Of `n` samples with a chargeback those are left out that came after it; of each other, (n_dated,), the
    chargeback `took` so long, and the sample was `seen` for so long.
    """

    as_of: datetime
    n: int
    took: Floats
    seen: Floats

    @property
    def delays(self) -> Delays | None:
        """The distribution of delays; None where there are too few."""
        return estimate_delays(self.took, self.seen)


def chargeback_delays(
    tables: Tables, settings: Settings, modality: Modality, reports: Sequence[ReportedOutcome]
) -> ChargebackDelays:
    """Return the delays of the chargebacks among `reports`, of which there is at least one report.

    A delay counts from the time of a record, `records.time`, or else from the sample's arrival, to the moment
    at which its first chargeback was known. Honest customers' disputes are left out.
    """
    as_of = max(report.known_at for report in reports)
    first = first_chargebacks(reports)
    times = sample_times(tables, settings, modality, list(first))
    known = [(first[key] - at, as_of - at) for key, at in times.items() if first[key] >= at]
    took, seen = (np.array([pair[place].total_seconds() / DAY_S for pair in known]) for place in (0, 1))
    return ChargebackDelays(as_of, len(first), took, seen)


def expected_chargebacks(n_known: int, delays: Delays, ages: Floats) -> float | None:
    """Return how many chargebacks samples of these `ages` will have, of which `n_known` are known."""
    reported = delays.reported_share(ages) if len(ages) else 0.0
    return n_known / reported if reported else None


def maturity(
    tables: Tables, settings: Settings, modality: Modality, reports: Sequence[ReportedOutcome]
) -> Maturity | None:
    """Return how late chargebacks are known; None without any outcome."""
    if not reports:
        return None
    found = chargeback_delays(tables, settings, modality, reports)
    delays, n_dated = found.delays, len(found.took)
    ages = _drawn_ages(tables, settings, modality, found.as_of) if delays else np.zeros(0)
    return Maturity(
        as_of=found.as_of,
        n_chargebacks=found.n,
        n_dated=n_dated,
        median_days=median_delay(found.took, found.seen),
        mature_days=delays.mature_age if delays else None,
        mature_share=share(int(np.sum(ages >= delays.mature_age)), len(ages)) if delays else Measure(0, None),
        n_expected=expected_chargebacks(n_dated, delays, ages) if delays else None,
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
    return np.array([(as_of - at).total_seconds() / DAY_S for at in times.values()])
