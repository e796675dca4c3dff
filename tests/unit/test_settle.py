"""Settling the policy: what audits let the model accept, suspended where they speak against it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from goldloop.adapters.memory import memory_tables
from goldloop.core.lanes import Lane
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.core.splits import Split
from goldloop.core.table_ports import Row, Tables
from goldloop.gold.records import GoldRecord
from goldloop.routing.policies import Band, Policy, PolicyEntry, Supported, Suspended, Target, route
from goldloop.routing.settle import is_asked_for, settle_policy
from goldloop.settings import Settings
from goldloop.settings.sections import PolicySettings
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.traffic import policy_evidence
from tests.records import audited_record

NOW = datetime(2026, 3, 2, tzinfo=UTC)
LABELS = ("ham", "spam")


def settings(**policy: object) -> Settings:
    """Return settings of two labels with this policy."""
    return Settings(name="texts", labels=LABELS, policy=PolicySettings(**policy))  # type: ignore[arg-type]


def audited(number: int, label: str, *, split: Split = Split.HOLDOUT) -> GoldRecord:
    """Return an audited sample that people call `label`."""
    return audited_record(_id(number), label, split=split)


def evaluations(numbers: range, *, model: str = "1", spam: float = 0.95) -> list[Row]:
    """Return that `model` called these samples spam with probability `spam`."""
    return [
        {
            "sample_id": _id(number),
            "model_version": model,
            "gold_version": 1,
            "probs": [1 - spam, spam],
            "evaluated_at": NOW,
        }
        for number in numbers
    ]


def accepted_as_spam(number: int) -> Row:
    """Return the prediction that model 1 accepted this sample as spam."""
    return {
        "sample_id": _id(number),
        "batch": "b",
        "model_version": "1",
        "policy": "band[0.4,0.7]",
        "lane": str(Lane.AUTO),
        "label": "spam",
        "confidence": 0.95,
        "margin": 0.9,
        "probs": [0.05, 0.95],
        "scored_at": NOW,
    }


def _id(number: int) -> SampleId:
    return sample_id_of(f"sample {number}".encode())


def settled(
    tables: Tables, gold: list[GoldRecord], asked_for: Settings | None = None, *, weeks: int = 0
) -> PolicyEntry:
    """Settle the policy of model 1, `weeks` later, and log it."""
    wanted = asked_for or settings()
    entry = settle_policy(
        policy_evidence(tables, gold, wanted.label_set, "1"),
        wanted,
        model_version="1",
        gold_version=1,
        people=None,
        at=NOW + timedelta(weeks=weeks),
    )
    PolicyLog(tables.policies).settle(entry)
    return entry


def holdout(*, n_right: int, n_wrong: int) -> list[GoldRecord]:
    """Return audits of which the first `n_right` are spam, as the model says, and the others are not."""
    return [audited(i, "spam") for i in range(n_right)] + [
        audited(n_right + i, "ham") for i in range(n_wrong)
    ]


def opened(tables: Tables, n: int = 60) -> PolicyEntry:
    """Settle a policy that `n` right audits of the holdout support."""
    tables.evaluations.append(evaluations(range(1000)))
    return settled(tables, holdout(n_right=n, n_wrong=0))


def test_before_any_audit_the_model_accepts_nothing() -> None:
    """The reason tells how many audits are missing, and settling again writes nothing new."""
    tables = memory_tables()

    entry = settled(tables, [], settings(band=(0.3, 0.8)))
    settled(tables, [], settings(band=(0.3, 0.8)), weeks=1)

    assert entry.policy == Supported(Band(0.3, 0.8), None)
    assert entry.reasons[-1] == (
        "nothing is accepted by the model yet: at least 59 audits, all of them right, are needed to show "
        "95.0%; there are 0"
    )
    assert PolicyLog(tables.policies).entries() == [entry]


@pytest.mark.parametrize(
    ("n_right", "n_wrong", "opens"),
    [(58, 0, False), (59, 0, True), (80, 1, False), (100, 1, True), (200, 20, False)],
)
def test_audits_open_the_auto_lane(n_right: int, n_wrong: int, opens: bool) -> None:
    """At most 5 % wrong is shown with a certainty of 95 %: 59 right audits do, or 93 with one wrong."""
    tables = memory_tables()
    tables.evaluations.append(evaluations(range(1000)))

    entry = settled(tables, holdout(n_right=n_right, n_wrong=n_wrong))

    assert entry.policy == Supported(Band(0.4, 0.7), 0.0 if opens else None)


def test_it_opens_only_from_the_confidence_that_audits_support() -> None:
    """Sure samples are right and less sure ones are not: annotators get the latter."""
    tables = memory_tables()
    tables.evaluations.append(
        evaluations(range(100), spam=0.95) + evaluations(range(100, 150), spam=0.8)  # the last half wrong
    )

    policy = settled(tables, holdout(n_right=125, n_wrong=25)).policy

    assert isinstance(policy, Supported)
    assert policy.threshold is not None
    rows = np.array([[0.05, 0.95], [0.2, 0.8], [0.45, 0.55]])
    assert route(rows, policy) == [Lane.AUTO, Lane.REVIEW, Lane.REVIEW]


def test_audits_of_the_models_own_traffic_open_it_too() -> None:
    """Samples of validation that the model scored before they were labelled, beside those of the holdout."""
    tables = memory_tables()
    tables.evaluations.append(evaluations(range(30)))
    tables.predictions.append([accepted_as_spam(number) for number in range(20, 60)])
    gold = holdout(n_right=30, n_wrong=0)
    gold += [audited(number, "spam", split=Split.VALIDATION) for number in range(30, 60)]

    assert settled(tables, gold).policy == Supported(Band(0.4, 0.7), 0.0)


def test_an_unlucky_audit_does_not_close_what_is_open() -> None:
    """One wrong of sixty may be chance: a warning, and the threshold stays; for another model it does not."""
    tables = memory_tables()
    opened(tables, 59)
    tables.evaluations.append(evaluations(range(60), model="2"))
    gold = holdout(n_right=59, n_wrong=1)

    entry = settled(tables, gold, weeks=1)
    other = settle_policy(
        policy_evidence(tables, gold, settings().label_set, "2"),
        settings(),
        model_version="2",
        gold_version=1,
        people=None,
        at=NOW,
    )

    assert entry.policy == Supported(Band(0.4, 0.7), 0.0)
    assert entry.warnings
    assert "as certified before" in entry.reasons[-1]
    assert other.policy == Supported(Band(0.4, 0.7), None)


def test_too_many_errors_among_accepted_suspend_the_policy_until_audits_clear_it() -> None:
    """The warning states the share seen; the suspension ends once later audits show few errors."""
    tables = memory_tables()
    opened(tables)

    bad = settled(tables, holdout(n_right=60, n_wrong=30), weeks=1)
    still = settled(tables, holdout(n_right=90, n_wrong=30), weeks=2)
    good = settled(tables, holdout(n_right=900, n_wrong=30), weeks=3)

    assert bad.policy == Suspended(Band(0.4, 0.7))
    assert any("holdout" in warning and "0.333" in warning for warning in bad.warnings)
    assert still.policy == Suspended(Band(0.4, 0.7))
    assert good.policy == Supported(Band(0.4, 0.7), 0.0)
    assert PolicyLog(tables.policies).in_force("1") == good


def test_samples_below_the_band_say_nothing_about_what_is_accepted() -> None:
    """Errors in the review lane never suspend the policy."""
    tables = memory_tables()
    tables.evaluations.append(evaluations(range(60)) + evaluations(range(60, 160), spam=0.6))

    assert settled(tables, holdout(n_right=60, n_wrong=100)).policy == Supported(Band(0.4, 0.7), 0.0)


def test_another_models_evaluations_do_not_count() -> None:
    """A policy is settled for one model, from the predictions of that model."""
    tables = memory_tables()
    tables.evaluations.append(evaluations(range(60), model="2"))

    assert settled(tables, holdout(n_right=60, n_wrong=0)).policy == Supported(Band(0.4, 0.7), None)


def test_errors_in_recent_traffic_suspend_too() -> None:
    """A week of bad images shows in the model's own traffic, validation included, before any retrain."""
    tables = memory_tables()
    opened(tables)
    gold = [audited(i, "ham", split=Split.VALIDATION) for i in range(2000, 2030)]
    tables.predictions.append([accepted_as_spam(i) for i in range(2000, 2030)])

    entry = settled(tables, holdout(n_right=60, n_wrong=0) + gold, weeks=1)

    assert entry.policy == Suspended(Band(0.4, 0.7))
    assert any("last 4 rounds" in warning for warning in entry.warnings)


