"""Samples that the user leaves out of training: named, with a reason, and put back again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from goldloop.consensus.provisional import ProvisionalLabel
from goldloop.core.errors import SettingsError, SourceError
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.loop.ports import LoopPorts
from goldloop.tables.gold_store import Gold, GoldStore
from goldloop.tables.left_out import LeftOut, put_back, read_left_out, save_left_out


def leave_out(ports: LoopPorts, prefix: str, reason: str) -> LeftOut:
    """Leave the gold sample whose id begins with `prefix` out of training, from the next retrain.

    Its label stays in gold.

    Raises:
        SourceError: `prefix` names no gold sample, several, or one that judges models.
        SettingsError: there is no reason.
    """
    if not reason.strip():
        raise SettingsError("a sample is left out for a reason; name it with --reason TEXT")
    named = [one for one in GoldStore(ports.tables.gold).read().records if one.sample_id.startswith(prefix)]
    if len(named) != 1:
        raise SourceError(
            f"{prefix!r} begins the id of {len(named)} gold samples; name one by its sample_id or the "
            "beginning of it, as `goldloop review` shows it"
        )
    (record,) = named
    if record.split is not Split.TRAIN:
        raise SourceError(
            f"sample {record.sample_id[:12]} is in the split {record.split}: it trains no model anyway, and "
            "figures without it would no longer be those of a random draw. Correct its label in Label Studio "
            "if it is wrong"
        )
    entry = LeftOut(record.sample_id, " ".join(reason.split()), ports.clock())
    save_left_out(ports.tables.left_out, entry)
    return entry


def put_in_again(ports: LoopPorts, prefix: str) -> SampleId:
    """Let the sample whose id begins with `prefix` train again; return its id.

    Raises:
        SourceError: `prefix` names no sample that is left out, or several.
    """
    named = [one for one in read_left_out(ports.tables.left_out) if one.startswith(prefix)]
    if len(named) != 1:
        raise SourceError(
            f"{prefix!r} begins the id of {len(named)} samples that are left out; "
            "`goldloop review` lists them"
        )
    put_back(ports.tables.left_out, named[0], at=ports.clock())
    return named[0]


def without_left_out(
    gold: Gold,
    provisional: Sequence[ProvisionalLabel],
    left_out: Collection[SampleId],
    notes: list[str],
) -> tuple[Gold, list[ProvisionalLabel]]:
    """Return the labels without those of train samples that are `left_out`; `notes` tells how many.

    What judges a model is never left out, whatever `left_out` names.
    """
    records = tuple(
        one for one in gold.records if one.split is not Split.TRAIN or one.sample_id not in left_out
    )
    others = [one for one in provisional if one.split is not Split.TRAIN or one.sample_id not in left_out]
    n = len(gold.records) - len(records) + len(provisional) - len(others)
    if n:
        notes.append(f"{n} labelled samples train no model because the user left them out.")
    return replace(gold, records=records), others
