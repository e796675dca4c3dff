"""What the page says of a sample: its file, its labels by gold and people, and what models say of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.consensus.next_step import answers_shown
from goldloop.consensus.outcomes import SampleOutcome
from goldloop.core.labels import LabelSet
from goldloop.core.predictions import Prediction
from goldloop.core.probs import stored_probs
from goldloop.core.samples import SampleId, file_of
from goldloop.core.table_ports import Tables
from goldloop.gold.records import GoldRecord
from goldloop.reports.formatting import shortened
from goldloop.reports.section import TopLabels
from goldloop.tables.batches import read_places
from goldloop.tables.predictions import read_predictions

N_LIKELIEST = 3
LONGEST_NAME = 60  # characters of a file's name


@dataclass(frozen=True, slots=True)
class Opinion:
    """The probabilities (n_labels,) that a model gives a sample, in label-set order; `who` names it."""

    who: str
    probs: npt.NDArray[np.float64]

    def likeliest(self, labels: LabelSet, right: str | None) -> TopLabels:
        """Return the likeliest labels; `right` is the gold label, None where it is not known."""
        order = np.argsort(-self.probs, kind="stable")[:N_LIKELIEST].tolist()
        return TopLabels(self.who, {labels[column]: float(self.probs[column]) for column in order}, right)


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """What the tables know of the samples that a page shows; what is missing is not known.

    `places` holds the addresses at which the content of a sample was seen, the newest first.
    """

    labels: LabelSet
    places: Mapping[SampleId, Sequence[str]]
    gold: Mapping[SampleId, GoldRecord]
    outcomes: Mapping[SampleId, SampleOutcome]
    predictions: Mapping[SampleId, Prediction]

    def uris(self, sample_id: SampleId) -> Sequence[str]:
        """Return where the content may be read if it is not kept."""
        return self.places.get(sample_id, ())

    def file_name(self, sample_id: SampleId) -> str:
        """Return the name of the file, without its folders, or of the row in it; else the sample's id."""
        uris = self.uris(sample_id)
        return file_name(uris[0]) if uris else f"sample {sample_id[:12]}"

    def lines(self, sample_id: SampleId) -> list[str]:
        """Return what gold and annotators say of the sample, in one line; nothing where they say nothing."""
        gold, answers = self.gold.get(sample_id), self._answers(sample_id)
        parts = [*([f"gold {gold.label}"] if gold else []), *([f"answers {answers}"] if answers else [])]
        return ["; ".join(parts)] if parts else []

    def opinions(self, sample_id: SampleId, opinions: Sequence[Opinion] = ()) -> list[TopLabels]:
        """Return the likeliest labels by `opinions`, or else by the newest prediction."""
        gold, prediction = self.gold.get(sample_id), self.predictions.get(sample_id)
        if not opinions and prediction is not None:
            opinions = opinions_of([prediction], self.labels)
        return [opinion.likeliest(self.labels, gold.label if gold else None) for opinion in opinions]

    def _answers(self, sample_id: SampleId) -> str:
        outcome, gold = self.outcomes.get(sample_id), self.gold.get(sample_id)
        if outcome is None:
            return _counted(gold.votes) if gold else ""
        evidence = outcome.evidence
        parts = [_counted(answers_shown(evidence.votes))] if evidence.votes else []
        parts += [f"{len(evidence.skips)} skipped"] if evidence.skips else []
        parts += [f"adjudicator {evidence.decision.label}"] if evidence.decision else []
        return ", ".join(parts)


def _counted(votes: Mapping[str, int]) -> str:
    return ", ".join(f"{label} ×{n}" for label, n in votes.items())


def opinions_of(predictions: Sequence[Prediction], labels: LabelSet) -> list[Opinion]:
    """Return what each prediction says of its sample; those from before the first model are left out."""
    known = [prediction for prediction in predictions if prediction.probs is not None]
    stored = [prediction.probs or () for prediction in known]
    probs = stored_probs(stored, [prediction.label_names for prediction in known], labels)
    return [
        Opinion(f"model {prediction.model_version}", row)
        for prediction, row in zip(known, probs, strict=True)
    ]


def file_name(uri: str) -> str:
    """Return the name of the file at `uri`, with what stands for a row of it, in a bounded length.

    >>> file_name("s3://shop/2026/hat.jpg"), file_name("/data/posts.csv#id=a/7")
    ('hat.jpg', 'posts.csv#id=a/7')
    """
    file = file_of(uri)
    return shortened(file.rsplit("/", 1)[-1] + uri[len(file) :], LONGEST_NAME)


def read_facts(
    tables: Tables,
    sample_ids: Collection[SampleId],
    *,
    labels: LabelSet,
    gold: Iterable[GoldRecord],
    outcomes: Iterable[SampleOutcome],
) -> SampleFacts:
    """Return what is known of `sample_ids`; places and predictions are read once for all of them."""
    wanted = set(sample_ids)
    return SampleFacts(
        labels=labels,
        places={
            sample_id: [place.uri for place in places]
            for sample_id, places in read_places(tables, wanted).items()
        },
        gold={record.sample_id: record for record in gold if record.sample_id in wanted},
        outcomes={
            outcome.evidence.sample_id: outcome
            for outcome in outcomes
            if outcome.evidence.sample_id in wanted
        },
        predictions=read_predictions(tables, wanted),
    )
