"""Judging from outside: models on pictures with known labels, of which the test never entered the loop."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goldloop.core.ports import Scorer
from goldloop.core.samples import Decoded, FileRef, SampleId
from goldloop.stats.metrics import Estimate, share_estimate
from goldloop.wiring import Wiring
from scripts.demo_loop import people
from scripts.demo_loop.pictures import Picture, Pictures

MINIBATCH = 128
KEPT_APART = 6  # one answer in so many is for validation, where models do not learn from validation

Right = npt.NDArray[np.bool_]
Columns = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Judged:
    """A model on the pictures: `right` (n_test,) on the test, `columns` (n_pool,) of labels in the pool.

    `n_answers` and `minutes` were spent on its labels, `given` (n_pool,) are the columns of those, -1 for
    none.
    """

    right: Right
    columns: Columns
    n_answers: int
    minutes: float
    given: Columns

    @property
    def accuracy(self) -> Estimate:
        """Accuracy on the test."""
        return share_estimate(self.right, weights=np.ones(len(self.right)))

    @property
    def labels(self) -> Columns:
        """The labels of the pool, (n_pool,): the answer where there is one, else what the model says."""
        return np.where(self.given >= 0, self.given, self.columns)


class Judge:
    """Judges models on the pictures of a demo, and trains models on single answers to random ones."""

    def __init__(self, parts: Wiring, pictures: Pictures, seed: int) -> None:
        """Read all pictures as the models of the workspace take them."""
        self._parts, self._pool, self._seed = parts, pictures.pool, seed
        self._labels, self._mistaken = parts.settings.label_set, people.confusions(pictures.labels)
        self._rows = {one.sample_id: row for row, one in enumerate(pictures.pool)}
        self._test, self._payloads = self._read(pictures.test), self._read(pictures.pool)
        self._test_truth = self._truth(pictures.test)
        self.truth = self._truth(pictures.pool)

    @property
    def sample_ids(self) -> list[SampleId]:
        """The samples of the pool, in its order."""
        return list(self._rows)

    def row_of(self, sample_id: SampleId) -> int:
        """Return the place of a sample in the pool."""
        return self._rows[sample_id]

    def judge(
        self, folder: Path, given: Columns | None = None, *, n_answers: int = 0, minutes: float = 0.0
    ) -> Judged:
        """Judge the model saved in `folder`."""
        scorer = self._parts.trainer.scorer(folder)
        none = np.full(len(self.truth), -1, dtype=np.intp)
        return Judged(
            right=_columns(scorer, self._test) == self._test_truth,
            columns=_columns(scorer, self._payloads),
            n_answers=n_answers,
            minutes=minutes,
            given=none if given is None else given,
        )

    def random_single(self, minutes: float) -> Judged:
        """Judge a model trained on single blind answers to random pictures, as many as `minutes` allow.

        More minutes add answers to those of fewer minutes.
        """
        given, n_answers, seconds = self._answers(60 * minutes)
        rows = [row for row in self._order() if given[row] >= 0]
        trainer = self._parts.trainer
        n_apart = 0 if trainer.cross_fits else len(rows) // KEPT_APART
        pairs = [(self._pool[row].sample_id, int(given[row])) for row in rows]
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            trainer.train(
                pairs[n_apart:],
                pairs[:n_apart],
                labels=self._labels,
                load=lambda sample_id: Decoded(self._payloads[self._rows[sample_id]]),
                folder=folder,
                advance=lambda _: None,
            )
            return self.judge(folder, given, n_answers=n_answers, minutes=seconds / 60)

    def everything(self) -> tuple[Columns, int, float]:
        """Return the columns (n_pool,) if everybody gave single answers to all, their number and minutes."""
        given, n_answers, seconds = self._answers(np.inf)
        return given, n_answers, seconds / 60

    def _answers(self, seconds: float) -> tuple[Columns, int, float]:
        """Return single answers (n_pool,) to random pictures until the time is over; -1 for none.

        A skip costs its time; the next person is asked instead.
        """
        given, spent, n_answers = np.full(len(self._pool), -1, dtype=np.intp), 0.0, 0
        for row in self._order():
            for turn in range(len(people.CREW)):
                who = people.CREW[(row + turn) % len(people.CREW)]
                said, took = people.blind_answer(who, self._pool[row], self._mistaken, seed=self._seed)
                if spent + took > seconds:
                    return given, n_answers, spent
                spent, n_answers = spent + took, n_answers + 1
                if said is not None:
                    given[row] = self._labels.column(said)
                    break
        return given, n_answers, spent

    def _order(self) -> list[int]:
        order: list[int] = np.random.default_rng([self._seed, 1]).permutation(len(self._pool)).tolist()
        return order

    def _read(self, pictures: Sequence[Picture]) -> list[Any]:
        samples = self._parts.modality.for_preset(self._parts.settings.model.preset)
        files = [(one.sample_id, FileRef(str(one.path), 0, "")) for one in pictures]
        return [one.decoded.payload for one in samples.reader.again(files) if one.decoded]

    def _truth(self, pictures: Sequence[Picture]) -> Columns:
        return np.array([self._labels.column(one.label) for one in pictures], dtype=np.intp)


def _columns(scorer: Scorer, payloads: Sequence[Any]) -> Columns:
    parts = [
        scorer(payloads[start : start + MINIBATCH]).probs for start in range(0, len(payloads), MINIBATCH)
    ]
    columns: Columns = np.concatenate(parts).argmax(axis=1)
    return columns
