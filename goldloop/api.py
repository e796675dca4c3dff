"""The Python API for notebooks: open a workspace, read its tables, run the steps of the routine."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa

from goldloop.audit.audited import audited_traffic
from goldloop.audit.estimates import AuditReport, report_audit
from goldloop.core.errors import SettingsError
from goldloop.gold.records import GoldChange, GoldVersion, gold_diff
from goldloop.labeling.pull import PullReport
from goldloop.labeling.push import PushReport
from goldloop.loop.checks import CheckRun, checks_of_champion
from goldloop.loop.policy import settle
from goldloop.loop.ports import LoopPorts
from goldloop.loop.pull import pull
from goldloop.loop.push import push
from goldloop.loop.retrain import retrain_if_possible
from goldloop.loop.round import RoundReport, run_round
from goldloop.loop.score import score_files, score_pool
from goldloop.routing.policies import PolicyEntry
from goldloop.scoring.writer import ScoreReport
from goldloop.settings import Settings
from goldloop.tables.counts import Conservation, conservation
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.predictions import newest_predictions
from goldloop.tables.rounds import read_rounds
from goldloop.tables.traffic import read_traffic
from goldloop.training.promotion import RoundRecord
from goldloop.wiring import open_workspace as wire_workspace


@dataclass(frozen=True, slots=True)
class OpenWorkspace:
    """A workspace to read from and to run the routine's steps on.

    Reading needs no server. Tables are Arrow tables; `.to_pandas()` gives a DataFrame. The steps run here and
    now, without Prefect; they need the workspace's servers (`goldloop up`).
    """

    ports: LoopPorts

    @property
    def settings(self) -> Settings:
        """The settings in goldloop.toml, with the preset that goldloop chose where they name none."""
        return self.ports.settings

    def gold(self, version: int | None = None) -> pa.Table:
        """Return the records of a gold version (None: the newest), one row a sample, by sample_id.

        Raises:
            GoldVersionError: there is no such version, or its content does not match its digest.
        """
        return self._gold.rows(version)

    def gold_log(self) -> list[GoldVersion]:
        """Return every gold version, newest first, with its digest, counts and reason.

        One with `removed_at` no longer opens.
        """
        return self._gold.log()

    def gold_diff(self, before: int, after: int | None = None) -> list[GoldChange]:
        """Return the samples that differ between two gold versions (None: the newest)."""
        return gold_diff(self._gold.records(before), self._gold.records(after))

    def predictions(self) -> pa.Table:
        """Return each sample's newest prediction: lane, label, probs with their `label_names`, and so on."""
        return newest_predictions(self.ports.tables)

    def files(self) -> Conservation:
        """Return in which lane, quarantine or duplicate every file that arrived is."""
        return conservation(self.ports.tables)

    def checks(self) -> CheckRun:
        """Return what the champion makes of the behaviour checks, the files in `checks/`."""
        return checks_of_champion(self.ports)

    def estimates(self) -> AuditReport:
        """Return the accuracy of the models on all traffic from blind audits, with 95 % intervals."""
        tables, labels = self.ports.tables, self.settings.label_set
        traffic = read_traffic(tables, labels)
        records = self._gold.records()
        return report_audit(audited_traffic(traffic, records, labels), traffic, labels=labels)

    def rounds(self) -> list[RoundRecord]:
        """Return the record of every closed round, oldest first."""
        return read_rounds(self.ports.tables.rounds)

    def score(self, source: str | Path) -> ScoreReport:
        """Read and score what is new in `source`: a folder, glob, list file or fsspec URI, or a database.

        Rows of a database come from an SQLAlchemy URL that names a table, `sqlite:///a.db?table=payments`.
        """
        return score_files(self.ports, str(source))

    def score_pool(self) -> ScoreReport:
        """Score what nobody has been asked about with the present champion and policy."""
        return score_pool(self.ports)

    def push(self) -> PushReport:
        """Choose this round's samples and push them to the labelling server, each exactly once."""
        return push(self.ports)

    def pull(self) -> PullReport:
        """Pull what annotators answered since the last pull into a new gold version."""
        return pull(self.ports)

    def retrain(self) -> tuple[RoundRecord | None, list[str]]:
        """Train a challenger and let the gate decide; None, with a note, when there is no new gold."""
        return retrain_if_possible(self.ports)

    def settle_policy(self) -> PolicyEntry | None:
        """Settle the champion's policy anew; None before there is a champion."""
        return settle(self.ports)

    def round(self) -> RoundReport:
        """Run the weekly pass: pull, retrain, settle the policy, score the pool, push."""
        return run_round(self.ports)

    @property
    def _gold(self) -> GoldStore:
        return GoldStore(self.ports.tables.gold)


def check_own_packages() -> None:
    """Check that goldloop's other packages are those beside it.

    Raises:
        SettingsError: a file or folder of the user has the name of one and is found before it.
    """
    home = Path(__file__).resolve().parents[1]
    for name in ("models", "flows", "labelstudio_config"):
        spec = find_spec(name)
        if spec is not None and spec.origin and Path(spec.origin).resolve().parents[1] != home:
            raise SettingsError(
                f"`import {name}` finds {spec.origin} in place of goldloop's package in {home}. "
                "Rename it, or start Python in another folder."
            )


def open_workspace(folder: str | Path | None = None) -> OpenWorkspace:
    """Return the workspace in `folder`, else at $GOLDLOOP_WORKSPACE, else around the current folder.

    Raises:
        WorkspaceError: there is no workspace there.
        SettingsError: its goldloop.toml is wrong, or a file of the user hides a package of goldloop.
    """
    check_own_packages()
    return OpenWorkspace(wire_workspace(folder).ports)
