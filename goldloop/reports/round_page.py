"""The round's page: what the tables know, put before people's eyes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from flows.annotators import report_annotators
from flows.costs import report_costs
from goldloop.audit.audited import audited_traffic
from goldloop.audit.estimates import report_audit
from goldloop.consensus.outcomes import open_audit_note
from goldloop.core.clock import now
from goldloop.gold.records import GoldRecord
from goldloop.labeling.relabel import read_relabels
from goldloop.reports.annotators_section import LabelIssueTile, annotator_section
from goldloop.reports.costs_section import cost_section
from goldloop.reports.page import MOST_LABEL_ISSUES, Page, RoundRow, Tile, render_page
from goldloop.reports.plots import (
    accuracy_plot,
    baseline_curve,
    champion_curve,
    confusion_plot,
    lanes_plot,
    random_labels_curve,
)
from goldloop.reports.plots.style import Plot
from goldloop.reports.round_plots import champion_plots, newest_batch_plot
from goldloop.reports.routing_section import RoutingSection, routing_section
from goldloop.stats.metrics import Estimate
from goldloop.tables.batches import read_seen
from goldloop.tables.counts import conservation
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.rounds import read_rounds
from goldloop.tables.traffic import judged_by, read_traffic
from goldloop.training.promotion import Evaluation, winner
from goldloop.training.round_record import RoundRecord
from goldloop.wiring import Wiring

N_TILES = 60
HOLDOUT = "holdout"


def round_rows(records: list[RoundRecord], random: Mapping[int, Estimate] | None = None) -> list[RoundRow]:
    """Return the rows of the page's table; the champion is the one after the round's decision."""
    return [
        RoundRow(
            round=one.round,
            gold_version=one.gold_version,
            n_gold=one.n_gold,
            n_labels_spent=one.n_annotations,
            lanes=one.lanes,
            baseline=_accuracy(one.evaluations.get("baseline") or one.evaluations.get("challenger")),
            champion=_accuracy(winner_of(one)),
            random_labels=(random or {}).get(one.round),
            decision=one.decision,
            outcome=one.outcome,
        )
        for one in records
    ]


def _accuracy(evaluation: Evaluation | None) -> Estimate | None:
    return evaluation.accuracy if evaluation else None


def winner_of(record: RoundRecord) -> Evaluation | None:
    """Return the evaluation of the model that scores after the round."""
    return winner(record.evaluations, record.decision)


def curve_plot(rows: list[RoundRow], *, kind: str = "svg", split: str = HOLDOUT) -> bytes:
    """Return the accuracies over rounds as a plot."""
    curves = [champion_curve([row.champion for row in rows]), baseline_curve([row.baseline for row in rows])]
    if any(row.random_labels for row in rows):
        curves.append(random_labels_curve([row.random_labels for row in rows]))
    spent = [row.n_labels_spent for row in rows]
    return accuracy_plot(
        [row.round for row in rows],
        curves,
        split=split,
        labels_spent=spent,
        kind="png" if kind == "png" else "svg",
    )


def curve_png(parts: Wiring) -> bytes:
    """Return the accuracies over the workspace's rounds as PNG."""
    return curve_plot(round_rows(read_rounds(parts.tables.rounds)), kind="png")


def write_page(parts: Wiring) -> Path:
    """Write the page of the newest round into the workspace's reports folder; return where it lies."""
    records = read_rounds(parts.tables.rounds)
    return save_page(parts, round_page(parts), f"round-{records[-1].round if records else 0:03d}.html")


def round_page(parts: Wiring) -> Page:
    """Return the page of the newest round."""
    records = read_rounds(parts.tables.rounds)
    rows = round_rows(records)
    number = records[-1].round if records else 0
    unsettled = open_audit_note(parts.read_outcomes().samples)
    notes = [] if records else ["No model yet: too little gold to train and judge one."]
    return Page(
        title=f"{parts.workspace.settings.name}: round {number}",
        generated_at=now(),
        rounds=tuple(rows),
        plots=round_plots(parts, records, rows),
        gallery=gallery(parts),
        people=annotator_section(report_annotators(parts)),
        costs=cost_section(report_costs(parts)),
        routing=routing_of(parts, champion_of(records)),
        label_issues=label_issue_tiles(parts),
        conservation=conservation(parts.tables),
        links=links(parts),
        notes=(*notes, *([unsettled] if unsettled else [])),
    )


