"""`goldloop selection compare`: what it takes from gold, and what it says where features are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

from goldloop.core.errors import EmptyPoolError
from goldloop.core.modality import Features
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.core.splits import Split
from goldloop.gold.records import GoldRecord
from goldloop.loop.ports import LoopPorts
from goldloop.loop.selection import compare
from goldloop.selection.simulation import N_BATCHES
from tests.memory_texts import MemoryTexts
from tests.records import audited_record, gold_record
from tests.unit.retraining_bench import Bench, FakeTrainer

N, N_AUDITS = 200, 80


class FeatureTrainer(FakeTrainer):
    """A trainer whose models know the label of every sample by the sign of its first feature."""

    def fits(self, features: npt.NDArray[np.float16], n_labels: int) -> Callable[[], Callable[..., object]]:
        """Return a function that begins a run."""
        spam = np.where(features[:, 0] > 1, 0.9, 0.1)
        self.n_given = len(features)
        return lambda: lambda rows, columns: np.stack([1 - spam, spam], axis=1)


@dataclass(frozen=True)
class FeaturedTexts(MemoryTexts):
    """Texts of which some have features."""

    known: Features | None = None

    def features(self, sample_ids: Iterable[SampleId]) -> Features:
        """Return those that are known."""
        return {one: self.known[one] for one in sample_ids if self.known and one in self.known}

    def for_preset(self, preset: str) -> FeaturedTexts:
        """Return the same texts."""
        return self


def sample(number: int) -> SampleId:
    """Return the id of a sample."""
    return sample_id_of(f"{number}".encode())


def records() -> list[GoldRecord]:
    """Return gold of which every other sample is spam, the first N_AUDITS audits."""
    make = {True: audited_record, False: gold_record}
    return [make[number < N_AUDITS](sample(number), ("ham", "spam")[number % 2]) for number in range(N)]


def features(n: int = N) -> dict[SampleId, npt.NDArray[np.float16]]:
    """Return features of the first n samples, by which spam is known."""
    rng = np.random.default_rng(0)
    return {
        sample(number): np.append(1.5 * (number % 2), rng.random(7)).astype(np.float16) for number in range(n)
    }


def ports_of(bench: Bench, trainer: FakeTrainer, known: Features) -> LoopPorts:
    """Return the ports of a workspace with `known` features."""
    texts = FeaturedTexts(bench.ports.modality.reader, bench.store, known=known)  # type: ignore[arg-type]
    return replace(bench.ports, modality=texts, open_trainer=lambda _: trainer)


def test_gold_with_features_is_compared(bench: Bench) -> None:
    """Models that know everything gain nothing by any strategy; withheld samples are not used."""
    bench.commit(*records(), gold_record(sample(N), "ham", split=Split.WITHHELD))
    trainer, notes = FeatureTrainer(), list[str]()
    found = compare(ports_of(bench, trainer, features(N + 1)), notes, n_seeds=2, seed=0)

    assert notes == []
    assert trainer.n_given == N
    assert (found.n_pool, found.n_audits, len(found.sizes)) == (N - N_AUDITS // 2, N_AUDITS, N_BATCHES)
    assert all(curve.accuracy == (1.0,) * N_BATCHES for curve in found.curves)
    assert found.paying is None


def test_audits_weigh_by_their_inclusion_probability(bench: Bench) -> None:
    """Models are wrong about one audit, which was drawn with a tenth of the others' probability."""
    gold = records()
    gold[0] = replace(gold[0], label="spam", inclusion_probability=0.01)
    bench.commit(*gold)
    found = compare(ports_of(bench, FeatureTrainer(), features()), [], n_seeds=2, seed=0)

    assert found.curves[0].accuracy[0] == pytest.approx(1 - 100 / (100 + 10 * (N_AUDITS - 1)))


def test_samples_without_features_are_left_out(bench: Bench) -> None:
    """A sentence says how many, and what computes them."""
    bench.commit(*records())
    notes = list[str]()
    found = compare(ports_of(bench, FeatureTrainer(), features(150)), notes, n_seeds=2, seed=0)

    assert found.n_pool == 150 - N_AUDITS // 2
    assert "50 of 200 gold samples have no features" in notes[0]
    assert "goldloop retrain" in notes[0]


def test_a_preset_without_features_is_refused(bench: Bench) -> None:
    """The error names the presets that have some, and the next step."""
    bench.commit(*records())
    with pytest.raises(EmptyPoolError, match=r"Presets with features: efficientnet_lite0.*goldloop retrain"):
        compare(ports_of(bench, FakeTrainer(), features()), [], n_seeds=2, seed=0)


def test_gold_without_any_features_is_refused(bench: Bench) -> None:
    """As after a change of the preset, before a retrain."""
    bench.commit(*records())
    with pytest.raises(EmptyPoolError, match="200 of 200 gold samples have no features"):
        compare(ports_of(bench, FeatureTrainer(), {}), [], n_seeds=2, seed=0)


@pytest.fixture
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Return a workspace in memory."""
    return Bench(tmp_path_factory.mktemp("bench"))
