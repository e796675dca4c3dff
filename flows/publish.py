"""What each flow run leaves in Prefect's UI: a table to read, and a plot where there is something to see."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.annotators import publish_annotators, report_annotators
from goldloop.labeling.follow_up import FollowUpReport
from goldloop.labeling.pull import PullReport
from goldloop.labeling.push import PushReport
from goldloop.labeling.relabel import Relabel
from goldloop.loop.round import RoundReport
from goldloop.routing.entry import PolicyEntry
from goldloop.scoring.writer import ScoreReport
from goldloop.tables.counts import conservation
from goldloop.training.round_record import RoundRecord
from goldloop.wiring import open_workspace

Rows = Sequence[Mapping[str, Any]]


def publish_score(workspace: str, reports: Sequence[ScoreReport]) -> None:
    """Leave a table of what was scored and the conservation sum."""
    create_table_artifact(
        key="goldloop-score",
        table=score_rows(reports),
        description=str(conservation(open_workspace(workspace).tables)),
    )


def publish_push(workspace: str, report: PushReport) -> None:
    """Leave a table of what people are asked now."""
    create_table_artifact(
        key="goldloop-push", table=push_rows(report), description=f"Round {report.round} of {workspace}"
    )


def publish_pull(workspace: str, report: PullReport) -> None:
    """Leave a table of what people answered."""
    create_table_artifact(
        key="goldloop-pull", table=pull_rows(report), description=f"Pulled into {workspace}"
    )


def publish_label_issues(workspace: str, looks: Sequence[Relabel]) -> None:
    """Leave a table of the gold labels in doubt and what became of them."""
    create_table_artifact(
        key="goldloop-label-errors",
        table=label_issue_rows(looks),
        description=f"Gold in doubt in {workspace}",
    )


def publish_retrain(workspace: str, record: RoundRecord | None, notes: Sequence[str]) -> None:
    """Leave the decision, its reasons and the accuracies over rounds."""
    create_markdown_artifact(key="goldloop-retrain", markdown=retrain_markdown(workspace, record, notes))


def publish_round(
    workspace: str,
    report: RoundReport,
) -> None:
    """Leave what the round did, as one page and one table, and what the people are worth."""
    policy = report.policy
    publish_retrain(workspace, report.record, report.notes)
    publish_annotators(workspace, report_annotators(open_workspace(workspace)))
    steps = {"score": score_rows([report.score]), "push": push_rows(report.push)}
    rows: list[dict[str, Any]] = [
        {"step": "policy", "what": what, "n": ""} for what in ([] if policy is None else policy_lines(policy))
    ]
    rows += [
        {"step": step, "what": row["what"], "n": row["n"]} for step, found in steps.items() for row in found
    ]
    description = str(conservation(open_workspace(workspace).tables))
    create_table_artifact(key="goldloop-round", table=rows, description=description)


def score_rows(reports: Sequence[ScoreReport]) -> list[dict[str, Any]]:
    """Return what was scored, a row for each figure."""
    rows = []
    for one in reports:
        figures: dict[str, int] = {
            "files read": one.n_files,
            "known before": one.n_known,
            "duplicates": one.n_duplicates,
        }
        figures |= {f"lane {lane}": n for lane, n in sorted(one.lanes.items())}
        figures |= {f"rerouted {move}": n for move, n in sorted(one.rerouted.items())}
        figures |= {f"quarantine: {reason}": n for reason, n in sorted(one.quarantined.items())}
        figures["lost since they arrived"] = len(one.lost)
        rows += [
            {"batch": one.batch, "model": one.model_version, "what": what, "n": n}
            for what, n in figures.items()
            if n
        ]
    rows += [
        {"batch": one.batch, "model": one.model_version, "what": f"drift: {sentence}", "n": one.drift.n}
        for one in reports
        if one.drift is not None
        for sentence in one.drift.sentences
    ]
    return rows or [{"batch": "-", "model": "-", "what": "nothing new", "n": 0}]


def policy_lines(entry: PolicyEntry) -> list[str]:
    """Return which policy is in force, why, and what to beware of."""
    return [
        f"{entry.policy.version} for model {entry.model_version}",
        *entry.reasons,
        *(f"beware: {one}" for one in entry.warnings),
    ]


def push_rows(report: PushReport) -> list[dict[str, Any]]:
    """Return what was pushed, a row for each purpose and each oddity."""
    figures = {f"tasks for {purpose}": n for purpose, n in sorted(report.purposes.items())}
    figures |= {"found on the server": report.n_adopted, "duplicates removed": report.n_duplicates_removed}
    figures["samples lost since they arrived"] = len(report.lost)
    figures |= follow_up_rows(report.follow_ups)
    rows = [{"round": report.round, "what": what, "n": n} for what, n in figures.items() if n]
    rows += [{"round": report.round, "what": f"beware: {one}", "n": 0} for one in report.cautions]
    return rows or [{"round": report.round, "what": "nothing to push", "n": 0}]


def pull_rows(report: PullReport) -> list[dict[str, Any]]:
    """Return what was pulled, a row for each figure."""
    figures = {
        "tasks changed": report.n_tasks_changed,
        "annotations new": report.n_new,
        "annotations edited": report.n_edited,
        "annotations retracted": report.n_retracted,
        "samples waiting for answers": report.n_waiting,
        "samples to ask one more person about": report.n_unsure,
        "samples to adjudicate": report.n_disputed,
        "answers with a problem": len(report.problems),
        "tasks goldloop did not make": report.n_foreign,
        "gold records changed": report.n_gold_changes,
    }
    figures |= follow_up_rows(report.follow_ups)
    version = f"gold version {report.gold_version}" if report.gold_version is not None else "gold unchanged"
    return [{"gold": version, "what": what, "n": n} for what, n in figures.items() if n] or [
        {"gold": version, "what": "nothing new", "n": 0}
    ]


def follow_up_rows(report: FollowUpReport | None) -> dict[str, int]:
    """Return what was asked on top of first answers, by what it is."""
    if report is None:
        return {}
    reasons = {
        "first": "tasks asked of several people from the start",
        "check": "blind answers asked behind hidden suggestions",
        "unsure": "further answers asked where a label is not sure",
        "honeypot": "honeypots asked",
        "uncounted": "asked of somebody else, as an answer there cannot count",
    }
    figures = {reasons[one]: n for one, n in report.asked.items()}
    figures |= {f"tasks for {purpose}": n for purpose, n in report.planned.items()}
    figures["disputes settled without an adjudicator"] = report.n_withdrawn
    return figures | {"left for the next round's budget": report.n_postponed}


def label_issue_rows(looks: Sequence[Relabel]) -> list[dict[str, Any]]:
    """Return the gold labels in doubt, a row each."""
    return [
        {
            "rank": one.issue.rank,
            "sample": one.issue.sample_id[:12],
            "label": one.issue.label,
            "model says": one.issue.suggested_label,
            "probability of the label": f"{one.issue.self_confidence:.2f}",
            "state": one.state,
        }
        for one in looks
    ] or [{"rank": "-", "state": "nothing in doubt"}]


def retrain_markdown(workspace: str, record: RoundRecord | None, notes: Sequence[str]) -> str:
    """Return the decision with its reasons, the accuracies and the curve over rounds as Markdown."""
    lines = [f"- {note}" for note in notes]
    if record is not None and record.decision is not None:
        lines = [f"## Round {record.round}: model {record.model_version} {record.outcome}", "", *lines]
        lines += [f"- {reason}" for reason in record.decision.reasons]
        lines += ["", "| role | model | accuracy on holdout, 95 % | ECE, 95 % |", "|---|---|---|---|"]
        lines += [
            f"| {role} | {one.model_version} | {one.accuracy} | {one.ece} |"
            for role, one in record.evaluations.items()
        ]
        lines += [
            "",
            f"Gold version {record.gold_version}, {record.n_gold} samples,"
            f" digest `{record.gold_digest[:16]}`",
            "",
        ]
        lines.append(_curve(workspace))
    return "\n".join(lines) or "Nothing new."


def _curve(workspace: str) -> str:
    from goldloop.reports.round_page import curve_png

    picture = base64.b64encode(curve_png(open_workspace(workspace))).decode()
    return f"![accuracy over rounds](data:image/png;base64,{picture})"
