"""The demo's payments: simulated, the same for a seed, with chargebacks weeks later; costs of decisions."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from goldloop.modalities.record.modality import RecordModality
from goldloop.settings.records import RecordSettings
from scripts.demo_loop.datasets import chosen
from scripts.demo_loop.made_payments import KINDS, made_payments
from scripts.demo_loop.options import arguments
from scripts.demo_loop.payment_costs import Decisions, cost_of
from scripts.demo_loop.payments import CONTACT, FEE, LABELS, OUTCOME_COLUMNS, RECORDS, Payments
from scripts.demo_loop.people import ANALYSTS
from scripts.demo_loop.team import SimulatedTeam


@pytest.fixture(scope="module")
def payments() -> Payments:
    """Return the payments of seed 0."""
    return made_payments(seed=0)


def outcomes(payments: Payments, path: Path, weeks: int) -> list[dict[str, str]]:
    """Return the rows that are known some weeks after the last payment of the pool."""
    payments.write_outcomes(path, payments.ended_at + timedelta(weeks=weeks))
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_few_payments_are_frauds_and_the_test_comes_later(payments: Payments) -> None:
    """1 to 2 % in all; no payment of the test is older than one of the pool."""
    every = (*payments.pool, *payments.test)
    counts = Counter(one.label for one in every)

    assert payments.labels == LABELS
    assert counts.total() == 6000
    assert 0.01 < counts["fraud"] / 6000 < 0.02
    assert max(one.fields["at"] for one in payments.pool) <= min(one.fields["at"] for one in payments.test)
    assert len({one.row_id for one in every}) == 6000
    assert len(KINDS) == 3


def test_payments_are_the_same_for_a_seed() -> None:
    """Ids, histories and chargebacks included; another seed makes others."""
    assert made_payments(seed=3, n=400) == made_payments(seed=3, n=400)
    assert made_payments(seed=3, n=400) != made_payments(seed=4, n=400)


def test_fields_tell_what_was_known_at_the_time(payments: Payments) -> None:
    """The payments of the hour before, counted again from the payments; no column has the label."""
    by_customer: dict[str, list[tuple[datetime, float]]] = {}
    for one in payments.pool:
        at, earlier = (
            datetime.fromisoformat(one.fields["at"]),
            by_customer.setdefault(one.fields["customer"], []),
        )
        last_hour = sum(at - before <= timedelta(seconds=3599) for before, _ in earlier)
        assert (
            last_hour
            <= one.fields["payments_1h"]
            <= sum(at - b <= timedelta(seconds=3601) for b, _ in earlier)
        )
        earlier.append((at, one.amount))
    assert not {"label", "chargeback", "kind"} & set(payments.pool[0].fields)


def test_every_payment_is_a_sample(payments: Payments, tmp_path: Path) -> None:
    """goldloop reads the pool as the demo's settings describe it, under the identity that the demo knows."""
    records = RecordModality(tmp_path / "records.sqlite", RecordSettings.model_validate(RECORDS).form)
    arrived = records.reader.arrivals(str(payments.write_pool(tmp_path)), is_known=lambda _: False)

    assert [one.sample_id for one in arrived if one.decoded] == [one.sample_id for one in payments.pool]


def test_chargebacks_arrive_weeks_later_and_some_are_contradicted(payments: Payments, tmp_path: Path) -> None:
    """In the order in which they are known; a later file has all of an earlier one; some stay unknown."""
    early, late = (outcomes(payments, tmp_path / "o.csv", weeks) for weeks in (2, 60))
    frauds = {one.row_id for one in payments.pool if one.label == "fraud"}
    reported = {row["id"] for row in late if row["kind"] == "chargeback"}
    made_at = {one.row_id: datetime.fromisoformat(one.fields["at"]) for one in payments.pool}
    delays = [datetime.fromisoformat(row["observed_at"]) - made_at[row["id"]] for row in late]

    assert tuple(late[0]) == OUTCOME_COLUMNS
    assert 0 < len(early) < len(late)
    assert [row for row in late if row in early] == early
    assert [row["known_at"] for row in late] == sorted(row["known_at"] for row in late)
    assert 0.8 < len(reported & frauds) / len(frauds) < 1
    assert timedelta(weeks=2) < sorted(delays)[len(delays) // 2] < timedelta(weeks=6)
    corrected = {row["id"] for row in late if (row["kind"], row["label"]) == ("manual", "genuine")}
    assert corrected == reported - frauds
    assert corrected


def test_analysts_see_a_fraud_less_often_than_a_genuine_payment(payments: Payments) -> None:
    """Six analysts, each with an accuracy and a pace of their own."""
    team = SimulatedTeam(payments, seed=0)
    fraud = next(one for one in payments.pool if one.label == "fraud")

    assert [one.name for one in team.annotators] == [one.name for one in ANALYSTS]
    assert len({one.pace_s for one in ANALYSTS}) == len(ANALYSTS) == 6
    assert all(one.skill_of(fraud.label) < one.skill_of("genuine") for one in ANALYSTS)


def test_decisions_cost_amounts_contacts_and_time() -> None:
    """A missed fraud its amount and the fee, a stopped customer a contact, a minute its price."""
    amounts, is_fraud = np.array([100.0, 50.0, 20.0, 10.0]), np.array([True, False, True, False])
    way = Decisions("a", np.array([False, True, True, False]), np.array([0.0, 0.0, 60.0, 0.0]))
    found = cost_of(way, amounts, is_fraud, minute=0.5)

    assert found.per_1000.value == pytest.approx(250 * (100 + FEE + CONTACT + 0.5))
    assert (found.n_missed, found.n_stopped, found.to_people) == (1, 1, 0.25)
    assert found.per_1000.low < found.per_1000.value < found.per_1000.high


def test_the_demo_says_that_its_payments_are_simulated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Output and help say so; files of one's own are refused with this kind."""
    said: list[str] = []
    options = arguments(["--kind", "records", "--limit", "300"])
    samples, preset = chosen(options, tmp_path, say=said.append)

    assert (samples.kind, preset, options.budget) == ("records", "lightgbm", 500)
    assert "300 that this demo simulates" in said[0]
    assert "nor rates are real" in said[0]
    with pytest.raises(SystemExit):
        arguments(["--kind", "records", "--posts", "a.csv"])
    assert "--kind records simulates payments" in capsys.readouterr().err
