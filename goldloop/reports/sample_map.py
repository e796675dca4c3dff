"""The map of a page: every sample, or a random draw, as a point beside those that are like it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from goldloop.core.chance import permanent_random
from goldloop.core.labels import LabelSet
from goldloop.core.predictions import Prediction
from goldloop.core.probs import stored_probs
from goldloop.core.samples import SampleId
from goldloop.loop.ports import LoopPorts
from goldloop.reports.projection import Rows, projected
from goldloop.reports.sample_facts import file_name
from goldloop.reports.section import MapPoint, Section
from goldloop.selection.first_samples import reduced
from goldloop.tables.batches import read_samples
from goldloop.tables.predictions import read_drawn_predictions

TITLE = "Map of the samples"
MOST_POINTS = 5000
"""A page shows at most this many drawn samples; they take 0.5 MB, and 8 s to place."""

NOTHING = "There is nothing to map yet: no sample has features, and no model has scored one."


@dataclass(frozen=True, slots=True)
class _Placed:
    """Samples, a point (n, 2) in [0, 1] for each, by what, and the sentence that says how."""

    sample_ids: Sequence[SampleId]
    points: Rows
    what: str
    how: str


def map_section(
    ports: LoopPorts,
    gold: Mapping[SampleId, str],
    *,
    mistakes: Collection[SampleId],
    shown: Collection[SampleId],
) -> Section:
    """Return the map with `gold` labels and `mistakes` marked; it also holds the samples that are `shown`."""
    also = {*mistakes, *shown}
    predictions, n_all = read_drawn_predictions(ports.tables, MOST_POINTS, also=also)
    placed = _placed(ports, predictions)
    if not placed.sample_ids:
        return Section(TITLE, prose=(NOTHING,))
    places = read_samples(ports.tables, placed.sample_ids)
    on_map = [
        MapPoint(
            x=float(x),
            y=float(y),
            name=file_name(places[sample_id].uri) if sample_id in places else f"sample {sample_id[:12]}",
            lane=str(predictions[sample_id].lane),
            label=predictions[sample_id].label,
            confidence=predictions[sample_id].confidence,
            model_version=predictions[sample_id].model_version,
            gold=gold.get(sample_id),
            is_mistake=sample_id in mistakes,
            sample_id=sample_id if sample_id in shown else None,
        )
        for sample_id, (x, y) in zip(placed.sample_ids, placed.points.tolist(), strict=True)
    ]
    words = _words(len(on_map), n_all, len(predictions), placed.what)
    return Section(TITLE, prose=(words, placed.how), map=on_map)


def _words(n: int, n_all: int, n_drawn: int, what: str) -> str:
    if n == n_all:
        return f"All {n:,} scored samples."
    missing = f" {n_drawn - n:,} have no {what} and are left out." if n < n_drawn else ""
    if n_drawn == n_all:
        return f"{n:,} of {n_all:,} scored samples.{missing}"
    return (
        f"{n:,} of {n_all:,} scored samples: a random draw of at most {MOST_POINTS:,}, the mistakes, and the "
        f"samples shown below.{missing}"
    )


def _placed(ports: LoopPorts, predictions: Mapping[SampleId, Prediction]) -> _Placed:
    """Place samples by the features of the preset if at least half have some, else by probabilities."""
    preset, seed = ports.settings.model.preset, ports.settings.selection.seed
    features = ports.modality.for_preset(preset).features(predictions)
    if 2 * len(features) >= len(predictions) > 0:
        rows = reduced(np.stack(list(features.values()))).astype(np.float64)
        how = (
            f"Samples whose features ({preset}) are alike lie beside each other (t-SNE). How far apart "
            "groups lie says little."
        )
        return _Placed(list(features), projected(rows, seed=seed), "features", how)
    return _placed_by_probs(predictions, ports.settings.label_set, seed)


def _placed_by_probs(predictions: Mapping[SampleId, Prediction], labels: LabelSet, seed: int) -> _Placed:
    """Place samples by their probabilities; with two labels a line would do, so chance spreads it."""
    what = "probabilities"
    known = [prediction for prediction in predictions.values() if prediction.probs is not None]
    sample_ids = [prediction.sample_id for prediction in known]
    stored = [prediction.probs or () for prediction in known]
    probs = stored_probs(stored, [prediction.label_names for prediction in known], labels)
    if len(labels) > 2:
        how = "Samples to which the model gives like probabilities lie beside each other (t-SNE)."
        return _Placed(sample_ids, projected(np.sqrt(probs), seed=seed), what, how)
    heights = [permanent_random(sample_id, seed, "map") for sample_id in sample_ids]
    how = (
        f"From left to right: the probability of {labels[1]}. The height is chance, so that points do not "
        "cover each other."
    )
    return _Placed(sample_ids, np.column_stack([probs[:, 1], heights]), what, how)
