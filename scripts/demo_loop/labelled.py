"""Labelled samples: what the demo lets into its loop, and what stays outside to judge it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np

from goldloop.core.samples import SampleId

if TYPE_CHECKING:
    from goldloop.wiring import Wiring

TEST_SHARE = 0.28  # of the samples, kept out of the loop to judge it from outside; 503 of the 1,797 digits

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSample:
    """A sample whose true label is known.

    `answers` are what real people once said, where the file tells that but not who they were; `votes` are
    real people's labels by the name of the annotator. `row_id` is the id of a record.
    """

    sample_id: SampleId
    label: str
    row_id: str = ""
    answers: tuple[str, ...] = ()
    votes: Mapping[str, str] = field(default_factory=dict)


S = TypeVar("S", bound=LabelledSample)


@dataclass(frozen=True, slots=True)
class LabelledSamples(ABC, Generic[S]):
    """The label set, what enters the loop, and what stays outside to judge it.

    `kind` is that of the workspace, `noun` what a person calls the samples.
    """

    kind: ClassVar[str]
    noun: ClassVar[str]
    labels: tuple[str, ...]
    pool: list[S]
    test: list[S]

    @property
    def voters(self) -> tuple[str, ...]:
        """The real people whose votes are known by name, sorted; empty where people are simulated."""
        return tuple(sorted({who for one in (*self.pool, *self.test) for who in one.votes}))

    @property
    def sections(self) -> dict[str, dict[str, Any]]:
        """Sections of goldloop.toml that these samples need, beside those of the options."""
        return {}

    @abstractmethod
    def write_pool(self, folder: Path) -> Path:
        """Write into `folder` the file of the pool that `goldloop score` reads, and return its path."""

    @abstractmethod
    def payloads(self, parts: Wiring, samples: Sequence[S]) -> list[Any]:
        """Return `samples` as the models of the workspace take them; nothing of them enters it."""


def drawn(found: Sequence[T], *, seed: int, limit: int | None) -> list[T]:
    """Return `limit` of `found`, drawn by chance, in their order; all of them without a limit."""
    if not limit:
        return list(found)
    return [found[place] for place in sorted(np.random.default_rng(seed).permutation(len(found))[:limit])]


def parted(found: Sequence[S], *, seed: int, place: Callable[[S], Any]) -> tuple[list[S], list[S]]:
    """Return the pool and the test, a random share of TEST_SHARE, both in the order of `place`.

    Of samples with the same content the last counts.
    """
    distinct = list({one.sample_id: one for one in found}.values())
    order = np.random.default_rng(seed).permutation(len(distinct))
    n_test = round(TEST_SHARE * len(distinct))
    test, pool = order[:n_test], order[n_test:]
    return sorted((distinct[one] for one in pool), key=place), sorted(
        (distinct[one] for one in test), key=place
    )
