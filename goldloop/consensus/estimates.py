"""Estimates: how annotators answer and how far to trust the model, as the fit found them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields

import numpy as np

from goldloop.consensus.votes import Floats, VoteTable
from goldloop.stats.metrics import Columns


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """The estimated parameters of A annotators and K labels; `answer_model` and `posterior` give them sense.

    `popularity` (K,), `accuracy`, `adoption` and `sharpness` scalars, `shared` (K, K), `own` (A, K, K),
    `sources` (A, 4), `habits` (A, K), `bias` (K,), `shares` (K,). `votes` (A,) counts the votes
    behind them.
    """

    annotators: tuple[str, ...]
    votes: Columns
    popularity: Floats
    accuracy: float
    adoption: float
    shared: Floats
    own: Floats
    sources: Floats
    habits: Floats
    sharpness: float
    bias: Floats
    shares: Floats

    def rows(self, annotators: tuple[str, ...]) -> list[int]:
        """Return the row of each of `annotators`; the last one for those who are not among the estimates."""
        places = {name: place for place, name in enumerate(self.annotators)}
        return [places.get(name, len(places) - 1) for name in annotators]


def estimates_text(estimates: Estimates, basis: str) -> str:
    """Return `estimates` with the digest of their `basis`, as `read_estimates` reads them exactly."""
    plain = {one.name: getattr(estimates, one.name) for one in fields(estimates)}
    return json.dumps({"basis": basis} | {name: _plain(value) for name, value in plain.items()})


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray) else value


def read_estimates(text: str | None, basis: str) -> Estimates | None:
    """Return the estimates of `text` if they have this `basis`; None otherwise, or if it cannot be read."""
    try:
        kept = json.loads(text or "null")
        if not kept or kept.pop("basis") != basis:
            return None
        made = {name: np.array(value) if isinstance(value, list) else value for name, value in kept.items()}
        return Estimates(**made | {"annotators": tuple(kept["annotators"])})
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def basis_of(table: VoteTable, release: str) -> str:
    """Return a digest of everything that the estimates of `release` follow from."""
    digest = hashlib.sha256(json.dumps([release, *table.labels, *table.annotators]).encode())
    arrays = [table.sample, table.annotator, table.label, table.shown, table.decision, table.probs]
    arrays += [table.overlooked] if table.is_on_sheet.any() else []
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
