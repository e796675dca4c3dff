"""What the steps of a round did, as rows: scored, pushed, pulled, judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from goldloop.core.tasks import RequestReason
from goldloop.labeling.follow_up import FollowUpReport
from goldloop.labeling.pull import PullReport
from goldloop.labeling.push import PushReport
from goldloop.reports.formatting import number_cell, percent_cell
from goldloop.reports.section import Row
from goldloop.scoring.writer import ScoreReport
from goldloop.training.promotion import RoundRecord

_FOLLOW_UPS = {
    RequestReason.FIRST: "tasks requested from several annotators from the start",
    RequestReason.CHECK: "blind answers requested behind hidden suggestions",
    RequestReason.UNSURE: "further answers requested where a label is not sure",
    RequestReason.HONEYPOT: "honeypots requested",
    RequestReason.UNCOUNTED: "requested from another annotator, as an answer there cannot count",
}


def score_rows(reports: Sequence[ScoreReport]) -> list[Row]:
    """Return what was scored, a row for each figure that is not 0, then what drifted.

    The preset that goldloop chose for the first pictures stands before them, without a figure.
    """
    rows: list[Row] = []
    drifted: list[Row] = []
    for report in reports:
        figures = {
            "samples read": report.n_files,
            "known before": report.n_known,
            "duplicates": report.n_duplicates,
            **{f"lane {lane}": n for lane, n in sorted(report.lanes.items())},
            **{f"rerouted {move}": n for move, n in sorted(report.rerouted.items())},
            **{f"second looks, {what}": n for what, n in sorted(report.second_looks.items())},
            **{f"quarantine: {reason}": n for reason, n in sorted(report.quarantined.items())},
            "still unreadable, tried again": report.n_unopened,
            "lost since they arrived": len(report.lost),
        }
        beside = {"batch": report.batch, "model": report.model_version}
        if report.preset:
            rows.append({**beside, "what": f"preset {report.preset}", "n": None})
        rows += _rows(beside, figures)
        if report.waits_for:
            words = f"shards that have not ended: {', '.join(report.waits_for)}"
            rows.append({**beside, "what": words, "n": len(report.waits_for)})
        if report.drift is not None:
            n = report.drift.n
            drifted += [{**beside, "what": f"drift: {words}", "n": n} for words in report.drift.sentences]
    return rows + drifted or [{"batch": "-", "model": "-", "what": "nothing new", "n": 0}]


def push_rows(report: PushReport) -> list[Row]:
    """Return what was pushed, a row for each figure that is not 0, then warnings and what the round awaits.

    A sentence has no figure.
    """
    figures = {f"tasks for {purpose}": n for purpose, n in sorted(report.purposes.items())}
    figures |= {
        "found on the server": report.n_adopted,
        "duplicates removed": report.n_duplicates_removed,
        "samples lost since they arrived": len(report.lost),
        "not reviewed in time, decided without": report.n_overdue,
    }
    rows = _rows({"round": report.round}, figures | follow_up_figures(report.follow_ups))
    rows = rows or [{"round": report.round, "what": "nothing to push", "n": 0}]
    sentences = [f"warning: {caution}" for caution in report.cautions]
    sentences += [report.why_more] if report.why_more else []
    sentences += [
        f"{n} of the {report.n_planned} samples are nearest to your hints of {label!r}"
        for label, n in report.hinted.items()
    ]
    sentences += [f"the round waits for {report.waits_for}"] if report.waits_for else []
    rows += [{"round": report.round, "what": sentence, "n": None} for sentence in sentences]
    return rows


def pull_rows(report: PullReport) -> list[Row]:
    """Return what was pulled, a row for each figure that is not 0."""
    figures = {
        "tasks changed": report.n_tasks_changed,
        "annotations new": report.n_new,
        "annotations edited": report.n_edited,
        "annotations retracted": report.n_retracted,
        "samples waiting for answers": report.n_waiting,
        "samples that need one more annotator": report.n_unsure,
        "samples to adjudicate": report.n_disputed,
        "answers that do not count": report.n_refused,
        "tasks goldloop did not make": report.n_foreign,
        "tasks left alone, with a key of goldloop": len(report.strangers),
        "duplicates removed": report.n_duplicates_removed,
        "gold records changed": report.n_gold_changes,
    }
    gold = "gold unchanged" if report.gold_version is None else f"gold version {report.gold_version}"
    rows = _rows({"gold": gold}, figures | follow_up_figures(report.follow_ups))
    return rows or [{"gold": gold, "what": "nothing new", "n": 0}]


def _rows(beside: Mapping[str, str | int], figures: Mapping[str, int]) -> list[Row]:
    return [{**beside, "what": what, "n": n} for what, n in figures.items() if n]


def follow_up_figures(report: FollowUpReport | None) -> dict[str, int]:
    """Return how many answers were requested after the first ones, by reason; nothing where none could be."""
    if report is None:
        return {}
    figures = {_FOLLOW_UPS[RequestReason(reason)]: n for reason, n in report.asked.items()}
    figures |= {f"tasks for {purpose}": n for purpose, n in report.planned.items()}
    return figures | {
        "disputes settled without an adjudicator": report.n_withdrawn,
        "left for the next round's budget": report.n_postponed,
        "tasks kept from annotators by limits of exposure": report.n_spared,
        "tasks not kept from them, too few others remain": report.n_unspared,
    }


def evaluation_rows(record: RoundRecord) -> list[Row]:
    """Return what each model of a retrain did on holdout, a row for each role."""
    return [
        {
            "role": role,
            "model": evaluation.model_version,
            "accuracy on holdout, 95 %": percent_cell(evaluation.accuracy),
            "ECE, 95 %": number_cell(evaluation.ece, 3),
        }
        for role, evaluation in record.evaluations.items()
    ]


def retrain_title(record: RoundRecord) -> str:
    """Return for example 'round 3: model 4 promoted'."""
    return f"round {record.round}: model {record.model_version} {record.outcome}"
