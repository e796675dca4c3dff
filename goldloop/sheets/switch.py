"""The switch: which people and labels get no sheets any more, because too many planted errors were missed.

goldloop looks at every pull, so the evidence must hold at every look. Only planted errors count: their number
does not depend on what the annotator clicks, and they are known when the sheet comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from goldloop.consensus.planted_errors import PlantedError
from goldloop.stats.metrics import Estimate, wilson
from goldloop.stats.sequential import evidence_above

FALSE_SWITCH_OFF = 0.05
"""Largest chance that a person, or a label, at exactly the allowed share of misses ever loses sheets.

`python -m scripts.bench.guarantees --part sheets` measures it.
"""


@dataclass(frozen=True, slots=True)
class SheetSwitch:
    """Who and what gets no sheets any more, and a sentence about each."""

    annotators: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    reasons: tuple[str, ...] = ()

    def allows(self, label: str) -> bool:
        """Whether sheets of `label` are still made."""
        return label not in self.labels


def switched_off(
    planted: Collection[PlantedError], *, max_missed: float, false_switch_off: float = FALSE_SWITCH_OFF
) -> SheetSwitch:
    """Return who and what misses more than `max_missed` of all planted errors, by evidence.

    A person is judged over all labels. A label is judged by the answers of everybody who keeps sheets, so
    that one careless person does not end the sheets of all others. Each is switched off with a chance of at
    most `false_switch_off` where the true share is `max_missed`, however often one looks.

    >>> careless = [PlantedError("7", "dress", is_missed=place < 14) for place in range(40)]
    >>> careful = [PlantedError("8", "dress", is_missed=place < 3) for place in range(40)]
    >>> switched_off([*careless, *careful], max_missed=0.15).reasons
    ('annotator 7 missed 14 of 40 planted errors on sheets: 0.350 [0.22, 0.50], n=40, allowed 15.0%',)
    """
    people, of_people = _broken(planted, lambda error: error.annotator, max_missed, false_switch_off)
    kept = [error for error in planted if error.annotator not in people]
    labels, of_labels = _broken(kept, lambda error: error.label, max_missed, false_switch_off)
    reasons = [f"annotator {name} missed {what}" for name, what in zip(people, of_people, strict=True)]
    reasons += [f"of {name!r} people missed {what}" for name, what in zip(labels, of_labels, strict=True)]
    return SheetSwitch(frozenset(people), frozenset(labels), tuple(reasons))


def _broken(
    planted: Collection[PlantedError],
    of: Callable[[PlantedError], str],
    max_missed: float,
    false_switch_off: float,
) -> tuple[list[str], list[str]]:
    """Return the names for which too many are missed, sorted, and what was seen of each."""
    counts: dict[str, list[int]] = {}
    for error in planted:
        count = counts.setdefault(of(error), [0, 0])
        count[0] += error.is_missed
        count[1] += 1
    names, seen = [], []
    for name, (n_missed, n) in sorted(counts.items()):
        if evidence_above(n_missed, n, max_missed) >= 1 / false_switch_off:
            share = Estimate(n_missed / n, *wilson(n_missed / n, n), n=n)
            names.append(name)
            seen.append(f"{n_missed} of {n} planted errors on sheets: {share}, allowed {max_missed:.1%}")
    return names, seen
