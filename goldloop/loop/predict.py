"""Predict: what the champion says of samples that do not become part of the workspace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np

from goldloop.core.errors import ModelError
from goldloop.core.labels import LabelSet
from goldloop.core.ports import Reader, Scorer
from goldloop.core.probs import Probs, checked_probs, likeliest, over_labels, restored
from goldloop.core.samples import Arrival
from goldloop.loop.champion import champion_model, modality_for
from goldloop.loop.ports import LoopPorts
from goldloop.scoring.writer import MINIBATCH


@dataclass(frozen=True, slots=True)
class SamplePrediction:
    """The label that is likeliest for a file or row, and the calibrated probability of each label.

    `problem` says why a file or row could not be read; then there is no label.
    """

    uri: str
    label: str | None = None
    confidence: float | None = None
    probabilities: Mapping[str, float] | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Predictions:
    """The predictions of one model for a source, in its order; they are made while they are read."""

    model_version: str
    labels: LabelSet
    of_samples: Iterator[SamplePrediction]


def predict(ports: LoopPorts, sources: Sequence[str]) -> Predictions:
    """Return what the champion says of each file or row of `sources`; nothing is recorded in the workspace.

    Probabilities are those that `goldloop score` records: of the labels of the workspace, 0 for one that the
    champion has not learnt.

    Raises:
        ModelError: there is no champion, or its files were changed.
        SourceError: there is nothing at one of `sources`; raised by this call.
    """
    model = champion_model(ports)
    if model.scorer is None:
        raise ModelError(
            "this workspace has no champion yet; label samples, then run `goldloop retrain` to train one"
        )
    modality = modality_for(ports, model)
    parts = [_arrivals(modality.reader, modality.kind, source) for source in sources]
    labels = model.labels or model.scorer.labels
    return Predictions(model.version, labels, _predicted(model.scorer, labels, chain(*parts)))


def _arrivals(reader: Reader, kind: str, source: str) -> Iterator[Arrival]:
    """Yield every sample of `source`, of which none is kept."""
    return reader.arrivals(source, is_known=lambda _: False) if kind == "image" else reader.cases(source)


def _predicted(scorer: Scorer, labels: LabelSet, arrivals: Iterable[Arrival]) -> Iterator[SamplePrediction]:
    waiting = iter(arrivals)
    while batch := list(islice(waiting, MINIBATCH)):
        payloads = [arrival.decoded.payload for arrival in batch if arrival.decoded is not None]
        probs, row = _probs(scorer, labels, payloads), 0
        for arrival in batch:
            if arrival.decoded is None:
                yield SamplePrediction(arrival.file.uri, problem=arrival.detail or str(arrival.reason))
            else:
                yield _prediction(arrival.file.uri, labels, probs[row : row + 1])
                row += 1


def _probs(scorer: Scorer, labels: LabelSet, payloads: Sequence[Any]) -> Probs:
    if not payloads:
        return np.empty((0, len(labels)))
    given = checked_probs(scorer(payloads).probs, scorer.labels)
    return restored(over_labels(given, scorer.labels.names, labels))


def _prediction(uri: str, labels: LabelSet, probs: Probs) -> SamplePrediction:
    by_label = dict(zip(labels.names, probs[0].tolist(), strict=True))
    label = labels[int(likeliest(probs)[0])]
    return SamplePrediction(uri, label, by_label[label], by_label)
