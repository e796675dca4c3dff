"""The hints that steer the choice of the open round, with the features of the present preset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.modality import Modality
from goldloop.core.samples import SampleId
from goldloop.core.table_ports import Table
from goldloop.gold.records import GoldRecord
from goldloop.selection.hints import RARE_BELOW, LabelHints
from goldloop.settings import Settings
from goldloop.settings.kinds import FEATURE_PRESETS
from goldloop.tables.hints import read_hints


def gold_counts(records: Iterable[GoldRecord]) -> Counter[str]:
    """Return the number of gold samples of each label."""
    return Counter(record.label for record in records)


def steering_hints(
    table: Table, records: Iterable[GoldRecord], settings: Settings, samples: Modality
) -> list[LabelHints]:
    """Return the hints of labels that are rare in gold, in label-set order; none where no features are kept.

    `samples` are as the models of the preset take them. The kept files of hints give the features that a
    change of the preset lacks; a hint whose file is lost steers no more.
    """
    if settings.model.preset not in FEATURE_PRESETS:
        return []
    counts, by_label = gold_counts(records), dict[str, list[SampleId]]()
    for hint in read_hints(table):
        by_label.setdefault(hint.label, []).append(hint.sample_id)
    found = []
    for label in settings.labels:
        if label in by_label and counts[label] < RARE_BELOW:
            rows = [row for one in by_label[label] if (row := _features(samples, one)) is not None]
            if rows:
                found.append(LabelHints(label, np.stack(rows), counts[label]))
    return found


def _features(samples: Modality, sample_id: SampleId) -> npt.NDArray[np.float16] | None:
    try:
        samples.store.load(sample_id)  # computes and keeps what is missing
    except UnreadableSampleError:
        return None
    return samples.features([sample_id]).get(sample_id)
