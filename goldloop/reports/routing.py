"""The section about routing: which policy is in force, what audits say of it, and what drifted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from goldloop.audit.audited import Audited
from goldloop.audit.estimates import AuditReport
from goldloop.core.splits import Split
from goldloop.drift.history import Seen, reference_of
from goldloop.reports.formatting import Cell, interval, number, percent, percent_cell
from goldloop.reports.inputs import RoutingInputs
from goldloop.reports.plots.audits import reliability_plot, tuning_plot
from goldloop.reports.plots.drift import batch_plot
from goldloop.reports.plots.rounds import ALL_TRAFFIC, accuracy_plot
from goldloop.reports.section import Plot, Row, Section, Table
from goldloop.routing.policies import PolicyEntry, Suspended
from goldloop.routing.tuning import Tuning
from goldloop.stats.measures import MIN_N
from goldloop.stats.reliability import calibration_error, reliability_bins

TOO_FEW_AUDITS = f"fewer than {MIN_N} audits"


def routing_section(routing: RoutingInputs) -> Section:
    """Return the policy with its reasons and warnings, drift, and what audits say of the traffic."""
    entry, audit, seen = routing.entry, routing.audit, routing.seen
    return Section(
        title="Where samples go, and how well",
        prose=(*_policy_prose(entry), *_audit_prose(audit)),
        remarks=(*_policy_remarks(entry), *_drift_remarks(seen)),
        tables=_audit_tables(audit, routing.n_by_lane) if audit.n else (),
        plots=(
            *_traffic_plots(audit),
            *champion_plots(routing.judged, routing.tuning),
            *newest_batch_plots(seen),
        ),
    )


def policy_lines(entry: PolicyEntry | None) -> list[str]:
    """Return which policy is in force, why, and its warnings, a sentence each; nothing without a policy."""
    if entry is None:
        return []
    lines = [f"{entry.policy.version} for model {entry.model_version}", *entry.reasons]
    return lines + [f"warning: {warning}" for warning in entry.warnings]


def _policy_prose(entry: PolicyEntry | None) -> tuple[str, ...]:
    return () if entry is None else (f"Policy in force: {policy_lines(entry)[0]}.",)


def _policy_remarks(entry: PolicyEntry | None) -> list[Cell]:
    if entry is None:
        return []
    is_suspended = isinstance(entry.policy, Suspended)
    warnings = [Cell(f"warning: {warning}", tone="bad" if is_suspended else "") for warning in entry.warnings]
    return [*(Cell(reason) for reason in entry.reasons), *warnings]


def _drift_remarks(seen: Sequence[Seen]) -> list[Cell]:
    drifts = seen[-1].check.drifts if seen else ()
    return [Cell(f"Newest files, {seen[-1].batch}: {drift.sentence}", tone="bad") for drift in drifts]


def _audit_prose(audit: AuditReport) -> tuple[str, ...]:
    if not audit.n:
        return ()
    words = (
        f"{number(audit.n)} blind audits measure how often the model was right when it first scored a sample"
    )
    share = audit.let_through
    if share is not None:
        words += (
            f"; of the {number(audit.n_accepted)} accepted by the model "
            f"{percent(share.value)} {interval(share)} were wrong"
        )
    return (f"{words}.",)


def _audit_tables(audit: AuditReport, n_by_lane: Mapping[str, int]) -> tuple[Table, ...]:
    shares = {"all traffic": (audit.n_traffic, audit.accuracy)}
    shares |= {f"lane {lane}": (n_by_lane.get(lane, 0), accuracy) for lane, accuracy in audit.by_lane.items()}
    by_lane: list[Row] = [
        {"what": what, "samples": n, "right": percent_cell(accuracy, missing=TOO_FEW_AUDITS)}
        for what, (n, accuracy) in shares.items()
    ]
    by_label: list[Row] = [
        {"true label": label, "found by the model": percent_cell(recall, missing=TOO_FEW_AUDITS)}
        for label, recall in audit.by_label.items()
    ]
    return (Table(tuple(by_lane)), Table(tuple(by_label)))


def _traffic_plots(audit: AuditReport) -> tuple[Plot, ...]:
    known = {number: share for number, share in sorted(audit.by_round.items()) if share is not None}
    if not known:
        return ()
    caption = "Accuracy over all traffic as first scored, by the round of scoring, from blind audits"
    curves = {ALL_TRAFFIC: list(known.values())}
    return (Plot(caption, accuracy_plot(list(known), curves, title="Accuracy over all traffic")),)


def champion_plots(judged: Audited | None, tuning: Tuning | None) -> tuple[Plot, ...]:
    """Return how well the champion's confidence is calibrated, and what other policies would cost."""
    plots = []
    if judged is not None and len(judged):
        bins = reliability_bins(judged.probs, judged.truth, weights=judged.weights)
        error = calibration_error(judged.probs, judged.truth, weights=judged.weights)
        caption = "How well confidence is calibrated: each dot is a bin of confidence on holdout"
        plots.append(Plot(caption, reliability_plot(bins, split=str(Split.HOLDOUT), ece=error)))
    if tuning is not None:
        caption = "Errors and cost if labels were accepted above another threshold, on holdout"
        plots.append(Plot(caption, tuning_plot(tuning)))
    return tuple(plots)


def newest_batch_plots(seen: Sequence[Seen]) -> tuple[Plot, ...]:
    """Return the newest batch beside what its model saw before; none before new files were scored."""
    if not seen or seen[-1].batch == str(Split.HOLDOUT):
        return ()
    newest = seen[-1]
    before = reference_of([scored for scored in seen[:-1] if scored.model_version == newest.model_version])
    caption = f"Predictions on the newest files, {newest.batch}, and on those before"
    return (Plot(caption, batch_plot(newest.sketch, before, newest.check)),)
