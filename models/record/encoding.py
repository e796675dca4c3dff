"""The encoding of records: from values by field to rows of numbers, as the training records taught it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import ModelError

Rows = npt.NDArray[np.float64]
Records = npt.NDArray[np.object_]
"""Mappings from field to value, (n,): numbers and words; a missing value is left out."""

MOST_WORDS = 250
"""Words of a category that models tell apart, the most frequent ones; LightGBM takes 255 at most."""

_FARTHEST = 5.0  # standard deviations from the mean at which an embedding ends


def checked_records(payloads: Sequence[Any]) -> Records:
    """Return `payloads` as an array of mappings, (n,); raises ModelError where one is something else."""
    for payload in payloads:
        if not isinstance(payload, Mapping):
            raise ModelError(f"models of records take values by field, got {type(payload).__name__}")
    records: Records = np.empty(len(payloads), dtype=object)
    records[:] = payloads
    return records


@dataclass(frozen=True, slots=True)
class Encoding:
    """Which fields are numbers, and which words each category has; a word that is new counts as missing.

    `means` and `deviations` (n_fields,) are those of the encoded training rows, numbers first.
    """

    numbers: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    means: tuple[float, ...] = ()
    deviations: tuple[float, ...] = ()
    _codes: Mapping[str, Mapping[str, int]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        codes = {
            name: {word: code for code, word in enumerate(words)} for name, words in self.categories.items()
        }
        object.__setattr__(self, "_codes", codes)

    @classmethod
    def fitted(cls, records: Records) -> Self:
        """Return the encoding of `records`: fields in order of their names, words the most frequent first."""
        counts: dict[str, Counter[str]] = {}
        numbers: set[str] = set()
        for record in records:
            for name, value in record.items():
                if isinstance(value, str):
                    counts.setdefault(name, Counter())[value] += 1
                else:
                    numbers.add(name)
        words = {
            name: tuple(
                word for word, _ in sorted(found.items(), key=lambda one: (-one[1], one[0]))[:MOST_WORDS]
            )
            for name, found in sorted(counts.items())
        }
        plain = cls(tuple(sorted(numbers - words.keys())), words)
        rows = plain.rows(records)
        with np.errstate(invalid="ignore"):
            filled = np.nan_to_num(rows)
        return cls(plain.numbers, words, tuple(filled.mean(axis=0)), tuple(filled.std(axis=0)))

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields in the order of the columns of `rows`."""
        return (*self.numbers, *self.categories)

    def rows(self, records: Records) -> Rows:
        """Return `records` as numbers, (n, n_fields): codes for words, NaN for what is missing or new."""
        rows = np.full((len(records), len(self.fields)), np.nan)
        for column, name in enumerate(self.numbers):
            rows[:, column] = [_number(record.get(name)) for record in records]
        for column, (name, codes) in enumerate(self._codes.items(), start=len(self.numbers)):
            rows[:, column] = [codes.get(record.get(name, ""), np.nan) for record in records]
        return rows

    def embeddings(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Return rows in standard deviations from the mean of the training rows, for the drift check."""
        scales = np.where(np.array(self.deviations) > 0, self.deviations, 1.0)
        distances = (np.nan_to_num(rows) - np.array(self.means)) / scales
        return np.asarray(np.clip(distances, -_FARTHEST, _FARTHEST), dtype=np.float32)


def _number(value: Any) -> float:
    return np.nan if value is None or isinstance(value, str) else float(value)
