"""Selection on gold: a simulation of which strategy would have paid, without any server."""

from __future__ import annotations

import numpy as np

from goldloop.core.errors import EmptyPoolError
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose
from goldloop.gold.records import GoldRecord
from goldloop.loop.ports import LoopPorts
from goldloop.selection.first_samples import reduced
from goldloop.selection.learning_curves import StrategyComparison, compare_strategies
from goldloop.selection.simulation import HiddenGold, simulate
from goldloop.tables.gold_store import GoldStore
from goldloop.training.ports import FeatureTrainer


def compare(ports: LoopPorts, notes: list[str], *, n_seeds: int, seed: int) -> StrategyComparison:
    """Return what each strategy would have gained over a random choice on the newest gold.

    Gold samples without kept features of the preset are left out, which `notes` gets a sentence about, as are
    withheld ones. `n_seeds` is the number of runs of each strategy, from `seed` on.

    Raises:
        EmptyPoolError: the preset has no features, or there are too few gold samples or audits with some.
    """
    trainer, preset = ports.trainer(), ports.settings.model.preset
    if not isinstance(trainer, FeatureTrainer):
        raise EmptyPoolError(
            f"Preset {preset!r} has no frozen backbone and so keeps no features, by which strategies choose. "
            f"Presets with features: {', '.join(ports.settings.feature_presets)}. Set model.preset to one of "
            "them, then run `goldloop retrain`, which computes the features of gold"
        )
    gold, labels = GoldStore(ports.tables.gold).read(), ports.settings.label_set
    used = [record for record in gold.records if record.split is not Split.WITHHELD]
    features = ports.modality.for_preset(preset).features([record.sample_id for record in used])
    records = [record for record in used if record.sample_id in features]
    if len(records) < len(used):
        notes.append(
            f"{len(used) - len(records)} of {len(used)} gold samples have no features of preset {preset!r} "
            "yet and are left out; `goldloop retrain` computes them"
        )
    if not records:
        raise EmptyPoolError(f"gold version {gold.version.version} has no usable samples. {'. '.join(notes)}")
    rows = np.stack([features[record.sample_id] for record in records])
    hidden = HiddenGold(
        features=reduced(rows),
        columns=np.array([labels.column(record.label) for record in records], dtype=np.intp),
        weights=np.array([_weight(record) for record in records]),
        groups=[record.cluster for record in records],
    )
    with ports.progress.share_done("simulating strategies") as advance:
        start = trainer.fits(rows, len(labels))
        simulation = simulate(hidden, start, n_seeds=n_seeds, seed=seed, advance=advance)
    return compare_strategies(simulation, seed=seed)


def _weight(record: GoldRecord) -> float:
    """Return the inverse inclusion probability of an audit; 0 of every other sample."""
    if record.purpose is not Purpose.AUDIT or not record.inclusion_probability:
        return 0.0
    return 1 / record.inclusion_probability
