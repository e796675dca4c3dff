"""What reports show, as values: the one module of this folder that reads tables and stores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from goldloop.annotators.report import AnnotatorReport, annotator_report
from goldloop.audit.audited import Audited, audited_traffic
from goldloop.audit.estimates import AuditReport, report_audit
from goldloop.consensus.outcomes import SampleOutcome, n_by_step, open_audit_note
from goldloop.core.clock import now
from goldloop.core.ports import Tables
from goldloop.costs.inputs import read_books
from goldloop.costs.report import CostReport, cost_report
from goldloop.drift.history import Seen
from goldloop.gold.records import GoldRecord
from goldloop.labeling.relabel import Relabel, read_relabels
from goldloop.reports.gallery import MOST_TILES, Thumbnails, shown_gold
from goldloop.reports.status import Status
from goldloop.routing.entry import PolicyEntry
from goldloop.routing.tuning import Tuning, tune
from goldloop.services import Endpoints
from goldloop.tables.batches import read_seen
from goldloop.tables.counts import Conservation, annotation_counts, conservation, task_counts
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.rounds import current_round, read_rounds
from goldloop.tables.traffic import judged_by, read_traffic
from goldloop.training.promotion import winner
from goldloop.training.round_record import RoundRecord

if TYPE_CHECKING:
    from goldloop.wiring import Wiring


@dataclass(frozen=True, slots=True)
class RoutingInputs:
    """What is known of routing, once there is a champion.

    `entry` is None while no policy is in force for the champion. `n_by_lane` counts the traffic as first
    scored. `seen` holds the scoring passes, oldest first. `judged` is the holdout as the champion judged it,
    `tuning` what these audits say of policies; None while there are none.
    """

    entry: PolicyEntry | None
    audit: AuditReport
    n_by_lane: Mapping[str, int]
    seen: Sequence[Seen] = ()
    judged: Audited | None = None
    tuning: Tuning | None = None


@dataclass(frozen=True, slots=True)
class PageInputs:
    """Everything that the page of a round shows, as values.

    `rounds` are the closed ones, oldest first. `relabels` begins with the least likely gold label.
    `thumbnails` holds those of the gold and relabels that the page shows. `routing` is None before there is a
    champion. `unsettled` is a sentence about open audit samples, None if there are none.
    """

    name: str
    generated_at: datetime
    rounds: Sequence[RoundRecord]
    gold: Sequence[GoldRecord]
    relabels: Sequence[Relabel]
    thumbnails: Thumbnails
    annotators: AnnotatorReport
    costs: CostReport
    routing: RoutingInputs | None
    conservation: Conservation
    links: Mapping[str, str]
    unsettled: str | None


def read_page_inputs(parts: Wiring) -> PageInputs:
    """Return the values behind the page of a workspace's newest round."""
    from goldloop.modalities.image.thumbnail import thumbnail

    settings, tables = parts.workspace.settings, parts.tables
    outcomes, requests, gold = parts.read_outcomes(), parts.answer_requests.all(), parts.gold.records()
    rounds = read_rounds(tables.rounds)
    relabels = read_relabels(tables, parts.task_log, parts.gold)
    wanted = [record.sample_id for record in shown_gold(gold)]
    wanted += [relabel.issue.sample_id for relabel in relabels[:MOST_TILES]]
    files = {sample_id: parts.store.file(sample_id) for sample_id in wanted}
    return PageInputs(
        name=settings.name,
        generated_at=now(),
        rounds=rounds,
        gold=gold,
        relabels=relabels,
        thumbnails={sample_id: thumbnail(file) for sample_id, file in files.items() if file is not None},
        annotators=annotator_report(outcomes, requests, settings),
        costs=cost_report(read_books(tables, outcomes, requests, gold, settings.label_set), settings),
        routing=_routing_inputs(parts, gold, rounds),
        conservation=conservation(tables),
        links=server_addresses(parts.endpoints) | parts.queue().project_urls(),
        unsettled=open_audit_note(outcomes.samples),
    )


def _routing_inputs(
    parts: Wiring, gold: Sequence[GoldRecord], rounds: Sequence[RoundRecord]
) -> RoutingInputs | None:
    champion = winner(rounds[-1].evaluations, rounds[-1].decision) if rounds else None
    if champion is None:
        return None
    settings, tables, version = parts.workspace.settings, parts.tables, champion.model_version
    labels = settings.label_set
    traffic = read_traffic(tables, labels)
    entry = PolicyLog(tables.policies).in_force(version)
    judged = judged_by(tables, gold, labels, version)
    tuning = None
    if entry is not None and len(judged):
        tuning = tune(judged, settings, present=entry.policy, people=parts.known_people())
    return RoutingInputs(
        entry=entry,
        audit=report_audit(audited_traffic(traffic, gold, labels), traffic, labels=labels),
        n_by_lane=Counter(traffic.lanes.tolist()),
        seen=read_seen(tables.batches),
        judged=judged,
        tuning=tuning,
    )


def server_addresses(endpoints: Endpoints) -> dict[str, str]:
    """Return the addresses of the three servers, by name."""
    return {
        "Label Studio": endpoints.label_studio.url,
        "Prefect": endpoints.prefect.url,
        "MLflow": endpoints.mlflow.url,
    }


def read_status(
    tables: Tables,
    gold: GoldStore,
    *,
    outcomes: Sequence[SampleOutcome],
    workspace: str,
    champion: str | None,
    champion_problem: str | None,
    policy: str | None,
    cautions: Sequence[str],
    servers: Mapping[str, str],
) -> Status:
    """Return where everything in `tables` stands; champion and servers are handed in."""
    closed = read_rounds(tables.rounds)
    return Status(
        workspace=workspace,
        round=current_round(tables),
        files=conservation(tables),
        tasks=task_counts(tables),
        annotations=annotation_counts(tables),
        needs={str(step): n for step, n in sorted(n_by_step(outcomes).items())},
        gold=gold.newest(),
        champion=champion,
        champion_problem=champion_problem,
        policy=policy,
        cautions=tuple(cautions),
        last_round=closed[-1] if closed else None,
        servers=servers,
    )
