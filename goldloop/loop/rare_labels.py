"""Rare labels: where the holdout has too few samples of a guarded label, new train samples judge beside it.

A young workspace has few frauds among its audits, and the gate on losses must not promote a model that never
finds one. What people or outcomes called fraud since the champion was trained is new to the champion. The
challenger has learnt from it; models trained as it was, each without a part of these samples and of what
belongs to them, speak in its place [stone1974].
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from goldloop.consensus.provisional import ProvisionalLabel
from goldloop.core.errors import EmptyPoolError, GoldVersionError
from goldloop.core.ports import Scorer
from goldloop.core.probs import Probs
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose, split_key
from goldloop.gold.records import GoldRecord
from goldloop.loop.challenger import fit, of_split
from goldloop.loop.policy import consequences_for_gate
from goldloop.loop.ports import LoopPorts
from goldloop.tables.answers import read_annotations
from goldloop.tables.gold_store import Gold, GoldStore
from goldloop.training.evaluate import LossEvidence, caught_difference, score_records
from goldloop.training.loss_gate import guarded_labels
from goldloop.training.model_history import ModelHistory

N_PARTS = 3
"""Models that are trained, each without a third of the new samples; more take longer."""


def loss_evidence(
    ports: LoopPorts,
    gold: Gold,
    provisional: Sequence[ProvisionalLabel],
    history: ModelHistory,
    *,
    champion: Scorer | None,
    scratch: Path,
) -> LossEvidence | None:
    """Return what the gate on losses judges by; None where it judges accuracy.

    `gold` and `provisional` are what the challenger was trained on, `scratch` is a folder for models.
    """
    judge = consequences_for_gate(ports)
    if judge is None:
        return None
    evidence = LossEvidence(judge)
    records = [] if champion is None else _new_records(ports, gold, provisional, history)
    if champion is None or not records:
        return evidence
    try:
        ours = _without_own_part(ports, gold, provisional, records, scratch)
    except EmptyPoolError:  # without a part there is too little to train on
        return evidence
    labels = ports.settings.label_set
    theirs = score_records(champion, records, ports.modality, labels).probs
    found = caught_difference(records, ours, theirs, modality=ports.modality, labels=labels, judge=judge)
    return replace(evidence, caught_in_train=found)


def _new_records(
    ports: LoopPorts, gold: Gold, provisional: Sequence[ProvisionalLabel], history: ModelHistory
) -> list[GoldRecord]:
    """Return the train samples of too rare guarded labels that are new to the champion, if they are enough.

    New is what was in no gold that the champion learnt from, had no answer then, and belongs to nothing that
    was known then. What a file says judges nothing.
    """
    gate, settings = ports.settings.gate, ports.settings
    n_judging = Counter(record.label for record in of_split(gold, Split.HOLDOUT))
    rare = [one for one in guarded_labels(gate, settings.label_set) if n_judging[one] < gate.min_guarded]
    if not rare:
        return []
    known = _known_clusters(ports, gold, provisional, history)
    if known is None:
        return []
    found = [
        one
        for one in of_split(gold, Split.TRAIN)
        if one.label in rare and one.cluster not in known and one.purpose is not Purpose.IMPORT
    ]
    n_found = Counter(record.label for record in found)
    return [record for record in found if n_found[record.label] >= gate.min_guarded]


def _known_clusters(
    ports: LoopPorts, gold: Gold, provisional: Sequence[ProvisionalLabel], history: ModelHistory
) -> set[str] | None:
    """Return what the samples belong to that somebody had labelled when the champion was trained.

    None where that is not known.
    """
    champion = history.champion
    promoted = [
        record
        for record in history.rounds
        if record.is_promoted and champion and record.model_version == champion.version
    ]
    if not promoted:
        return None
    trained = promoted[-1]
    try:
        before = GoldStore(ports.tables.gold).read(trained.gold_version).records
    except GoldVersionError:
        return None
    answered = {
        split_key(one.key)[0]
        for one in read_annotations(ports.tables.annotations)
        if (one.seen_at or one.created_at) <= trained.closed_at
    }
    labelled: list[GoldRecord | ProvisionalLabel] = [*gold.records, *provisional]
    return {one.cluster for one in before} | {one.cluster for one in labelled if one.sample_id in answered}


def _without_own_part(
    ports: LoopPorts,
    gold: Gold,
    provisional: Sequence[ProvisionalLabel],
    records: Sequence[GoldRecord],
    scratch: Path,
) -> Probs:
    """Return probs (n, n_labels) of each record by a model that learnt nothing that belongs to its part."""
    labels, clusters = ports.settings.label_set, sorted({record.cluster for record in records})
    part_of = {cluster: number % N_PARTS for number, cluster in enumerate(clusters)}
    probs: dict[SampleId, Probs] = {}
    for part in sorted(set(part_of.values())):
        own = [record for record in records if part_of[record.cluster] == part]
        apart = {record.cluster for record in own}
        learnt = tuple(one for one in gold.records if one.cluster not in apart)
        others = [one for one in provisional if one.cluster not in apart]
        trained = fit(ports, replace(gold, records=learnt), others, folder=scratch / f"part-{part}")
        scorer = ports.trainer().scorer(trained.folder)
        scores = score_records(scorer, own, ports.modality, labels)
        probs |= {record.sample_id: row for record, row in zip(own, scores.probs, strict=True)}
    return np.array([probs[record.sample_id] for record in records])
