"""The report's part about routing: which policy is in force, what audits say of it, and what moved."""

from __future__ import annotations

from dataclasses import dataclass

from goldloop.audit.estimates import AuditReport
from goldloop.reports.plots.style import Plot
from goldloop.reports.plots.traffic import traffic_plot
from goldloop.routing.entry import PolicyEntry
from goldloop.routing.policies import Suspended
from goldloop.stats.measures import MIN_N
from goldloop.stats.metrics import Estimate


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One line of the table: what of the traffic, how many samples, and how often the machine was right."""

    what: str
    n_samples: int
    accuracy: Estimate | None


@dataclass(frozen=True, slots=True)
class RoutingSection:
    """What the page says of routing; `moved` says what moved in the `newest` batch, if anything did."""

    policy: PolicyEntry | None
    audit: AuditReport
    n_by_lane: dict[str, int]
    newest: str
    moved: tuple[str, ...]
    plots: tuple[Plot, ...]
    fewest: int = MIN_N

    @property
    def is_suspended(self) -> bool:
        """Whether what the policy would accept has returned to people."""
        return self.policy is not None and isinstance(self.policy.policy, Suspended)

    @property
    def rows(self) -> list[AuditRow]:
        """All traffic, then each lane that has any."""
        lanes = [
            AuditRow(f"lane {lane}", self.n_by_lane.get(lane, 0), found)
            for lane, found in self.audit.by_lane.items()
        ]
        return [AuditRow("all traffic", self.audit.n_traffic, self.audit.accuracy), *lanes]


def routing_section(
    policy: PolicyEntry | None,
    audit: AuditReport,
    *,
    n_by_lane: dict[str, int],
    newest: str = "",
    moved: tuple[str, ...] = (),
    plots: tuple[Plot, ...] = (),
) -> RoutingSection:
    """Return the section, `plots` behind the accuracy of the traffic over rounds."""
    over_rounds = []
    if any(audit.by_round.values()):
        caption = "Accuracy over all traffic as first scored, by the round of scoring, from blind audits"
        over_rounds.append(Plot(caption, traffic_plot(audit.by_round)))
    return RoutingSection(policy, audit, n_by_lane, newest, moved, (*over_rounds, *plots))
