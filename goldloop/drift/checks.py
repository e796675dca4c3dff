"""Checks: what moved between a batch and what the same model saw before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from goldloop.drift.sketches import Sketch

Kind = Literal["confidence", "labels", "embeddings"]


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that moved: `what` (a label, or a range of confidence), its share before and now.

    `p_value` is of the whole check of its kind; `sentence` says it to a person. `low` and `high` bound the
    range of confidence, None for other kinds.
    """

    kind: Kind
    what: str
    before: float
    now: float
    statistic: float
    p_value: float
    sentence: str
    low: float | None = None
    high: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON knows them."""
        raise NotImplementedError

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the drift that `to_dict` described."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Check:
    """What a drift check came to: `drifts` (none: nothing moved), or why it could not tell."""

    drifts: tuple[Drift, ...]
    n: int
    n_reference: int
    unknown: str = ""

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a person should read: each drift, or why there was no check; empty when all is as before."""
        return (self.unknown,) if self.unknown else tuple(one.sentence for one in self.drifts)


def check_drift(sketch: Sketch, reference: Sketch | None) -> Check:
    """Return what moved between `sketch`, a batch, and `reference`, what the same model saw before it."""
    raise NotImplementedError
