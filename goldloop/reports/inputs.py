"""What reports show, as values: the one module of this folder that reads tables and stores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from goldloop.annotators.report import AnnotatorReport, annotator_report
from goldloop.audit.audited import Audited, audited_traffic
from goldloop.audit.estimates import AuditReport, report_audit
from goldloop.consensus.outcomes import n_by_step, open_audit_note
from goldloop.core.ports import Tables
from goldloop.costs.inputs import CostInputs, cost_inputs
from goldloop.costs.report import CostReport, cost_report
from goldloop.drift.history import Seen
from goldloop.gold.records import GoldRecord
from goldloop.labeling.relabel import Relabel, relabels_of
from goldloop.labeling.state import LoopState, read_state
from goldloop.loop.policy import cautions, known_people
from goldloop.loop.ports import LoopPorts
from goldloop.reports.gallery import MOST_TILES, Thumbnails, shown_gold
from goldloop.reports.status import Status
from goldloop.routing.entry import PolicyEntry
from goldloop.routing.tuning import Tuning, tune
from goldloop.services import Endpoints
from goldloop.settings import Settings
from goldloop.tables.batches import read_seen
from goldloop.tables.counts import Conservation, annotation_counts, conservation, task_counts
from goldloop.tables.label_errors import read_label_issues
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.predictions import suggested_labels
from goldloop.tables.rounds import read_rounds
from goldloop.tables.traffic import evaluated_holdout, read_traffic
from goldloop.training.promotion import RoundRecord, winner


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


def read_page_inputs(ports: LoopPorts, *, links: Mapping[str, str]) -> PageInputs:
    """Return the values behind the page of a workspace's newest round.

    `links` are addresses by name.
    """
    settings, tables = ports.settings, ports.tables
    state = read_state(tables, settings)
    outcomes, requests = state.outcomes, state.snapshot.requests.requests
    gold, rounds = list(state.snapshot.gold.records), read_rounds(tables.rounds)
    relabels = relabels_of(read_label_issues(tables.label_errors), state.snapshot)
    wanted = [record.sample_id for record in shown_gold(gold)]
    wanted += [relabel.issue.sample_id for relabel in relabels[:MOST_TILES]]
    previews = {sample_id: ports.modality.preview(sample_id) for sample_id in wanted}
    return PageInputs(
        name=settings.name,
        generated_at=ports.clock(),
        rounds=rounds,
        gold=gold,
        relabels=relabels,
        thumbnails={sample_id: preview for sample_id, preview in previews.items() if preview is not None},
        annotators=annotator_report(outcomes, requests, settings),
        costs=cost_report(read_cost_inputs(tables, state, settings), settings),
        routing=_routing_inputs(ports, gold, rounds),
        conservation=conservation(tables),
        links=links,
        unsettled=open_audit_note(outcomes.samples),
    )


def read_cost_inputs(tables: Tables, state: LoopState, settings: Settings) -> CostInputs:
    """Return what the cost statements of a workspace are computed from."""
    snapshot = state.snapshot
    return cost_inputs(
        outcomes=state.outcomes,
        answer_requests=snapshot.requests.requests,
        gold=snapshot.gold.records,
        traffic=read_traffic(tables, settings.label_set),
        suggested=suggested_labels(tables, snapshot.gold.records),
        closed=sorted(snapshot.closed_at),
        labels=settings.label_set,
    )


def _routing_inputs(
    ports: LoopPorts, gold: Sequence[GoldRecord], rounds: Sequence[RoundRecord]
) -> RoutingInputs | None:
    champion = winner(rounds[-1].evaluations, rounds[-1].decision) if rounds else None
    if champion is None:
        return None
    settings, tables, version = ports.settings, ports.tables, champion.model_version
    labels = settings.label_set
    traffic = read_traffic(tables, labels)
    entry = PolicyLog(tables.policies).in_force(version)
    judged = evaluated_holdout(tables, gold, labels, version)
    tuning = None
    if entry is not None and len(judged):
        tuning = tune(judged, settings, present=entry.policy, people=known_people(ports))
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
    state: LoopState,
    *,
    workspace: str,
    champion: str | None,
    champion_problem: str | None,
    policy: str | None,
    servers: Mapping[str, str],
) -> Status:
    """Return where everything in `tables` stands; champion, policy and servers are handed in."""
    closed, snapshot = read_rounds(tables.rounds), state.snapshot
    return Status(
        workspace=workspace,
        round=snapshot.round,
        files=conservation(tables),
        tasks=task_counts(snapshot),
        annotations=annotation_counts(snapshot.annotations),
        needs={str(step): n for step, n in sorted(n_by_step(state.outcomes.samples).items())},
        gold=snapshot.gold.version,
        champion=champion,
        champion_problem=champion_problem,
        policy=policy,
        cautions=tuple(cautions(tables)),
        last_round=closed[-1] if closed else None,
        servers=servers,
    )
