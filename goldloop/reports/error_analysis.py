"""Error analysis: galleries of mistakes, of the least sure machine labels, of disputes and label errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from goldloop.audit.audited import Audited
from goldloop.consensus.next_step import Step
from goldloop.consensus.outcomes import SampleOutcome
from goldloop.core.labels import LabelSet
from goldloop.core.predictions import Prediction
from goldloop.core.samples import SampleId
from goldloop.gold.records import GoldRecord
from goldloop.loop.relabel import Relabel
from goldloop.reports.formatting import percent
from goldloop.reports.gallery import Gallery, Pick
from goldloop.reports.sample_facts import Opinion

_STATES = {
    Step.NOTHING: "settled",
    Step.WAIT: "waits for answers",
    Step.ASK: "gets one more answer",
    Step.ADJUDICATE: "waits for an adjudicator",
}


def mistakes_gallery(models: Mapping[str, Audited], labels: LabelSet) -> Gallery:
    """Return the holdout samples on which one of `models`, by name, is wrong.

    Those on which the first is wrong come first; within a model the surest mistake comes first.
    """
    opinions: dict[SampleId, list[Opinion]] = {}
    wrong: dict[SampleId, tuple[int, float, SampleId, Pick]] = {}
    counts = []
    for number, (who, judged) in enumerate(models.items()):
        predicted = judged.probs.argmax(axis=1)
        is_wrong = predicted != judged.truth
        counts.append(f"{who} on {int(is_wrong.sum()):,} of {len(judged):,}")
        for row, sample_id in enumerate(judged.sample_ids):
            opinions.setdefault(sample_id, []).append(Opinion(who.partition(" (")[0], judged.probs[row]))
            if is_wrong[row] and sample_id not in wrong:
                headline = f"{labels[predicted[row]]} (gold: {labels[judged.truth[row]]})"
                why = [f"only {who} is wrong"] if number else []
                confidence = float(judged.probs[row].max())
                pick = Pick(sample_id, headline, why, opinions[sample_id])
                wrong[sample_id] = (number, -confidence, sample_id, pick)
    return Gallery(
        "Mistakes on the holdout",
        [pick for *_, pick in sorted(wrong.values(), key=lambda ranked: ranked[:3])],
        words=f"Wrong: {'; '.join(counts)} samples. No model was trained on them. The surest mistakes come "
        "first.",
        nothing="No model has made a mistake on the holdout."
        if counts
        else "The newest round judged no model.",
    )


def mistaken(judged: Audited) -> set[SampleId]:
    """Return the samples on which the model is wrong."""
    is_wrong = judged.probs.argmax(axis=1) != judged.truth
    return {judged.sample_ids[row] for row in np.flatnonzero(is_wrong).tolist()}


def least_sure_gallery(predictions: Sequence[Prediction], n: int) -> Gallery:
    """Return the first of `n` samples whose label the machine alone accepted, the least sure first."""
    return Gallery(
        "Accepted by the machine, least sure first",
        [
            Pick(
                prediction.sample_id, str(prediction.label), [f"confidence {percent(prediction.confidence)}"]
            )
            for prediction in predictions
            if prediction.label is not None and prediction.confidence is not None
        ],
        words=f"{n:,} samples in the lane auto have no gold label: only the machine has labelled them.",
        nothing="The lane auto holds no sample without a gold label.",
        n=n,
    )


def disputes_gallery(outcomes: Sequence[SampleOutcome]) -> Gallery:
    """Return the samples to which annotators gave different labels, open ones first, the least sure first."""
    disputed = [outcome for outcome in outcomes if len(set(outcome.evidence.voted.votes.values())) > 1]

    def interest(outcome: SampleOutcome) -> tuple[bool, float, SampleId]:
        surest = max(outcome.consensus.posterior.values(), default=0.0)
        return outcome.gold_label is not None, surest, outcome.evidence.sample_id

    n_open = sum(outcome.gold_label is None for outcome in disputed)
    return Gallery(
        "What annotators disagree about",
        [
            Pick(outcome.evidence.sample_id, outcome.gold_label or "open", [_STATES[outcome.step]])
            for outcome in sorted(disputed, key=interest)
        ],
        words=f"Annotators gave different labels to {len(disputed):,} samples; {n_open:,} of these are open.",
        nothing="No two annotators have given a sample different labels.",
    )


def label_error_gallery(relabels: Sequence[Relabel]) -> Gallery:
    """Return the gold labels in doubt, the least likely label first."""
    return Gallery(
        "Gold labels in doubt",
        [
            Pick(
                relabel.issue.sample_id,
                relabel.issue.label,
                [
                    f"probability {percent(relabel.issue.self_confidence, 0)}",
                    f"more likely: {relabel.issue.suggested_label}",
                    relabel.state,
                ],
                is_marked=relabel.state.startswith("corrected"),
            )
            for relabel in relabels
        ],
        words=f"Models that never saw the sample find {len(relabels):,} labels unlikely, the least likely "
        "first. A thick frame marks those that annotators corrected after a blind second look.",
        nothing="No gold label is in doubt; `goldloop label-errors` searches for label errors.",
    )


def gold_gallery(records: Sequence[GoldRecord]) -> Gallery:
    """Return gold records: disagreements first, then corrections of the model, then the newest."""

    def is_corrected(record: GoldRecord) -> bool:
        return record.suggested_label not in (None, record.label)

    def interest(record: GoldRecord) -> tuple[bool, bool, float]:
        return (len(record.votes) < 2, not is_corrected(record), -record.labelled_at.timestamp())

    return Gallery(
        "What annotators labelled",
        [
            Pick(
                record.sample_id,
                record.label,
                [
                    f"suggested {record.suggested_label}" if record.suggested_label else "blind",
                    f"lane {record.lane}",
                ],
                is_marked=is_corrected(record),
            )
            for record in sorted(records, key=interest)
        ],
        words=f"{len(records):,} gold samples. A thick frame marks a suggestion that annotators corrected.",
        nothing="Annotators have labelled nothing yet.",
    )
