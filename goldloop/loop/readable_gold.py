"""Readable gold: the gold samples whose content can be read; what is missing or damaged is fetched again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from goldloop.core.errors import EmptyPoolError, UnreadableSampleError
from goldloop.core.ports import ContentStore
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.labeling.kept_content import keep_samples
from goldloop.loop.ports import LoopPorts
from goldloop.tables.gold_store import Gold


class Labelled(Protocol):
    """A sample with a label."""

    @property
    def sample_id(self) -> SampleId:
        """The sample."""

    @property
    def split(self) -> Split:
        """The split that it belongs to."""


AnyLabelled = TypeVar("AnyLabelled", bound=Labelled)


def readable_gold(ports: LoopPorts, gold: Gold, notes: list[str], *, check: Callable[[Gold], None]) -> Gold:
    """Return `gold` without the samples that cannot be read; `notes` gets sentences about them.

    Raises:
        EmptyPoolError: the others do not pass `check`; the message says also what was left out.
    """
    told: list[str] = []
    gold = replace(gold, records=readable_records(ports, gold.records, told))
    notes += told
    try:
        check(gold)
    except EmptyPoolError as error:
        raise EmptyPoolError(" ".join([str(error), *told])) from error
    return gold


def readable_records(
    ports: LoopPorts, records: Sequence[AnyLabelled], notes: list[str], *, what: str = "gold samples"
) -> tuple[AnyLabelled, ...]:
    """Return the records whose samples can be read, those of withheld samples included.

    A sample that cannot is fetched again from where its bytes were seen; one that is nowhere, or no longer
    decodes, is left out. `notes` gets a sentence about either, in which the samples are called `what`.
    """
    store = ports.training_samples()
    used = [record.sample_id for record in records if record.split is not Split.WITHHELD]
    failed = [sample_id for sample_id in used if _why_unreadable(store, sample_id)]
    if not failed:
        return tuple(records)
    lost = keep_samples(ports.tables, store, failed).lost
    left_out = {sample_id: lost.get(sample_id) or _why_unreadable(store, sample_id) for sample_id in failed}
    left_out = {sample_id: why for sample_id, why in left_out.items() if why}
    if len(failed) > len(left_out):
        notes.append(
            f"{len(failed) - len(left_out)} {what} were missing or damaged in the workspace and were "
            "fetched again from where they arrived."
        )
    if left_out:
        sample_id, why = next(iter(left_out.items()))
        notes.append(
            f"{len(left_out)} of {len(used)} {what} are left out because their content cannot be read, "
            f"the first is {sample_id[:12]}: {why}. Their labels are kept."
        )
    return tuple(record for record in records if record.sample_id not in left_out)


def _why_unreadable(store: ContentStore, sample_id: SampleId) -> str:
    """Return why a sample cannot be loaded; nothing where it can."""
    try:
        store.load(sample_id)
    except UnreadableSampleError as error:
        return str(error)
    return ""
