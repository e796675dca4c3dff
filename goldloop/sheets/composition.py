"""Composition: which pictures share a sheet, and which planted errors are among them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from goldloop.core.chance import permanent_random
from goldloop.core.errors import SelectionError
from goldloop.core.samples import SampleId
from goldloop.selection.pool import Features, Rows
from goldloop.stats.metrics import Columns

FEWEST, MOST = 12, 30
"""Pictures of a sheet; fewer save no time, and more do not fit on a page at a size that shows errors."""

NEAREST = 5
"""Gold samples of other labels among which chance draws a planted error."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """n pictures with their `features`, rows of length 1, and their `columns` (n,) in the label set.

    The columns are those of suggestions, or for gold samples those of the true labels. `authors` (n,) name
    who gave the label of each picture, "" for the model, which gave all where nothing is said; pictures by
    different authors share no sheet, so that a sheet can be kept from its author.
    """

    sample_ids: Sequence[SampleId]
    columns: Columns
    features: Features
    authors: Sequence[str] = ()

    def __post_init__(self) -> None:
        n_authors = len(self.authors or self.sample_ids)
        sizes = {len(self.sample_ids), len(self.columns), len(self.features), n_authors}
        if len(sizes) != 1:
            raise SelectionError(
                f"pictures need as many ids, columns, rows of features and authors, got "
                f"{len(self.sample_ids)}, {len(self.columns)}, {len(self.features)} and {n_authors}; "
                "pass one of each for a picture"
            )


@dataclass(frozen=True, slots=True)
class Sheet:
    """Pictures that are shown together as the label in `column`, in the order of the page.

    `planted` are those among them that are known to have another label.
    """

    column: int
    pictures: tuple[SampleId, ...]
    planted: frozenset[SampleId]


@dataclass(frozen=True, slots=True)
class SheetForm:
    """`n_pictures` of a sheet, the share `planted_rate` of planted errors, and the `seed` of all chance.

    Raises:
        SelectionError: the number of pictures or the share is out of range.
    """

    n_pictures: int = 24
    planted_rate: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if not FEWEST <= self.n_pictures <= MOST:
            raise SelectionError(
                f"a sheet has {FEWEST} to {MOST} pictures, got {self.n_pictures}; choose one between"
            )
        if not 0 < self.planted_rate <= 0.5:
            raise SelectionError(
                f"the share of planted errors is above 0 and at most 0.5, got {self.planted_rate}; "
                "without any, nobody knows what people miss"
            )

    def n_known(self, n: int) -> int:
        """Return how many gold samples of other labels a sheet of n pictures needs, whatever chance plants.

        If only the sheets were left out for which chance plants more than there are, those that are made
        would hold fewer planted errors than is set.
        """
        return min(n, NEAREST + ceil(4 * n * self.planted_rate))


def compose(
    candidates: Pictures, gold: Pictures, form: SheetForm, *, judging: Collection[SampleId] = ()
) -> list[Sheet]:
    """Return sheets of `candidates`, each of one suggested label; who fits on no full sheet is left out.

    A sheet begins with the first candidate that is on none, and takes those of the same suggestion, by the
    same author, that are nearest to it in feature space. Each picture of a sheet is a planted error with the
    probability `planted_rate`, so that nobody can count on one: one of the NEAREST gold samples of another
    label, by chance, and each of them once. Without enough of them there is no sheet. `judging` are the
    samples that judge models, which no sheet may hold.

    Raises:
        SelectionError: a candidate or gold sample is among `judging`, or is both.
    """
    _refuse(candidates, gold, judging)
    is_free, is_known = np.ones(len(candidates.sample_ids), dtype=bool), np.ones(len(gold.sample_ids), bool)
    authors, sheets = np.array(candidates.authors or [""] * len(is_free)), []
    for first, column in enumerate(candidates.columns.tolist()):
        if not is_free[first]:
            continue
        is_alike = (candidates.columns == column) & (authors == authors[first])
        free = np.flatnonzero(is_free & is_alike)
        if len(free) < FEWEST:
            continue
        n, others = min(len(free), form.n_pictures), np.flatnonzero(is_known & (gold.columns != column))
        if len(others) < form.n_known(n):
            continue
        rng = _rng(candidates.sample_ids[first], form.seed)
        n_planted = min(int(rng.binomial(n, form.planted_rate)), len(others))
        rows = _nearest(candidates.features, free, first)[: form.n_pictures - n_planted]
        planted = _planted(gold.features, others, candidates.features[rows].mean(axis=0), n_planted, rng)
        is_free[rows], is_known[planted] = False, False
        sheets.append(_sheet(column, _names(candidates, rows), _names(gold, planted), rng))
    return sheets


def is_twin(sample_id: SampleId, *, twin_share: float, seed: int) -> bool:
    """Return whether the picture, if nobody clicks it, is asked again singly and blind."""
    return permanent_random(sample_id, seed, "twin") < twin_share


def _refuse(candidates: Pictures, gold: Pictures, judging: Collection[SampleId]) -> None:
    shown, known = set(candidates.sample_ids), set(gold.sample_ids)
    if barred := sorted((shown | known) & set(judging)):
        raise SelectionError(
            f"sample {barred[0]} judges models, and nobody may see a suggestion for it; "
            "leave it out of sheets"
        )
    if both := sorted(shown & known):
        raise SelectionError(f"sample {both[0]} is gold already; leave it out of the candidates of sheets")


def _rng(sample_id: SampleId, seed: int) -> np.random.Generator:
    """Return the chance of the sheet that begins with a sample."""
    return np.random.default_rng([seed, int(permanent_random(sample_id, seed, "sheet") * 2**32)])


def _nearest(features: Features, rows: Rows, first: int) -> Rows:
    """Return `rows`, those nearest to the row `first` first, which is one of them."""
    likeness = features[rows] @ features[first]
    likeness[rows == first] = np.inf
    return rows[np.argsort(-likeness, kind="stable")]


def _planted(features: Features, rows: Rows, centre: Features, n: int, rng: np.random.Generator) -> Rows:
    """Return n of `rows`, each drawn among the NEAREST to the `centre` (d,) that are left."""
    left = rows[np.argsort(-(features[rows] @ centre), kind="stable")].tolist()
    return np.array([left.pop(int(rng.integers(min(NEAREST, len(left))))) for _ in range(n)], dtype=np.int64)


def _names(pictures: Pictures, rows: Rows) -> list[SampleId]:
    return [pictures.sample_ids[row] for row in rows.tolist()]


def _sheet(
    column: int, shown: Sequence[SampleId], planted: Sequence[SampleId], rng: np.random.Generator
) -> Sheet:
    everything = [*shown, *planted]
    order = rng.permutation(len(everything)).tolist()
    return Sheet(column, tuple(everything[place] for place in order), frozenset(planted))
