"""Near-duplicates: groups of samples that share a split.

`goldloop.core.splits.split_beside` withholds a train sample whose near-duplicate judges.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from goldloop.core.modality import MAX_FINGERPRINT_DISTANCE
from goldloop.core.samples import SampleId


class Groups:
    """Near-duplicate groups, each led by the first sample that had no near-duplicate before it.

    Two samples are near-duplicates when their 64-bit fingerprints differ in at most `max_distance` bits,
    which each kind of samples has measured. A sample without a fingerprint is its own group, and so is one in
    whose fingerprint no bit is set, which older workspaces stored for every picture of one colour.
    """

    def __init__(
        self,
        leaders: Iterable[tuple[str, str | None]] = (),
        *,
        max_distance: int = MAX_FINGERPRINT_DISTANCE,
    ) -> None:
        """Start from known (group, fingerprint) pairs."""
        self._max_distance = max_distance
        self._groups: list[str] = []
        self._numbers: npt.NDArray[np.uint64] = np.zeros(1024, dtype=np.uint64)  # with room for more
        for group, fingerprint in leaders:
            self._add(group, fingerprint)

    @property
    def _fingerprints(self) -> npt.NDArray[np.uint64]:
        """The fingerprints of the leaders, in the order of `_groups`."""
        return self._numbers[: len(self._groups)]

    def _add(self, group: str, fingerprint: str | None) -> None:
        if fingerprint is None:
            return
        if len(self._groups) == len(self._numbers):
            self._numbers = np.concatenate([self._numbers, np.zeros_like(self._numbers)])
        self._numbers[len(self._groups)] = int(fingerprint, 16)
        self._groups.append(group)

    def join(self, sample_id: SampleId, fingerprint: str | None) -> str:
        """Return the group of a sample: that of the nearest leader, or a new one it leads itself."""
        if fingerprint is not None and int(fingerprint, 16) and len(self._groups):
            distance = np.bitwise_count(self._fingerprints ^ np.uint64(int(fingerprint, 16)))
            nearest = int(distance.argmin())
            if distance[nearest] <= self._max_distance:
                return self._groups[nearest]
        group = sample_id[:16]
        self._add(group, fingerprint)
        return group
