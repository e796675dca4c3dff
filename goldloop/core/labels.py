"""The label set: an ordered tuple of label names; their order is the column order of every `probs`.

goldloop keeps a name in Unicode's normal form C, which leaves one way of writing "é". "A" and "a" are two
labels. Names are equal if they differ only in the kind of a blank (a no-break space), in joiners or in
variation selectors, because they look alike. `LabelSet.find` applies these rules to names from outside:
answers on the labelling server, and tables of earlier label sets.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from goldloop.core.errors import LabelError

MAX_LABEL_LENGTH = 100

_FIELD = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",][^,]*|))\s*(,|$)')

_JOINERS = "\u200c\u200d"  # in emoji of several parts, and in scripts such as Persian and Hindi
_TAGS = "".join(map(chr, range(0xE0020, 0xE0080)))  # in the flags of regions
_WITHOUT_LOOKS = set(_JOINERS + _TAGS) | set(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))


def normalised(name: str) -> str:
    """Return `name` in normal form C, as every label is kept."""
    return unicodedata.normalize("NFC", name)


@cache
def _look(name: str) -> str:
    """Return what equal names share."""
    plain = (" " if unicodedata.category(char) == "Zs" else char for char in normalised(name))
    return "".join(char for char in plain if char not in _WITHOUT_LOOKS)


def _is_usable(name: str) -> bool:
    """Return whether `name` has 1 to MAX_LABEL_LENGTH characters that can be shown, and no blank around."""
    look = _look(name)
    return 0 < len(name) <= MAX_LABEL_LENGTH and look != "" and look == look.strip() and look.isprintable()


def parsed_labels(text: str) -> list[str]:
    """Return the labels of `text`, a line of CSV: separated by commas, quoted if they hold a comma.

    >>> parsed_labels('"hat, cap", shoes')
    ['hat, cap', 'shoes']

    Raises:
        LabelError: a quotation mark is not closed.
    """
    labels, place, is_more = [], 0, True
    while is_more:
        field = _FIELD.match(text, place)
        if field is None:
            raise LabelError(
                f"labels {text!r} cannot be split at {text[place:].strip()!r}; put commas between labels and "
                "put a label that holds a comma into double quotes"
            )
        quoted, plain, comma = field.groups()
        labels.append(plain.strip() if quoted is None else quoted.replace('""', '"').strip())
        place, is_more = field.end(), bool(comma)
    return [label for label in labels if label]


def labels_text(names: Iterable[str]) -> str:
    """Return `names` as text that `parsed_labels` reads back.

    >>> print(labels_text(["hat, cap", "shoes"]))
    "hat, cap", shoes
    """
    return ", ".join(_quoted(name) if "," in name or name.startswith('"') else name for name in names)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class LabelSet:
    """At least two distinct, non-empty label names in a fixed order."""

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.names) < 2:
            raise LabelError(
                f"a label set needs at least two labels, got {list(self.names)}; add another label"
            )
        seen: dict[str, str] = {}
        for name in self.names:
            if not _is_usable(normalised(name)):
                raise LabelError(
                    f"label {name!r} is not usable; use 1 to {MAX_LABEL_LENGTH} printable characters "
                    "without leading or trailing blanks"
                )
            if (twin := seen.get(_look(name))) is not None:
                alike = "" if twin == name else f": {name!a} looks like {twin!a}"
                raise LabelError(f"label {name!r} is twice in the label set{alike}; remove one")
            seen[_look(name)] = name
        object.__setattr__(self, "names", tuple(map(normalised, self.names)))

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

    def find(self, name: str) -> str | None:
        """Return the label that is equal to `name` by the rules at the top; None without one."""
        if name in self.names:
            return name
        look = _look(name)
        return next((label for label in self.names if _look(label) == look), None)

    def column(self, name: str) -> int:
        """Return the column of `name` in every `probs`.

        Raises:
            LabelError: `name` is not in the label set.
        """
        try:
            return self.names.index(name)
        except ValueError:
            raise LabelError(f"label {name!r} is not in the label set {list(self.names)}") from None
