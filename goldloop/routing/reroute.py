"""Rerouting: what a new policy makes of samples that the same model has scored already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime

import pyarrow.compute as pc

from goldloop.core.ports import Tables
from goldloop.core.probs import restored
from goldloop.core.samples import SampleId
from goldloop.routing.policies import Policy
from goldloop.tables.unlabeled_pool import newest_predictions

_KEPT = ["batch", "model_version", "policy", "probs", "audit_probability"]


def reroute(
    *,
    tables: Tables,
    model_version: str,
    policy: Policy,
    is_wanted: Callable[[SampleId], bool],
    clock: Callable[[], datetime],
) -> Counter[str]:
    """Give every wanted sample that `model_version` scored the lane it has under `policy`; count the moves.

    Only samples whose lane changes get a new prediction row, in one commit; the model is not asked again.
    Keys of the result read "auto -> review".
    """
    rows = newest_predictions(tables, _KEPT)
    old = (pc.field("model_version") == model_version) & (pc.field("policy") != policy.version)
    found = [
        row
        for row in rows.filter(old & pc.field("label").is_valid()).to_pylist()
        if is_wanted(SampleId(row["sample_id"]))
    ]
    moves: Counter[str] = Counter()
    if not found:
        return moves
    probs = restored([row["probs"] for row in found])
    changed = []
    for row, lane in zip(found, policy.lanes(probs).tolist(), strict=True):
        if lane != row["lane"]:
            moves[f"{row['lane']} -> {lane}"] += 1
            changed.append(row | {"lane": lane, "policy": policy.version, "scored_at": clock()})
    tables.predictions.append(changed)
    return moves
