"""The loop on records: made payments through score, push, answers, pull, retrain and gate, in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldloop.adapters.memory import MemoryLabelingServer, MemoryRegistry, MemoryRuns, memory_tables
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.costs.errors import prices
from goldloop.costs.inputs import NO_LABEL
from goldloop.labeling.context import read_state
from goldloop.loop.policy import explain_sample, newest_entry
from goldloop.loop.ports import LoopPorts
from goldloop.loop.pull import pull
from goldloop.loop.push import push
from goldloop.loop.round import RoundReport, run_round
from goldloop.loop.score import score_files
from goldloop.reports.costs import read_cost_inputs
from goldloop.routing.cost_policy import Cost
from goldloop.routing.policies import asked_for
from goldloop.settings import Settings
from goldloop.tables.counts import conservation
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.predictions import newest_predictions
from goldloop.tables.traffic import read_present_lanes
from models.kinds import TRAINERS
from tests.loop import FakeClock
from tests.payments import SECTION, made_payments, records_in
from tests.texts import write_json

LABELS = LabelSet(("genuine", "fraud"))
N_PAYMENTS, N_ROUNDS = 600, 3


@dataclass
class RecordLoop:
    """A workspace of kind records in memory, with analysts who are always right."""

    folder: Path
    preset: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    queue: MemoryLabelingServer = field(default_factory=lambda: MemoryLabelingServer(LABELS))

    def __post_init__(self) -> None:
        settings = Settings(
            name="payments",
            kind="records",
            labels=LABELS.names,
            records=SECTION,
            selection={"budget_per_round": 150, "audit_rate": 0.2},
            model={"preset": self.preset},
            **self.changes,
        )
        modality = records_in(self.folder)
        trainer = TRAINERS["records"](settings.model)
        registry, runs = MemoryRegistry(self.folder / "models"), MemoryRuns()
        self.registry = registry
        self.ports = LoopPorts(
            configured=settings,
            tables=memory_tables(),
            modality=modality,
            open_queue=lambda: self.queue,
            open_trainer=lambda _: trainer,
            open_registry=lambda: registry,
            open_runs=lambda: runs,
            owner="test",
            clock=FakeClock(),
        )
        made = made_payments(N_PAYMENTS)
        source = write_json(self.folder / "payments.jsonl", *(row for row, _ in made))
        arrivals = modality.reader.cases(str(source))
        self.truth: dict[SampleId, str] = {
            arrival.sample_id: label for arrival, (_, label) in zip(arrivals, made, strict=True)
        }
        self.scored = score_files(self.ports, str(source))

    def answer(self) -> None:
        """Let two analysts, and an adjudicator, answer what is open."""
        for task_id, task in sorted(self.queue.tasks.items()):
            for analyst in ("ana", "ben", "cleo"):
                if task.is_open and not task.knows(analyst):
                    self.queue.answer(task_id, analyst, self.truth[task.pushed.sample_id])

    def round(self) -> RoundReport:
        """Answer, and run the weekly pass."""
        self.answer()
        pull(self.ports)
        self.answer()
        return run_round(self.ports)


@pytest.mark.parametrize("preset", ["lightgbm", "logistic"])
def test_payments_go_through_the_whole_loop(tmp_path: Path, preset: str) -> None:
    """Every record is in one place, no customer trains and judges, and the model finds the frauds."""
    loop = RecordLoop(tmp_path, preset)
    push(loop.ports)
    reports = [loop.round() for _ in range(N_ROUNDS)]

    where = conservation(loop.ports.tables)
    assert where.is_conserved
    assert where.n_files == loop.scored.n_files == N_PAYMENTS
    records = GoldStore(loop.ports.tables.gold).records()
    assert all(record.label == loop.truth[record.sample_id] for record in records)
    sides: dict[str | None, set[Split]] = defaultdict(set)
    for record in records:
        sides[record.entity].add(record.split)
    assert None not in sides
    assert all(len(found - {Split.WITHHELD}) <= 1 for found in sides.values())

    trained = [report.record for report in reports if report.record is not None]
    assert len(trained) == N_ROUNDS
    champion = loop.registry.version_at("champion")
    assert reports[-1].score.model_version == champion
    accuracy = trained[-1].evaluations["challenger"].accuracy
    assert accuracy.value > 0.88  # always genuine would be right on 80 %


OWN_AMOUNTS = {
    "policy": {"kind": "cost", "max_error": 0.4},
    "cost": {
        "minute": 0.5,
        "errors": {"fraud": {"genuine": {"plus": 15.0, "factor": 1.0}}, "genuine": {"fraud": 5.0}},
    },
}


def test_each_payment_gets_the_action_that_is_cheapest_at_its_own_amount(tmp_path: Path) -> None:
    """What is decided is kept beside the likeliest label, judges the policy, and prices the costs."""
    loop = RecordLoop(tmp_path, "lightgbm", OWN_AMOUNTS)
    push(loop.ports)
    for _ in range(N_ROUNDS):
        loop.round()
    tables, settings = loop.ports.tables, loop.ports.settings

    present = read_present_lanes(tables, LABELS)
    amounts = {one: float(loop.ports.modality.columns(one)["amount"]) for one in present.sample_ids}
    assert present.stakes.tolist() == [amounts[one] for one in present.sample_ids]
    policy = newest_entry(loop.ports).policy
    inner = asked_for(policy)
    assert isinstance(inner, Cost)
    newest = newest_predictions(tables, ["policy", "decided", "stake", "saving"]).to_pylist()
    chosen = [row for row in newest if row["policy"] == policy.version]
    at = {one: row for row, one in enumerate(present.sample_ids)}
    rows = [at[SampleId(row["sample_id"])] for row in chosen]
    probs, stakes = present.probs[rows], present.stakes[rows]
    assert [row["decided"] for row in chosen] == [LABELS[one] for one in inner.decided(probs, stakes)]
    assert {row["lane"] for row in chosen} > {"auto"}
    differs = [row for row in chosen if row["decided"] != row["label"]]
    assert differs
    assert all(row["decided"] == "fraud" and row["confidence"] < 1 for row in differs)
    for row, saving in zip(chosen, inner.savings(probs, stakes).tolist(), strict=True):
        is_asked_for = row["lane"] != "auto" and not np.isnan(saving)
        assert not is_asked_for or row["saving"] == pytest.approx(saving)

    explained = explain_sample(loop.ports, differs[0]["sample_id"])
    assert explained.decided == "fraud"
    assert "where no annotator decides" in str(explained)
    assert f"{differs[0]['stake']:,.2f} at stake" in explained.rule[0]
    inputs = read_cost_inputs(tables, read_state(tables, settings), settings)
    paid = prices(settings.cost, LABELS)
    scored = inputs.labelled.where(inputs.labelled.machine != NO_LABEL)
    wrong = scored.where(scored.machine != scored.label)
    assert len(wrong)
    lost = paid.errors.paid(wrong.label, wrong.machine, wrong.stakes)
    missed = wrong.label == LABELS.column("fraud")
    assert lost[missed].tolist() == (15 + wrong.stakes[missed]).tolist()
    assert set(lost[~missed].tolist()) <= {5.0}
