"""Presumed labels: records that were let through and have no chargeback teach that they are genuine.

Gold alone holds the hard cases that people saw and the frauds that were reported. Without the others a model
does not learn what an ordinary payment looks like (docs/decisions/0052-outcomes.md has the figures).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from goldloop.consensus.provisional import ProvisionalLabel
from goldloop.core.chance import audit_draws, permanent_randoms
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.labeling.context import LoopState
from goldloop.loop.maturity import chargeback_delays, expected_chargebacks, sample_times
from goldloop.loop.ports import LoopPorts
from goldloop.selection.assigned_splits import AssignedSplits
from goldloop.settings import Settings
from goldloop.stats.delays import DAY_S
from goldloop.tables.predictions import FirstDecision, read_first_decisions

MOST = 20_000
"""Presumed labels of a retrain: as many records as the choice of the trees looks at."""


def presumed_labels(ports: LoopPorts, state: LoopState, notes: list[str]) -> list[ProvisionalLabel]:
    """Return records that count as genuine for training, in order of sample_id; `notes` tells how many.

    They were taken for the first label when they arrived, nobody was asked about them, nothing was reported
    of them, and they may train. A record is drawn with the weight that a record of its age has without a
    chargeback (`Delays.genuine_weights`), by its permanent random number. None without two labels, without
    `records.presume_genuine`, and while there are too few chargebacks for the distribution of delays.
    """
    settings, tables, reports = ports.settings, ports.tables, state.snapshot.reported
    if settings.records is None or not settings.records.presume_genuine or len(settings.labels) != 2:
        return []
    chargebacks = chargeback_delays(tables, settings, ports.modality, reports) if reports else None
    delays = chargebacks.delays if chargebacks else None
    if chargebacks is None or delays is None:
        return []
    arrived = read_first_decisions(tables)
    numbers = _numbers(arrived.values(), state, settings)
    times = sample_times(tables, settings, ports.modality, list(numbers))
    ids = sorted(times)
    ages = np.array([(chargebacks.as_of - times[key]).total_seconds() / DAY_S for key in ids])
    n_frauds = expected_chargebacks(len(chargebacks.took), delays, ages)
    share = min(0.5, n_frauds / len(arrived)) if n_frauds else 0.0
    weights = delays.genuine_weights(ages, share)
    ratios = np.array([numbers[key] for key in ids]) / np.where(weights > 0, weights, np.nan)
    drawn = [ids[row] for row in np.argsort(ratios, kind="stable")[:MOST].tolist() if ratios[row] < 1]
    found = _may_train(state, sorted(drawn), arrived, settings, max_distance=ports.modality.max_distance)
    if found:
        notes.append(
            f"{len(found):,} records without a chargeback teach the model as {settings.labels[0]!r}."
        )
    return found


def _numbers(arrived: Iterable[FirstDecision], state: LoopState, settings: Settings) -> dict[SampleId, float]:
    """Return a random number in [0, 1) of each record that may be presumed genuine, of 2 * MOST at most."""
    snapshot, selection = state.snapshot, settings.selection
    known = {record.sample_id for record in snapshot.gold.records}
    known |= {task.sample_id for task in snapshot.live.values()}
    known |= {report.sample_id for report in snapshot.reported if report.sample_id is not None}
    known |= {one.sample_id for one in snapshot.imported}
    waiting = [
        one for one in arrived if one.sample_id not in known and one.decided in (None, settings.labels[0])
    ]
    draws = audit_draws(
        [one.sample_id for one in waiting],
        audit_rate=selection.audit_rate,
        seed=selection.seed,
        probabilities=np.array([one.audit_probability for one in waiting], dtype=np.float64),
        entities=[one.entity for one in waiting],
    )
    teaching = [waiting[row].sample_id for row in np.flatnonzero(~draws.judging & ~draws.reserved).tolist()]
    drawn = permanent_randoms(teaching, selection.seed, "presumed")
    numbers = dict(zip(teaching, drawn.tolist(), strict=True))
    if len(numbers) <= 2 * MOST:
        return numbers
    least = sorted(numbers, key=numbers.__getitem__)[: 2 * MOST + 1]
    limit = numbers[least[-1]]
    return {key: numbers[key] / limit for key in least[:-1]}


def _may_train(
    state: LoopState,
    drawn: Sequence[SampleId],
    arrived: dict[SampleId, FirstDecision],
    settings: Settings,
    *,
    max_distance: int,
) -> list[ProvisionalLabel]:
    """Return a label of each of `drawn` whose group and entity train, whatever was assigned before."""
    splits, found = AssignedSplits(state.snapshot.assigned, max_distance=max_distance), []
    for sample_id in drawn:
        entity = arrived[sample_id].entity
        group = splits.join(sample_id, None)
        if splits.assign(group, entity, Split.TRAIN) is Split.TRAIN:
            found.append(ProvisionalLabel(sample_id, settings.labels[0], group, entity))
    return found