def test_errors_outside_the_window_do_not_suspend() -> None:
    """Traffic of rounds before the window does not count; the holdout still holds its samples."""
    tables = memory_tables()
    opened(tables)
    gold = [audited(i, "ham", split=Split.VALIDATION) for i in range(2000, 2030)]
    tables.predictions.append([accepted_as_spam(i) for i in range(2000, 2030)])
    tables.rounds.append(
        [{"round": number, "closed_at": NOW + timedelta(weeks=1 + number)} for number in range(5)]
    )

    entry = settled(tables, holdout(n_right=60, n_wrong=0) + gold, weeks=6)

    assert entry.policy == Supported(Band(0.4, 0.7), 0.0)


def test_a_suspension_outlives_the_audits_it_rests_on() -> None:
    """Without any audit of an accepted sample the policy stays suspended."""
    tables = memory_tables()
    opened(tables)
    settled(tables, holdout(n_right=60, n_wrong=30), weeks=1)

    assert settled(tables, [], weeks=2).policy == Suspended(Band(0.4, 0.7))


def test_a_target_without_evidence_accepts_nothing() -> None:
    """The reason says what is missing; with enough audits there is a threshold."""
    tables = memory_tables()
    tables.evaluations.append(evaluations(range(1000)))
    wanted = settings(kind="target", target=0.95)

    few = settled(tables, holdout(n_right=20, n_wrong=0), wanted)
    many = settled(tables, holdout(n_right=1000, n_wrong=0), wanted, weeks=1)

    assert few.policy == Target(0.95, 0.05, None)
    assert few.reasons
    assert isinstance(many.policy, Target)
    assert many.policy.threshold is not None


@pytest.mark.parametrize(
    ("policy", "is_asked"),
    [
        (Band(0.4, 0.7), True),
        (Suspended(Band(0.4, 0.7)), True),
        (Supported(Band(0.4, 0.7), 0.9), True),
        (Supported(Band(0.3, 0.7), 0.9), False),
        (Band(0.4, 0.8), False),
        (Band(0.4, 0.7, Lane.REVIEW), False),
        (Target(0.98, 0.05, 0.9), False),
    ],
)
def test_a_policy_that_the_settings_no_longer_ask_for_is_noticed(policy: Policy, is_asked: bool) -> None:
    """Whatever was fitted in it, its kind and its numbers are the settings' own."""
    assert is_asked_for(policy, settings()) is is_asked
    assert is_asked_for(Target(0.98, 0.05, 0.9), settings(kind="target"))
