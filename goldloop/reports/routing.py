"""The section about routing: which policy is in force, what audits say of it, and what drifted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from goldloop.audit.audited import Audited
from goldloop.audit.estimates import AuditReport
from goldloop.core.splits import Split
from goldloop.drift.history import Seen, reference_of
from goldloop.reports.formatting import Cell, interval, number, percent, percent_cell
from goldloop.reports.plots.audits import reliability_plot, tuning_plot
from goldloop.reports.plots.drift import batch_plot
from goldloop.reports.plots.rounds import ALL_TRAFFIC, accuracy_plot
from goldloop.reports.section import Plot, Row, Section, Table
from goldloop.routing.policies import PolicyEntry, Suspended
from goldloop.routing.policy_words import policy_words
from goldloop.routing.tuning import Tuning
from goldloop.stats.measures import MIN_N

TOO_FEW_AUDITS = f"fewer than {MIN_N} audits"


def routing_section(
    entry: PolicyEntry | None,
    audit: AuditReport,
    n_by_lane: Mapping[str, int],
    *,
    seen: Sequence[Seen] = (),
    judged: Audited | None = None,
    tuning: Tuning | None = None,
) -> Section:
    """Return the policy with its reasons and warnings, drift, and what audits say of the traffic.

    `entry` is None while no policy is in force for the champion. `n_by_lane` counts the traffic as first
    scored. `seen` holds the scoring passes, oldest first. `judged` is the holdout as the champion judged it,
    `tuning` what these audits say of policies; None while there are none.
    """
    prose, remarks = [], []
    if entry is not None:
        prose.append(f"Policy in force: {policy_lines(entry)[0]}.")
        remarks += [Cell(reason) for reason in entry.reasons]
        is_suspended = isinstance(entry.policy, Suspended)
        remarks += [Cell(f"warning: {words}", tone="bad" if is_suspended else "") for words in entry.warnings]
    if audit.n:
        prose.append(_audit_words(audit))
    if seen:
        newest = f"Newest files, {seen[-1].batch}"
        remarks += [Cell(f"{newest}: {drift.sentence}", tone="bad") for drift in seen[-1].check.drifts]
    return Section(
        title="Where samples go, and how well",
        prose=prose,
        remarks=remarks,
        tables=_audit_tables(audit, n_by_lane) if audit.n else (),
        plots=_plots(audit, judged, tuning, seen),
    )


def policy_lines(entry: PolicyEntry | None) -> list[str]:
    """Return which policy is in force, what it does, why, and its warnings; nothing without a policy."""
    if entry is None:
        return []
    named = f"{entry.policy.version} for model {entry.model_version}: {policy_words(entry.policy)}"
    lines = [named, *entry.reasons]
    return lines + [f"warning: {warning}" for warning in entry.warnings]


def _audit_words(audit: AuditReport) -> str:
    words = (
        f"{number(audit.n)} blind audits measure how often the model was right when it first scored a sample"
    )
    share = audit.let_through
    if share is not None:
        wrong = f"{percent(share.value)} {interval(share)} were wrong"
        words += f"; of the {number(audit.n_accepted)} accepted by the model {wrong}"
    return f"{words}."


def _audit_tables(audit: AuditReport, n_by_lane: Mapping[str, int]) -> list[Table]:
    shares = {"all traffic": (audit.n_traffic, audit.accuracy)}
    shares |= {f"lane {lane}": (n_by_lane.get(lane, 0), accuracy) for lane, accuracy in audit.by_lane.items()}
    by_lane: list[Row] = [
        {"what": what, "samples": n, "right": percent_cell(accuracy, missing=TOO_FEW_AUDITS)}
        for what, (n, accuracy) in shares.items()
    ]
    by_label: list[Row] = [
        {
            "true label": label,
            "found by the model": percent_cell(recall, missing=TOO_FEW_AUDITS),
            "accepted under another label": percent_cell(
                audit.missed_by_label[label], missing=TOO_FEW_AUDITS
            ),
        }
        for label, recall in audit.by_label.items()
    ]
    return [Table(by_lane), Table(by_label)]


def _plots(
    audit: AuditReport, judged: Audited | None, tuning: Tuning | None, seen: Sequence[Seen]
) -> list[Plot]:
    """Return accuracy over rounds, calibration, other policies, and the newest files beside earlier ones."""
    plots = []
    known = {number: share for number, share in sorted(audit.by_round.items()) if share is not None}
    if known:
        caption = "Accuracy over all traffic as first scored, by the round of scoring, from blind audits"
        curves = {ALL_TRAFFIC: list(known.values())}
        plots.append(Plot(caption, accuracy_plot(list(known), curves, title="Accuracy over all traffic")))
    if judged is not None and len(judged):
        caption = "How well confidence is calibrated: each dot is a bin of confidence on holdout"
        plots.append(Plot(caption, reliability_plot(judged, split=Split.HOLDOUT)))
    if tuning is not None:
        caption = "Errors and cost if labels were accepted above another threshold, on holdout"
        plots.append(Plot(caption, tuning_plot(tuning)))
    newest = seen[-1] if seen else None
    if newest is not None and newest.batch != str(Split.HOLDOUT):  # new files were scored
        before = [scored for scored in seen[:-1] if scored.model_version == newest.model_version]
        caption = f"Predictions on the newest files, {newest.batch}, and on those before"
        plots.append(Plot(caption, batch_plot(newest.sketch, reference_of(before), newest.check)))
    return plots
