"""Readable gold: the labelled samples whose content can be read; what is missing is fetched again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from goldloop.consensus.provisional import ProvisionalLabel
from goldloop.core.errors import EmptyPoolError, UnreadableSampleError
from goldloop.core.ports import ContentStore
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.gold.enough import Labelled
from goldloop.gold.records import GoldRecord
from goldloop.labeling.kept_content import keep_samples
from goldloop.loop.ports import LoopPorts
from goldloop.tables.gold_store import Gold

AnyLabelled = TypeVar("AnyLabelled", bound=Labelled)


def readable_gold(
    ports: LoopPorts,
    gold: Gold,
    provisional: Sequence[ProvisionalLabel],
    notes: list[str],
    *,
    check: Callable[[int, Sequence[Labelled]], None],
) -> tuple[Gold, list[ProvisionalLabel]]:
    """Return `gold` and `provisional` without the samples that cannot be read; `notes` tells of these.

    `check` gets the number of the gold version and the labelled samples.

    Raises:
        EmptyPoolError: the others do not pass `check`; the message says also what was left out.
    """
    told: list[str] = []
    labelled: list[GoldRecord | ProvisionalLabel] = [*gold.records, *provisional]
    readable = readable_records(ports, labelled, told)
    notes += told
    try:
        check(gold.version.version, readable)
    except EmptyPoolError as error:
        raise EmptyPoolError(" ".join([str(error), *told])) from error
    records = tuple(one for one in readable if isinstance(one, GoldRecord))
    return replace(gold, records=records), [one for one in readable if isinstance(one, ProvisionalLabel)]


def readable_records(
    ports: LoopPorts, records: Sequence[AnyLabelled], notes: list[str]
) -> tuple[AnyLabelled, ...]:
    """Return the records whose samples can be read, those of withheld samples included.

    A sample that cannot is fetched again from where its bytes were seen; one that is nowhere, or no longer
    decodes, is left out. `notes` gets a sentence about either.
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
            f"{len(failed) - len(left_out)} labelled samples were missing or damaged in the workspace and "
            "were fetched again from where they arrived."
        )
    if left_out:
        sample_id, why = next(iter(left_out.items()))
        notes.append(
            f"{len(left_out)} of {len(used)} labelled samples are left out because their content cannot be "
            f"read, the first is {sample_id[:12]}: {why}. Their labels are kept."
        )
    return tuple(record for record in records if record.sample_id not in left_out)


def _why_unreadable(store: ContentStore, sample_id: SampleId) -> str:
    """Return why a sample cannot be loaded; nothing where it can."""
    try:
        store.load(sample_id)
    except UnreadableSampleError as error:
        return str(error)
    return ""
