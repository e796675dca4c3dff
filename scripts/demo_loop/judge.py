"""Judging from outside: models on samples with known labels, of which the test never entered the loop."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goldloop.core.ports import Scorer
from goldloop.core.probs import Probs
from goldloop.core.samples import Decoded, SampleId
from goldloop.stats.metrics import Estimate, share_estimate
from goldloop.wiring import Wiring
from scripts.demo_loop.labelled import LabelledSample, LabelledSamples
from scripts.demo_loop.team import team_of

MINIBATCH = 128
KEPT_APART = 6  # one answer in so many is for validation, where models do not learn from validation

Right = npt.NDArray[np.bool_]
Columns = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Judged:
    """A model: `probs` (n_test, n_labels) and `truth` (n_test,) on the test, `columns` (n_pool,) in the pool.

    `n_answers` and `minutes` were spent on its labels, `given` (n_pool,) are the columns of those, -1 for
    none.
    """

    probs: Probs
    truth: Columns
    columns: Columns
    n_answers: int
    minutes: float
    given: Columns

    @property
    def right(self) -> Right:
        """Whether each label of the test is right, (n_test,)."""
        return np.asarray(self.probs.argmax(axis=1) == self.truth)

    @property
    def accuracy(self) -> Estimate:
        """Accuracy on the test."""
        return share_estimate(self.right, weights=np.ones(len(self.right)))

    @property
    def labels(self) -> Columns:
        """The labels of the pool, (n_pool,): the answer where there is one, else what the model says."""
        return np.where(self.given >= 0, self.given, self.columns)


class Judge:
    """Judges models on the samples of a demo, and trains models on single answers to random ones."""

    def __init__(self, parts: Wiring, samples: LabelledSamples[Any], seed: int) -> None:
        """Read all samples as the models of the workspace take them."""
        self._parts, self._pool, self._seed = parts, samples.pool, seed
        self._labels, self._team = parts.settings.label_set, team_of(samples, seed)
        self.noun = samples.noun
        self._rows = {one.sample_id: row for row, one in enumerate(samples.pool)}
        self._test = samples.payloads(parts, samples.test)
        self._payloads = samples.payloads(parts, samples.pool)
        self._test_truth = self._truth(samples.test)
        self.truth = self._truth(samples.pool)

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
            probs=_probs(scorer, self._test),
            truth=self._test_truth,
            columns=_probs(scorer, self._payloads).argmax(axis=1),
            n_answers=n_answers,
            minutes=minutes,
            given=none if given is None else given,
        )

    def random_single(self, minutes: float) -> Judged:
        """Judge a model trained on single blind answers to random samples, as many as `minutes` allow.

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
        """Return single answers (n_pool,) to random samples until the time is over; -1 for none.

        A skip costs its time; the next person is asked instead.
        """
        given, spent, n_answers = np.full(len(self._pool), -1, dtype=np.intp), 0.0, 0
        for row in self._order():
            for said, took in self._team.asked(self._pool[row], row):
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

    def _truth(self, samples: Sequence[LabelledSample]) -> Columns:
        return np.array([self._labels.column(one.label) for one in samples], dtype=np.intp)


def _probs(scorer: Scorer, payloads: Sequence[Any]) -> Probs:
    parts = [
        scorer(payloads[start : start + MINIBATCH]).probs for start in range(0, len(payloads), MINIBATCH)
    ]
    return np.concatenate(parts)
