"""The sections about rounds: what each had, spent and decided, and the accuracy over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from goldloop.core.lanes import Lane, lane_shares
from goldloop.core.splits import Split
from goldloop.reports.checks import check_lines
from goldloop.reports.formatting import NOTHING, Cell, lanes_cell, number, percent, percent_cell
from goldloop.reports.plots.audits import reliability_plot, tuning_plot
from goldloop.reports.plots.matrices import confusion_plot
from goldloop.reports.plots.rounds import RANDOM_LABELS, accuracy_plot, lanes_plot
from goldloop.reports.section import Format, Picture, Plot, Row, Section, Table
from goldloop.reports.steps import evaluation_rows, retrain_title
from goldloop.routing.fit import KnownPeople, fit_policy
from goldloop.routing.tuning import tune
from goldloop.settings import Settings
from goldloop.stats.metrics import Estimate
from goldloop.training.evaluate import BASELINE, CHALLENGER, HoldoutEvaluation
from goldloop.training.promotion import Decision, Evaluation, RoundRecord, winner

KINDS: tuple[Format, ...] = ("png", "svg")
NO_ROUND = (
    "No round has been closed yet. Run `goldloop push`, let annotators label the tasks, "
    "then run `goldloop round`."
)


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One closed round with the accuracies to show.

    `random_labels` is a model trained on as many randomly chosen labels, where there is one to compare with.
    """

    record: RoundRecord
    baseline: Estimate | None
    champion: Estimate | None
    random_labels: Estimate | None = None


def round_rows(records: Sequence[RoundRecord]) -> list[RoundRow]:
    """Return a row for each record; the champion is the one after the round's decision."""
    judged = [(record, *accuracies(record.evaluations, record.decision)) for record in records]
    return [RoundRow(record, baseline=baseline, champion=champion) for record, champion, baseline in judged]


def accuracies(
    evaluations: Mapping[str, Evaluation], decision: Decision | None
) -> tuple[Estimate | None, Estimate | None]:
    """Return the accuracies of the champion after `decision` and of the fixed baseline.

    The first model is the baseline itself.
    """
    champion = winner(evaluations, decision)
    baseline = evaluations.get(BASELINE) or evaluations.get(CHALLENGER)
    return champion.accuracy if champion else None, baseline.accuracy if baseline else None


def facts(rows: Sequence[RoundRow]) -> dict[str, Cell]:
    """Return the newest round in four figures; nothing before the first round."""
    if not rows:
        return {}
    newest = rows[-1]
    record, shares = newest.record, lane_shares(newest.record.lanes)
    accepted = percent(shares[Lane.AUTO]) if shares else NOTHING
    return {
        "Champion accuracy": percent_cell(newest.champion),
        "Baseline accuracy": percent_cell(newest.baseline),
        "Accepted by the model": Cell(accepted, "of the scored samples"),
        "Labels spent": Cell(number(record.n_annotations), f"for {record.n_gold:,} gold samples"),
    }


def rounds_section(rows: Sequence[RoundRow], plots: Sequence[Plot] = ()) -> Section:
    """Return every round with its accuracies and decision, oldest first."""
    if not rows:
        return Section("Rounds", prose=(NO_ROUND,))
    decided = [_decision_row(row.record) for row in rows]
    tables = (Table(_summary_rows(rows)), Table(decided, "what the gate decided"))
    return Section("Rounds", tables=tables, plots=plots)


def _summary_rows(rows: Sequence[RoundRow]) -> list[Row]:
    has_random = any(row.random_labels is not None for row in rows)
    return [
        {
            "round": row.record.round,
            "gold version": row.record.gold_version,
            "gold": row.record.n_gold,
            "labels spent": row.record.n_annotations,
            "lanes": lanes_cell(row.record.lanes),
            "baseline": percent_cell(row.baseline),
            "champion": percent_cell(row.champion),
            **({RANDOM_LABELS: percent_cell(row.random_labels)} if has_random else {}),
            "decision": _verdict(row.record.decision) if row.record.decision else Cell("none", tone="soft"),
        }
        for row in rows
    ]


