"""Outcomes of records on real tables: chargebacks by the id of the row, their delay, whom they teach."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldloop.adapters.delta import open_tables
from goldloop.adapters.memory import MemoryLabelingServer, MemoryRegistry, MemoryRuns
from goldloop.consensus.provisional import ProvisionalLabel
from goldloop.core.chance import is_judging
from goldloop.core.labels import LabelSet
from goldloop.core.splits import Split
from goldloop.gold.leaks import check_no_leak
from goldloop.labeling.context import read_state
from goldloop.loop.let_through import read_let_through_report
from goldloop.loop.maturity import sample_times
from goldloop.loop.outcomes import add_outcomes
from goldloop.loop.ports import LoopPorts
from goldloop.loop.presumed import presumed_labels
from goldloop.loop.pull import pull
from goldloop.loop.push import push
from goldloop.loop.retrain import retrain
from goldloop.loop.score import score_files
from goldloop.reports.outcomes import maturity_lines, outcomes_line
from goldloop.settings import Settings
from goldloop.tables.gold_store import GoldStore
from models.kinds import TRAINERS
from tests.loop import FakeClock
from tests.payments import SECTION, made_payments, records_in
from tests.texts import write_json, write_rows

LABELS = LabelSet(("genuine", "fraud"))
AUDIT_RATE = 0.2
DAY = timedelta(days=1)


@dataclass
class Payments:
    """A workspace of payments on tables in `folder`, whose frauds are charged back about five days later."""

    folder: Path
    queue: MemoryLabelingServer = field(default_factory=lambda: MemoryLabelingServer(LABELS))

    def __post_init__(self) -> None:
        settings = Settings(
            name="payments",
            kind="records",
            labels=LABELS.names,
            records=SECTION,
            selection={"budget_per_round": 60, "audit_rate": AUDIT_RATE},
        )
        clock, modality = FakeClock(), records_in(self.folder)
        clock.now = datetime(2026, 3, 29, tzinfo=UTC)
        trainer = TRAINERS["records"](settings.model)
        registry, runs = MemoryRegistry(self.folder / "models"), MemoryRuns()
        self.ports = LoopPorts(
            configured=settings,
            tables=open_tables(self.folder / "tables"),
            modality=modality,
            open_queue=lambda: self.queue,
            open_trainer=lambda _: trainer,
            open_registry=lambda: registry,
            open_runs=lambda: runs,
            owner="test",
            clock=clock,
        )
        made = made_payments(600)
        source = write_json(self.folder / "payments.jsonl", *(row for row, _ in made))
        arrivals = modality.reader.cases(str(source))
        self.label_of = {arrival.sample_id: label for arrival, (_, label) in zip(arrivals, made, strict=True)}
        score_files(self.ports, str(source))
        self.chargebacks = write_rows(
            self.folder / "chargebacks.csv",
            [(name, "chargeback", known.isoformat()) for name, known in self._reported(made, clock.now)],
            ("id", "kind", "known_at"),
        )

    def _reported(
        self, made: list[tuple[dict[str, str], str]], now: datetime
    ) -> Iterator[tuple[str, datetime]]:
        rng = np.random.default_rng(1)
        for fields, label in made:
            known = datetime.fromisoformat(fields["at"]) + 5 * DAY * float(rng.weibull(2.0)) / 0.83
            if label == "fraud" and known <= now:
                yield fields["id"], known


@pytest.fixture
def payments(tmp_path: Path) -> Payments:
    """A workspace of payments in which analysts were asked about some."""
    made = Payments(tmp_path)
    push(made.ports)
    for task_id, task in sorted(made.queue.tasks.items()):
        for analyst in ("ana", "ben"):
            if task.is_open:
                made.queue.answer(task_id, analyst, made.label_of[task.pushed.sample_id])
    pull(made.ports)
    return made


def test_chargebacks_teach_about_customers_who_do_not_judge(payments: Payments) -> None:
    """Rows are found by their ids; no customer trains and judges; the next model learns from them."""
    before = len(GoldStore(payments.ports.tables.gold).records())
    report = add_outcomes(payments.ports, str(payments.chargebacks))
    assert report.n_added > 50
    assert (report.n_waiting, report.refused, report.contradictions) == (0, (), ())

    records = GoldStore(payments.ports.tables.gold).records()
    reported = [record for record in records if record.source == "outcome"]
    unasked = [record for record in reported if record.purpose == "outcome"]
    assert len(reported) == report.n_added
    assert len(records) == before + len(unasked)
    assert {record.label for record in reported} == {"fraud"}
    check_no_leak(records)
    splits = defaultdict(set)
    for record in unasked:
        assert record.entity is not None
        splits[is_judging(record.entity, audit_rate=AUDIT_RATE, seed=0)].add(record.split)
    assert splits[True] == {Split.WITHHELD}
    assert Split.TRAIN in splits[False] <= {Split.TRAIN, Split.WITHHELD}

    notes: list[str] = []
    record = retrain(payments.ports, notes)
    assert record is not None
    assert record.n_gold == len(records)
    assert any("records without a chargeback teach the model as 'genuine'" in note for note in notes)
    assert add_outcomes(payments.ports, str(payments.chargebacks)).n_known == report.n_added


def test_the_delay_of_chargebacks_counts_from_the_time_of_the_payment(payments: Payments) -> None:
    """About half are known after five days; it is told with its interval, and which share is mature."""
    report = add_outcomes(payments.ports, str(payments.chargebacks))
    found = report.maturity
    assert found is not None
    assert found.median_days.estimate is not None
    assert found.median_days.estimate.low <= 5.0 <= found.median_days.estimate.high
    assert found.median_days.estimate.value == pytest.approx(5.0, abs=1.0)
    assert found.mature_days is not None
    assert 8 < found.mature_days < 14
    assert found.n_dated == found.n_chargebacks == report.n_added
    assert found.mature_share.estimate is not None
    assert found.mature_share.estimate.value == pytest.approx(1 - found.mature_days / 28, abs=0.1)
    n_frauds = sum(label == "fraud" for label in payments.label_of.values())
    assert found.n_expected == pytest.approx(n_frauds, rel=0.15)
    assert found.n_expected > found.n_dated

    lines = maturity_lines(found)
    assert lines[0].startswith("half of the chargebacks are known after ")
    assert f"mature from {found.mature_days:.0f} days on" in lines[1]
    reported = read_state(payments.ports.tables, payments.ports.settings).snapshot.reported
    assert outcomes_line(reported, found).startswith(f"{report.n_added} chargeback; {report.n_added} samples")


def presumed(payments: Payments, **changes: Any) -> list[ProvisionalLabel]:
    """Return the presumed labels, under these settings of records."""
    ports = payments.ports
    records = ports.settings.records.model_copy(update=changes)  # type: ignore[union-attr]
    ports = replace(ports, configured=ports.configured.model_copy(update={"records": records}))
    return presumed_labels(ports, read_state(ports.tables, ports.settings), [])


def test_payments_without_a_chargeback_teach_that_they_are_genuine(payments: Payments) -> None:
    """Those that may train, that nobody was asked about and that are old enough; nearly all of them are."""
    assert presumed(payments) == []
    add_outcomes(payments.ports, str(payments.chargebacks))
    found = presumed(payments)

    assert presumed(payments, presume_genuine=False) == []
    assert {one.label for one in found} == {"genuine"}
    state = read_state(payments.ports.tables, payments.ports.settings)
    ids = {one.sample_id for one in found}
    assert not ids & {record.sample_id for record in state.snapshot.gold.records}
    assert not ids & {task.sample_id for task in state.snapshot.live.values()}
    check_no_leak([*state.snapshot.gold.records, *found])
    judging = [is_judging(str(one.entity), audit_rate=AUDIT_RATE, seed=0) for one in found]
    assert not any(judging)
    times = sample_times(payments.ports.tables, payments.ports.settings, payments.ports.modality, list(ids))
    days = Counter((at - datetime(2026, 3, 1, tzinfo=UTC)).days // 7 for at in times.values())
    assert days[0] > days[3] > 0
    assert np.mean([payments.label_of[one.sample_id] == "fraud" for one in found]) < 0.06


def test_what_was_stopped_is_not_presumed_genuine(payments: Payments) -> None:
    """A payment that was declined cannot be charged back; the first decision about it counts."""
    add_outcomes(payments.ports, str(payments.chargebacks))
    stopped, passed = (one.sample_id for one in presumed(payments)[:2])
    row = {"batch": "b", "model_version": "1", "policy": "p", "lane": "auto", "label": "genuine"}
    for sample_id, year, decided in ((stopped, 2025, "fraud"), (passed, 2027, "fraud")):
        at = datetime(year, 1, 1, tzinfo=UTC)
        payments.ports.tables.predictions.append(
            [row | {"sample_id": sample_id, "scored_at": at, "decided": decided}]
        )
    found = {one.sample_id for one in presumed(payments)}
    assert stopped not in found
    assert passed in found


def test_what_was_let_through_tells_what_the_policy_stops(payments: Payments) -> None:
    """Mature payments count with what was reported of them, and for 1 / their probability."""
    tables, ports = payments.ports.tables, payments.ports
    found = add_outcomes(ports, str(payments.chargebacks)).maturity
    assert found is not None
    assert found.mature_days is not None
    row = {"batch": "b", "model_version": "1", "policy": "p", "lane": "auto", "label": "fraud"}
    chances = {key: 0.2 if number % 2 else 0.1 for number, key in enumerate(sorted(payments.label_of))}
    tables.predictions.append(
        [
            row | {"sample_id": key, "scored_at": ports.clock(), "decided": "genuine", "let_through": chance}
            for key, chance in chances.items()
        ]
    )
    state = read_state(tables, ports.settings)
    report = read_let_through_report(ports, state, found)

    assert report is not None
    times = sample_times(tables, ports.settings, ports.modality, list(chances))
    mature = [key for key, at in times.items() if found.as_of - at >= found.mature_days * DAY]
    frauds = {record.sample_id for record in state.snapshot.gold.records if record.label == "fraud"}
    hits = sum(1 / chances[key] for key in mature if key in frauds)
    assert (report.n, report.n_mature) == (len(chances), len(mature))
    assert report.wrong.estimate is not None
    assert report.wrong.estimate.value == pytest.approx(hits / sum(1 / chances[key] for key in mature))
    reported = state.snapshot.reported
    assert f"let through: 600, {len(mature)} of them mature" in outcomes_line(reported, found, report)


def test_few_chargebacks_tell_no_delay(payments: Payments, tmp_path: Path) -> None:
    """The words say how many there are, and how many it takes."""
    assert outcomes_line((), None) == ""
    few = write_rows(tmp_path / "few.csv", [("P1", "chargeback")], ("id", "kind"))
    found = add_outcomes(payments.ports, str(few)).maturity
    assert maturity_lines(found) == [
        "delay of chargebacks: too few, n=1 with a delay; 30 of samples of different age show it"
    ]
