"""A workspace in which two rounds were scored, one was closed and audits have come back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner, Result

from goldloop.adapters.delta import open_tables
from goldloop.cli.main import app
from goldloop.core.probs import confidence, margin
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.core.table_ports import Tables
from goldloop.gold.records import GoldRecord
from goldloop.routing.policies import Band, Policy, PolicyEntry, route
from goldloop.settings.workspace import Workspace
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.rounds import save_round
from goldloop.training.promotion import RoundRecord
from tests.records import audited_record

NOW = datetime(2026, 3, 2, tzinfo=UTC)
BAND = Band(0.4, 0.7)
N = 120
"""Samples, half of them scored before round 0 was closed and half after; every third is audited."""


def sample(number: int) -> SampleId:
    """Return the id of a sample."""
    return sample_id_of(f"sample {number}".encode())


def spam(number: int) -> float:
    """Return what the model gives spam: between 0.5 and 0.99, ever higher within a round."""
    return 0.5 + 0.49 * (number % 60) / 59


def true_label(number: int) -> str:
    """Return ham for every tenth sample, where the model is wrong."""
    return "ham" if number % 10 == 0 else "spam"


@dataclass(frozen=True)
class Stage:
    """A workspace in which two rounds were scored, one was closed and audits have come back."""

    workspace: Workspace
    tables: Tables

    def run(self, *words: str) -> Result:
        """Run a command in this workspace; its failure is the test's."""
        result = CliRunner().invoke(app, [*words, "--workspace", str(self.workspace.root)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def versions(self) -> dict[str, int]:
        """Return the version of every table."""
        return {name: table.version() for name, table in self.tables.named.items()}

    def settle(self, policy: Policy) -> None:
        """Put a policy in force for model 1."""
        entry = PolicyEntry(policy, "1", 1, ("because",), ("beware",), NOW)
        PolicyLog(self.tables.policies).settle(entry)

    def reroute(self, number: int, policy: Policy) -> None:
        """Give one sample a newer prediction under another policy."""
        self.tables.predictions.append([prediction(number, policy, at=NOW + timedelta(days=30))])


def prediction(number: int, policy: Policy, *, at: datetime) -> dict[str, Any]:
    """Return a row of the predictions table."""
    probs = np.array([[1 - spam(number), spam(number)]])
    return {
        "sample_id": sample(number),
        "batch": "b",
        "model_version": "1",
        "policy": policy.version,
        "lane": str(route(probs, policy)[0]),
        "label": "spam",
        "confidence": float(confidence(probs)[0]),
        "margin": float(margin(probs)[0]),
        "probs": probs[0].tolist(),
        "scored_at": at,
        "audit_probability": 0.25,
    }


def audited(number: int) -> GoldRecord:
    """Return what people, blind, said of an audited sample."""
    return audited_record(sample(number), true_label(number), inclusion_probability=0.25)


def made_stage(folder: Path) -> Stage:
    """Return such a workspace in `folder`."""
    workspace = Workspace.create(folder / "texts", labels=["ham", "spam"])
    tables = open_tables(workspace.tables)
    tables.predictions.append(
        [prediction(number, BAND, at=NOW - timedelta(days=7 * (number < 60))) for number in range(N)]
    )
    closed = NOW - timedelta(days=1)
    save_round(tables.rounds, RoundRecord(0, closed, 1, "", 0, 0, "1", "promoted", None, {}, None, {}))
    records = [audited(number) for number in range(0, N, 3)]
    GoldStore(tables.gold).commit(lambda: records, reason=lambda _: "audits")
    tables.evaluations.append(
        [
            {
                "sample_id": one.sample_id,
                "model_version": "1",
                "gold_version": 1,
                "probs": [1 - spam(number), spam(number)],
                "evaluated_at": NOW,
            }
            for number, one in zip(range(0, N, 3), records, strict=True)
        ]
    )
    return Stage(workspace, tables)