def _verdict(decision: Decision) -> Cell:
    return Cell("promoted", tone="good") if decision.is_promoted else Cell("refused", tone="bad")


def _decision_row(record: RoundRecord) -> Row:
    decision = record.decision
    return {
        "round": record.round,
        "decision": _verdict(decision) if decision else record.outcome or "nothing to decide",
        "rule": decision.rule if decision else "",
        "reasons": "; ".join(decision.reasons) if decision else "",
    }


def curve_plot(rows: Sequence[RoundRow], *, split: str = Split.HOLDOUT) -> Picture:
    """Return the accuracies over rounds."""
    curves = {"champion": [row.champion for row in rows], "baseline": [row.baseline for row in rows]}
    if any(row.random_labels for row in rows):
        curves[RANDOM_LABELS] = [row.random_labels for row in rows]
    spent = [row.record.n_annotations for row in rows]
    title = f"Accuracy on the {split} split"
    return accuracy_plot([row.record.round for row in rows], curves, title=title, labels_spent=spent)


def round_plots(records: Sequence[RoundRecord]) -> list[Plot]:
    """Return curve, lanes and the newest winner's confusion matrix; none before the first round."""
    if not records:
        return []
    caption = "Accuracy over rounds, on the holdout that was drawn at random"
    plots = [Plot(caption, curve_plot(round_rows(records)))]
    with_lanes = [record for record in records if record.lanes]
    if with_lanes:
        caption = "The lane of every sample at the end of each round; labelled samples keep the lane they had"
        lanes = lanes_plot([record.round for record in with_lanes], [record.lanes for record in with_lanes])
        plots.append(Plot(caption, lanes))
    newest = winner(records[-1].evaluations, records[-1].decision)
    if newest is not None:
        caption = f"Labels that model {newest.model_version} confuses, on holdout"
        plots.append(Plot(caption, confusion_plot(newest)))
    return plots


def retrain_section(
    records: Sequence[RoundRecord], record: RoundRecord | None, notes: Sequence[str]
) -> Section:
    """Return the decision about `record` with its reasons, and the accuracies over all `records`."""
    if record is None or record.decision is None:
        return Section("Retrain", remarks=[Cell(note) for note in notes or ("Nothing new.",)])
    gold = f"Gold version {record.gold_version}, {record.n_gold:,} samples"
    return Section(
        title=retrain_title(record).capitalize(),
        remarks=[Cell(line) for line in (*notes, *record.decision.reasons, *check_lines(record.checks))],
        tables=[Table(evaluation_rows(record))],
        plots=[Plot("accuracy over rounds", curve_plot(round_rows(records)))],
        notes=[f"{gold}, digest `{record.gold_digest[:16]}`"],
    )


def retrain_plots(
    evaluation: HoldoutEvaluation, settings: Settings, people: KnownPeople, past: Sequence[RoundRecord]
) -> dict[str, bytes]:
    """Return the files by name: the challenger's confusion and reliability, policies, accuracy over rounds.

    `past` holds the closed rounds, oldest first; the evaluated one follows them.
    """
    challenger, judged = evaluation.evaluations[CHALLENGER], evaluation.audited(CHALLENGER)
    policy = fit_policy(settings, judged, people).policy
    rounds = [record.round for record in past]
    rounds.append(max(rounds, default=-1) + 1)
    known = [accuracies(record.evaluations, record.decision) for record in past]
    known.append(accuracies(evaluation.evaluations, evaluation.decision))
    curves = dict(zip(("champion", "baseline"), zip(*known, strict=True), strict=True))
    pictures = {
        "confusion": confusion_plot(challenger),
        "reliability": reliability_plot(judged, split=challenger.split),
        "policies": tuning_plot(tune(judged, settings, present=policy, people=people)),
        "accuracy": accuracy_plot(rounds, curves, title=f"Accuracy on the {Split.HOLDOUT} split"),
    }
    return {f"plots/{name}.{kind}": draw(kind) for name, draw in pictures.items() for kind in KINDS}
