"""Models of single answers to random samples, trained in processes of their own while the demo goes on."""

from __future__ import annotations

import os
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any

from goldloop.wiring import open_workspace
from scripts.demo_loop.judge import Judge, Judged
from scripts.demo_loop.labelled import LabelledSamples

_judge: Judge | None = None  # of a training process


@dataclass(frozen=True, slots=True)
class Spent:
    """The minutes that people spent until the end of a round, and those of them for audits."""

    minutes: float
    of_audit: float


class ChanceModels:
    """For each round a model of the answers in as many minutes, and one in the minutes outside the audit."""

    def __init__(self, root: Path, samples: LabelledSamples[Any], seed: int) -> None:
        """Take the models' form from the workspace in `root`, and people and order from `seed`."""
        self._processes = ProcessPoolExecutor(
            os.cpu_count(), get_context("spawn"), _open_judge, (root, samples, seed)
        )
        self._under_way: dict[int, tuple[Future[Judged], Future[Judged]]] = {}

    def __enter__(self) -> ChanceModels:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._processes.shutdown(cancel_futures=True)

    def start(self, round_: int, spent: Spent) -> None:
        """Begin to train the models of a round; once is enough."""
        if round_ not in self._under_way:
            self._under_way[round_] = (
                self._processes.submit(_random_single, spent.minutes),
                self._processes.submit(_random_single, spent.minutes - spent.of_audit),
            )

    def of(self, round_: int) -> tuple[Judged, Judged]:
        """Return the models of a round that was started, once they are trained."""
        all_minutes, without_audit = self._under_way[round_]
        return all_minutes.result(), without_audit.result()


def _open_judge(root: Path, samples: LabelledSamples[Any], seed: int) -> None:
    global _judge  # noqa: PLW0603 - reading the samples takes a second, so each process does it once
    _judge = Judge(open_workspace(root), samples, seed)


def _random_single(minutes: float) -> Judged:
    assert _judge is not None
    return _judge.random_single(minutes)
