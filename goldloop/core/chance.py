"""Chance: permanent random numbers, computed from the sample id and a seed."""

from __future__ import annotations

import hashlib

from goldloop.core.samples import SampleId


def permanent_random(sample_id: SampleId, seed: int, stream: str) -> float:
    """Return the sample's random number in [0, 1) for `stream`; the same on every machine, in every round."""
    digest = hashlib.sha256(f"{seed}:{stream}:{sample_id}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def is_reserved(sample_id: SampleId, *, audit_rate: float, seed: int) -> bool:
    """Return whether the sample is in the audit reserve; `audit_rate` is its inclusion probability."""
    return permanent_random(sample_id, seed, "audit") < audit_rate