def champion_of(records: list[RoundRecord]) -> str | None:
    """Return the version of the model that scores after the newest round."""
    winner = winner_of(records[-1]) if records else None
    return winner.model_version if winner else None


def routing_of(parts: Wiring, champion: str | None) -> RoutingSection | None:
    """Return what the page says of routing; None before there is a champion."""
    if champion is None:
        return None
    labels, gold = parts.workspace.settings.label_set, parts.gold.records()
    traffic = read_traffic(parts.tables, labels)
    seen = read_seen(parts.tables.batches)
    entry = PolicyLog(parts.tables.policies).in_force(champion)
    judged = judged_by(parts.tables, gold, labels, champion)
    return routing_section(
        entry,
        report_audit(audited_traffic(traffic, gold, labels), traffic, labels=labels),
        n_by_lane=dict(Counter(traffic.lanes.tolist())),
        newest=seen[-1].batch if seen else "",
        moved=tuple(one.sentence for one in seen[-1].check.drifts) if seen else (),
        plots=(
            *champion_plots(parts, judged, entry.policy if entry else None),
            *newest_batch_plot(seen),
        ),
    )


def save_page(parts: Wiring, page: Page, name: str) -> Path:
    """Write `page` as `name` into the reports folder, whole or not at all."""
    parts.workspace.reports.mkdir(parents=True, exist_ok=True)
    target = parts.workspace.reports / name
    beside = target.with_name(f".{name}.part")
    beside.write_text(render_page(page), encoding="utf-8")
    beside.replace(target)
    return target


def round_plots(parts: Wiring, records: list[RoundRecord], rows: list[RoundRow]) -> tuple[Plot, ...]:
    """Return curve, lanes and the newest challenger's confusion matrix; none before the first round."""
    del parts
    if not records:
        return ()
    plots = [Plot("Accuracy over rounds, judged on the holdout that was drawn at random", curve_plot(rows))]
    with_lanes = [one for one in records if one.lanes]
    if with_lanes:
        caption = (
            "The newest lane of every sample at the end of each round; labelled ones keep the lane they had"
        )
        drawn = lanes_plot([one.round for one in with_lanes], [one.lanes for one in with_lanes])
        plots.append(Plot(caption, drawn))
    winner = winner_of(records[-1])
    if winner is not None:
        plots.append(
            Plot(f"What model {winner.model_version} takes for what, on holdout", confusion_plot(winner))
        )
    return tuple(plots)


def gallery(parts: Wiring) -> tuple[Tile, ...]:
    """Return thumbnails of gold: where people disagreed, where they corrected the model, then the newest."""

    def interest(one: GoldRecord) -> tuple[bool, bool, float]:
        is_corrected = one.suggested_label not in (None, one.label)
        return (len(one.votes) < 2, not is_corrected, -one.labelled_at.timestamp())

    tiles = []
    for one in sorted(parts.gold.records(), key=interest)[:N_TILES]:
        preview = parts.modality.preview(one.sample_id)
        if preview is not None:
            tiles.append(Tile(preview, one.label, one.suggested_label, None, one.votes, one.lane))
    return tuple(tiles)


def label_issue_tiles(parts: Wiring) -> tuple[LabelIssueTile, ...]:
    """Return thumbnails of the gold labels in doubt, most issue first, with what people made of each."""
    tiles = []
    for one in read_relabels(parts.tables, parts.task_log, parts.gold)[:MOST_LABEL_ISSUES]:
        found = one.issue
        preview = parts.modality.preview(found.sample_id)
        if preview is not None:
            tiles.append(
                LabelIssueTile(preview, found.label, found.suggested_label, found.self_confidence, one.state)
            )
    return tuple(tiles)


def links(parts: Wiring) -> dict[str, str]:
    """Return the addresses of the three servers, and where people begin to work on each queue."""
    found = parts.endpoints
    servers = {
        "Label Studio": found.label_studio.url,
        "Prefect": found.prefect.url,
        "MLflow": found.mlflow.url,
    }
    return servers | parts.queue().project_urls()
