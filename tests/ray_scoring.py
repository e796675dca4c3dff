"""What workers on Ray score with in tests: pictures by brightness, and workers that die at a given point."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from goldloop.core.errors import SettingsError
from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scores
from goldloop.routing.policies import Band
from goldloop.scoring.blocks import BlockPlan, BlockScorer
from goldloop.scoring.passes import Scoring
from goldloop.scoring.writer import Model
from goldloop.settings.workspace import Workspace
from goldloop.wiring import Wiring

LABELS = LabelSet(("bright", "dark"))


class Brightness:
    """Predicts `bright` with the mean brightness of a picture."""

    preset, labels = "tiny", LABELS

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return the scores of a minibatch of pictures."""
        bright = np.array([np.mean(payload) / 255 for payload in payloads])
        return Scores(np.stack([bright, 1 - bright], axis=1), bright[:, None].astype(np.float32))


def scoring_in(root: str) -> Scoring:
    """Return what a process of the workspace scores with."""
    wiring = Wiring(Workspace.open(Path(root)))
    reader = wiring.modality.for_preset("tiny").reader
    return Scoring(reader, Model("1", Brightness()), Band(0.4, 0.6), wiring.tables, wiring.ports.clock)


def block_scorer(root: str, plan: BlockPlan) -> BlockScorer:
    """Return what a worker scores its blocks with."""
    return BlockScorer(scoring_in(root), plan.batch, plan.scored_in)


def refuse(root: str, plan: BlockPlan) -> BlockScorer:
    """Fail as a worker does that cannot open the workspace."""
    raise SettingsError(f"no workspace at {root}")


def doubler() -> Callable[[int], int]:
    """Return what doubles a number."""
    return lambda number: 2 * number


@dataclass(frozen=True)
class Death:
    """The first worker of all that comes to the `call`-th call of `method` of the table `table` dies.

    It does so `moment`, "before" or "after" the call; the file `mark` tells the others that one has.
    """

    table: str
    method: str
    call: int
    moment: str
    mark: str

    def __call__(self, root: str, plan: BlockPlan) -> BlockScorer:
        """Return what a worker scores its blocks with until it dies."""
        scorer = block_scorer(root, plan)
        table = getattr(scorer.scoring.tables, self.table)
        setattr(table, self.method, self._dying(getattr(table, self.method)))
        return scorer

    def _dying(self, real: Callable[..., Any]) -> Callable[..., Any]:
        n_calls = 0

        def instead(*args: Any, **kwargs: Any) -> Any:
            nonlocal n_calls
            n_calls += 1
            if self.moment == "before":
                self._die(n_calls)
            done = real(*args, **kwargs)
            if self.moment == "after":
                self._die(n_calls)
            return done

        return instead

    def _die(self, n_calls: int) -> None:
        if n_calls == self.call:
            try:
                os.close(os.open(self.mark, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)
