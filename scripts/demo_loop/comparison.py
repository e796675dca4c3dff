"""The closing table: each round's models beside one trained on as many randomly chosen labels."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from goldloop.core.samples import Decoded, FileRef, SampleId
from goldloop.core.splits import Split
from goldloop.stats.metrics import Estimate, accuracy
from goldloop.tables.rounds import read_rounds
from goldloop.training.promotion import RoundRecord, winner
from goldloop.wiring import Wiring
from scripts.demo_loop import people
from scripts.demo_loop.pictures import Picture, Pictures

MINIBATCH = 128


@dataclass(frozen=True, slots=True)
class Row:
    """One round of the closing table. Accuracies are on the test pictures that never entered the loop."""

    round: int
    n_gold: int
    n_labels: int
    lanes: dict[str, int]
    outcome: str
    holdout: Estimate
    baseline: Estimate
    champion: Estimate
    random: Estimate


def closing_rows(parts: Wiring, pictures: Pictures, seed: int) -> list[Row]:
    """Return one row for each closed round; every model is judged on the test pictures."""
    test = Test(parts, pictures.test)

    @cache
    def judged(version: str) -> Estimate:
        return test.judge(parts.registry.load(version).folder)

    rows = []
    for record in read_rounds(parts.tables.rounds):
        champion = winner(record.evaluations, record.decision)
        if champion is None:
            continue
        baseline = record.evaluations.get("baseline") or record.evaluations["challenger"]
        rows.append(
            Row(
                round=record.round,
                n_gold=record.n_gold,
                n_labels=record.n_annotations,
                lanes=dict(record.lanes),
                outcome=record.outcome,
                holdout=champion.accuracy,
                baseline=judged(baseline.model_version),
                champion=judged(champion.model_version),
                random=_random_arm(parts, record, pictures, test, seed),
            )
        )
    return rows


class Test:
    """Pictures with known labels that never entered the loop."""

    def __init__(self, parts: Wiring, pictures: Sequence[Picture]) -> None:
        self._parts = parts
        self._payloads = list(_payloads(parts, pictures).values())
        labels = parts.workspace.settings.label_set
        self._truth = np.array([labels.column(one.label) for one in pictures])

    def judge(self, folder: Path) -> Estimate:
        """Return the accuracy of the model saved in `folder`."""
        scorer = self._parts.trainer.scorer(folder)
        starts = range(0, len(self._payloads), MINIBATCH)
        probs = np.concatenate([scorer(self._payloads[start : start + MINIBATCH]).probs for start in starts])
        return accuracy(self._truth, probs.argmax(axis=1))


def _payloads(parts: Wiring, pictures: Sequence[Picture]) -> dict[SampleId, Any]:
    """Return `pictures` as the models of the workspace take them."""
    samples = parts.modality.for_preset(parts.settings.model.preset)
    files = [(one.sample_id, FileRef(str(one.path), 0, "")) for one in pictures]
    return {one.sample_id: one.decoded.payload for one in samples.reader.again(files) if one.decoded}


def _random_arm(parts: Wiring, record: RoundRecord, pictures: Pictures, test: Test, seed: int) -> Estimate:
    """Judge a model trained on as many labels, chosen at random and answered by the same people."""
    labels, gold = parts.workspace.settings.label_set, parts.gold.records(record.gold_version)
    judging = {one.sample_id for one in gold if one.split in (Split.VALIDATION, Split.HOLDOUT)}
    n_train = sum(one.split is Split.TRAIN for one in gold)
    validation = [(one.sample_id, labels.column(one.label)) for one in gold if one.split is Split.VALIDATION]
    mistaken = people.confusions(pictures.labels)
    known = {one.sample_id: one for one in pictures.pool}
    train: list[tuple[SampleId, int]] = []
    for place in np.random.default_rng([seed, 1]).permutation(len(pictures.pool)):  # later draws hold earlier
        one, who = pictures.pool[place], people.CREW[int(place) % len(people.CREW)]
        said = people.answer_of(who, one, mistaken, seed=seed)
        if said is not None and one.sample_id not in judging and len(train) < n_train:
            train.append((one.sample_id, labels.column(said)))
    payloads = _payloads(parts, [known[sample_id] for sample_id, _ in (*train, *validation)])
    with tempfile.TemporaryDirectory() as folder:
        model: Any = parts.trainer.train(
            train,
            validation,
            labels=labels,
            load=lambda sample_id: Decoded(payloads[sample_id]),
            folder=Path(folder) / "model",
            advance=lambda _: None,
        )
        return test.judge(model.folder)
