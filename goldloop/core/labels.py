"""The label set: an ordered tuple of label names; their order is the column order of every `probs`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from goldloop.core.errors import LabelError

MAX_LABEL_LENGTH = 100


@dataclass(frozen=True, slots=True)
class LabelSet:
    """At least two distinct, non-empty label names in a fixed order."""

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.names) < 2:
            raise LabelError(
                f"a label set needs at least two labels, got {list(self.names)}; add another label"
            )
        for name in self.names:
            if not name or name != name.strip() or len(name) > MAX_LABEL_LENGTH or not name.isprintable():
                raise LabelError(
                    f"label {name!r} is not usable; use 1 to {MAX_LABEL_LENGTH} printable characters "
                    "without leading or trailing blanks"
                )
        folded = [name.casefold() for name in self.names]
        for position, name in enumerate(folded):
            if name in folded[:position]:
                raise LabelError(f"label {self.names[position]!r} is twice in the label set; remove one")

    @classmethod
    def of(cls, names: Sequence[str]) -> LabelSet:
        """Return the label set with `names` in this order."""
        return cls(tuple(names))

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, column: int) -> str:
        return self.names[column]

    def column(self, name: str) -> int:
        """Return the column of `name` in every `probs`.

        Raises:
            LabelError: `name` is not in the label set.
        """
        try:
            return self.names.index(name)
        except ValueError:
            raise LabelError(f"label {name!r} is not in the label set {list(self.names)}") from None
