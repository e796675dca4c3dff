"""Leaks: no near-duplicates, and no samples of one entity, may both train models and judge them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from goldloop.core.errors import HoldoutLeakError
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split


class Placed(Protocol):
    """A labelled sample in its split, with its near-duplicates and whom or what it belongs to."""

    @property
    def sample_id(self) -> SampleId:
        """The sample."""

    @property
    def group(self) -> str:
        """What near-duplicates share."""

    @property
    def entity(self) -> str | None:
        """Whom or what the sample belongs to, if that is known."""

    @property
    def split(self) -> Split:
        """The split that it belongs to."""


def check_no_leak(samples: Sequence[Placed]) -> None:
    """Check that no near-duplicate group and no entity of `samples` both trains and judges.

    Validation judges too. The samples of one entity that judge are all in one split: a model may learn from
    validation.

    Raises:
        HoldoutLeakError: names the first samples that leak.
    """
    _check(samples, lambda one: one.group, "near-duplicate groups", side_of=_SIDES.get)
    _check(samples, lambda one: one.entity, "authors, threads or other entities", side_of=_ENTITY_SIDES.get)


_SIDES = {Split.TRAIN: "train", Split.VALIDATION: "judging", Split.HOLDOUT: "judging"}
_ENTITY_SIDES = {Split.TRAIN: "train", Split.VALIDATION: "validation", Split.HOLDOUT: "holdout"}


def _check(
    samples: Sequence[Placed],
    key_of: Callable[[Placed], str | None],
    what: str,
    *,
    side_of: Callable[[Split], str | None],
) -> None:
    first: dict[str, tuple[str, SampleId]] = {}
    leaks: dict[str, str] = {}
    for one in samples:
        key, side = key_of(one), side_of(one.split)
        if key is None or side is None:
            continue
        other, sample_id = first.setdefault(key, (side, one.sample_id))
        if side != other:
            leaks.setdefault(key, f"{other} sample {sample_id} and {side} sample {one.sample_id}")
    if leaks:
        raise HoldoutLeakError(
            f"{len(leaks)} {what} are in train and in validation or holdout, or in both of these, the first "
            f"with {leaks[min(leaks)]}. This gold version cannot be trained on. Run `goldloop pull`, which "
            "derives gold again from the answers; if the error stays, report it with the output of "
            "`goldloop gold show`."
        )
