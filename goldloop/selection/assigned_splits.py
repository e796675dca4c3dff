"""Assigned splits: the near-duplicate groups and the splits of all tasks planned so far, and of the next."""

from __future__ import annotations

from collections.abc import Iterable

from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.reported_outcomes import Placement
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split, split_beside
from goldloop.gold.near_duplicates import Groups


class AssignedSplits:
    """The splits that near-duplicate groups and entities have; a task keeps its split for good.

    A group or an entity has the first split that one of its samples got. Withheld samples neither train nor
    judge, so they decide nothing: an audit may judge beside one.
    """

    def __init__(self, plans: Iterable[PlannedTask | Placement], *, max_distance: int) -> None:
        """Start from planned tasks and the placements of samples that nobody was asked about.

        Fingerprints of near-duplicates differ in at most `max_distance` bits.
        """
        leaders: dict[str, str | None] = {}
        self._of_group: dict[str, Split] = {}
        self._of_entity: dict[str, Split] = {}
        for plan in plans:
            leaders.setdefault(plan.group, plan.fingerprint)
            self._note(plan.group, plan.entity, plan.split)
        self._groups = Groups(leaders.items(), max_distance=max_distance)

    def _note(self, group: str, entity: str | None, split: Split) -> None:
        if split is Split.WITHHELD:
            return
        self._of_group.setdefault(group, split)
        if entity is not None:
            self._of_entity.setdefault(entity, split)

    def join(self, sample_id: SampleId, fingerprint: str | None) -> str:
        """Return the near-duplicate group of a sample."""
        return self._groups.join(sample_id, fingerprint)

    def assign(self, group: str, entity: str | None, wanted: Split) -> Split:
        """Return the split of a sample of `group` and `entity` that should have the split `wanted`.

        A sample whose near-duplicates and entity do not agree on a split is withheld.
        """
        split = split_beside(wanted, self._of_group.get(group))
        if entity is not None and (split is not wanted or self._of_entity.get(entity, split) is not split):
            split = Split.WITHHELD
        self._note(group, entity, split)
        return split
