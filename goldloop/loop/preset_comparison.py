"""The comparison of presets: how well each candidate does on the first labels, once, and what to do then.

goldloop changes no preset by itself: a model of another preset is a challenger that the gate has to approve.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goldloop.core.chance import permanent_random
from goldloop.core.errors import ModelError, UnreadableSampleError
from goldloop.core.presets import AUTO, CANDIDATES, PresetChoice, PresetComparison
from goldloop.core.samples import Decoded, SampleId
from goldloop.core.scratch import scratch_folder
from goldloop.core.splits import Split
from goldloop.gold.records import GoldRecord
from goldloop.loop.cross_validation import cross_validate
from goldloop.loop.ports import LoopPorts
from goldloop.stats.comparison import paired_difference
from goldloop.tables.gold_store import GoldStore

LEAST_LABELS = 100
"""Train samples from which presets are compared; below, an interval hardly ever excludes 0."""

MOST_LABELS = 300
"""Train samples that take part; `tiny` learns from two thirds of them three times, in half a minute."""

N_FOLDS = 3


def compare_presets(ports: LoopPorts, notes: list[str]) -> None:
    """Compare the preset that goldloop chose with the other candidate, once there are enough labels.

    A sentence with what to do is added to `notes` where the other is better by evidence, or cannot be had.
    """
    choice = ports.preset_record.read()
    if ports.configured.model.preset != AUTO or choice is None or ports.preset_record.read_comparison():
        return
    records = _drawn(GoldStore(ports.tables.gold).records(), ports.settings.selection.seed)
    try:
        comparison = _compared(ports, records, choice)
    except ModelError as error:
        notes.append(f"The presets were not compared: {error}")
        return
    if comparison is not None:
        ports.preset_record.save_comparison(comparison)
        notes += [comparison.advice] if comparison.is_clear else []


def _drawn(records: Sequence[GoldRecord], seed: int) -> list[GoldRecord]:
    """Return a random draw of the train samples whose label several of them have."""
    train = [record for record in records if record.split is Split.TRAIN]
    drawn = sorted(train, key=lambda record: permanent_random(record.sample_id, seed, "presets"))[
        :MOST_LABELS
    ]
    n = Counter(record.label for record in drawn)
    return [record for record in drawn if n[record.label] >= N_FOLDS]


def _compared(
    ports: LoopPorts, records: Sequence[GoldRecord], choice: PresetChoice
) -> PresetComparison | None:
    """Return the comparison on `records` that can be read; None where they are too few."""
    (other,) = set(CANDIDATES) - {choice.preset}
    decoded: dict[str, dict[SampleId, Decoded]] = {}
    for preset in (choice.preset, other):
        if _are_enough(records):
            decoded[preset] = _decoded(ports, records, preset)
            records = [record for record in records if record.sample_id in decoded[preset]]
    if not _are_enough(records):
        return None
    chosen_right, other_right = (_is_right(ports, records, preset, decoded[preset]) for preset in decoded)
    difference = paired_difference(other_right, chosen_right)
    return PresetComparison(
        choice.preset, other, len(records), difference.value, difference.low, difference.high
    )


def _are_enough(records: Sequence[GoldRecord]) -> bool:
    n_groups, n_labels = (
        len({record.cluster for record in records}),
        len({record.label for record in records}),
    )
    return min(len(records), n_groups) >= LEAST_LABELS and n_labels >= 2


def _decoded(ports: LoopPorts, records: Sequence[GoldRecord], preset: str) -> dict[SampleId, Decoded]:
    """Return the samples of `records` that can be read, as models of `preset` take them."""
    store, decoded = ports.training_samples(preset), {}
    for record in records:
        try:
            decoded[record.sample_id] = store.load(record.sample_id)
        except UnreadableSampleError:
            continue
    return decoded


def _is_right(
    ports: LoopPorts, records: Sequence[GoldRecord], preset: str, decoded: dict[SampleId, Decoded]
) -> npt.NDArray[np.bool_]:
    """Return whether models of `preset` that never saw a sample label it as gold does, (n,)."""
    labels = ports.settings.label_set
    with scratch_folder("presets") as scratch:
        probs = cross_validate(
            records,
            labels=labels,
            trainer=ports.trainer(preset),
            load=decoded.__getitem__,
            scratch=scratch,
            n_folds=N_FOLDS,
            seed=ports.settings.selection.seed,
        )
    columns = np.array([labels.column(record.label) for record in records], dtype=np.intp)
    return np.asarray(probs.argmax(axis=1) == columns)
