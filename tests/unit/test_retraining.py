"""Retraining: what it hands to the trainer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from goldloop.adapters.delta import open_tables
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose
from goldloop.gold.records import GoldRecord, GoldVersion
from goldloop.loop.retrain import RetrainPorts, retrain
from goldloop.settings import Settings
from tests.fake_registry import FakeRegistry, FakeRuns
from tests.loop import TextReader, TextStore
from tests.records import gold_record

NOW = datetime(2026, 3, 2, tzinfo=UTC)


class EnoughError(Exception):
    """Ends a retrain once the trainer has what the test looks at."""


@dataclass
class Listener:
    """A trainer that only listens."""

    validation: list[SampleId] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def train(
        self,
        train: Sequence[tuple[SampleId, int]],
        validation: Sequence[tuple[SampleId, int]],
        *,
        validation_weights: Sequence[float] | None = None,
        **_: Any,
    ) -> Any:
        """Remember what validation there is and what each sample of it stands for."""
        del train
        self.validation = [sample_id for sample_id, _column in validation]
        self.weights = list(validation_weights or ())
        raise EnoughError


@dataclass
class Gold:
    """One gold version."""

    content: list[GoldRecord]

    def newest(self) -> GoldVersion:
        """Return it."""
        n = len(self.content)
        return GoldVersion(1, "digest", n, n, 0, 0, 0, NOW, None, "pull")

    def records(self, version: int) -> list[GoldRecord]:
        """Return its records."""
        assert version == 1
        return self.content


def record(number: int, split: Split, probability: float | None) -> GoldRecord:
    """Return a record drawn with this probability, or chosen."""
    return gold_record(
        SampleId(f"{number:064x}"),
        ("ham", "spam")[number % 2],
        split=split,
        purpose=Purpose.REVIEW if probability is None else Purpose.AUDIT,
        inclusion_probability=probability,
    )


def test_a_validation_sample_weighs_as_much_as_it_stands_for(tmp_path: Path) -> None:
    """Drawn with probability 0.1 it stands for ten samples, and the trainer is told so, sample by sample."""
    probabilities = [0.1, 0.5, 0.25]
    validation = [record(10 + number, Split.VALIDATION, one) for number, one in enumerate(probabilities)]
    gold = [
        *(record(number, Split.TRAIN, None) for number in range(4)),
        record(20, Split.HOLDOUT, 0.1),
        *validation,
    ]
    listener, runs = Listener(), FakeRuns()
    ports = RetrainPorts(
        tables=open_tables(tmp_path / "tables"),
        gold=Gold(gold),  # type: ignore[arg-type]
        gold_uri="gold",
        store=TextStore(TextReader({})),
        trainer=listener,  # type: ignore[arg-type]
        registry=FakeRegistry(tmp_path / "models"),
        runs=runs,
        settings=Settings(name="texts", labels=("ham", "spam")),
        scratch=tmp_path,
        plots=lambda *_: {},
        clock=lambda: NOW,
        notify=lambda _: None,
    )

    with pytest.raises(EnoughError):
        retrain(ports)

    told = dict(zip(listener.validation, listener.weights, strict=True))
    assert told == {
        one.sample_id: pytest.approx(1 / p) for one, p in zip(validation, probabilities, strict=True)
    }
    assert "training failed" in runs.failed["run-1"]
