"""The page's part about routing: the policy with its reasons, what audits say, and what moved."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from goldloop.audit.audited import Audited, Traffic
from goldloop.audit.estimates import AuditReport, report_audit
from goldloop.core.labels import LabelSet
from goldloop.core.samples import sample_id_of
from goldloop.reports.page import Page, render_page
from goldloop.reports.routing_section import RoutingSection, routing_section
from goldloop.routing.entry import PolicyEntry
from goldloop.routing.policies import Band, Suspended

NOW = datetime(2026, 3, 2, tzinfo=UTC)
ENTRY = PolicyEntry(
    policy=Band(0.4, 0.7),
    model_version="3",
    gold_version=7,
    reasons=("the band is set in [policy]",),
    warnings=("20 more audits would prove <it>",),
    settled_at=NOW,
)


def audit(n: int = 400, n_audited: int = 100, *, n_wrong: int = 10) -> AuditReport:
    """Return a report on traffic of which every fourth sample was audited."""
    ids = tuple(sample_id_of(f"{i}".encode()) for i in range(n))
    probs = np.tile([0.1, 0.9], (n, 1))
    lanes = np.array(["auto"] * (n // 2) + ["review"] * (n - n // 2))
    rounds = np.zeros(n, dtype=np.intp)
    traffic = Traffic(ids, probs, lanes, np.full(n, "band[0.4,0.7]"), rounds)
    rows = np.arange(0, n, n // n_audited)
    truth = np.ones(n_audited, dtype=np.intp)
    truth[:n_wrong] = 0
    audited = Audited(
        tuple(ids[row] for row in rows),
        truth,
        probs[rows],
        np.full(n_audited, 4.0),
        lanes[rows],
        rounds[rows],
    )
    return report_audit(audited, traffic, labels=LabelSet.of(["ham", "spam"]))


def rendered(section: RoutingSection | None) -> str:
    """Return the page that has nothing but `section`."""
    return render_page(Page("t", NOW, (), routing=section))


def test_the_page_tells_policy_reasons_and_what_audits_say() -> None:
    """The version in force, its reasons and warnings as text, and a row for all traffic and each lane."""
    report = audit()

    html = rendered(routing_section(ENTRY, report, n_by_lane={"auto": 200, "review": 200}))

    assert "band[0.4,0.7]" in html
    assert "the band is set in [policy]" in html
    assert "20 more audits would prove &lt;it&gt;" in html
    assert report.accuracy is not None
    assert f"{100 * report.accuracy.value:.1f}\N{NO-BREAK SPACE}%" in html
    assert "lane auto" in html
    assert "lane review" in html
    assert "lane hold" not in html
    assert "of the 200 accepted by machine" in html
    assert "Accuracy over all traffic" in html


def test_few_audits_say_so_in_place_of_a_number() -> None:
    """Five audits are no estimate."""
    html = rendered(routing_section(ENTRY, audit(n_audited=5, n_wrong=1), n_by_lane={}))

    assert html.count("fewer than 10 audits") == 5  # all traffic, two lanes, two labels


def test_a_recall_and_what_moved_stand_out() -> None:
    """A suspended policy's warnings are marked, and each sentence names the batch that moved."""
    calm = rendered(routing_section(ENTRY, audit(), n_by_lane={}))
    suspended = replace(ENTRY, policy=Suspended(Band(0.4, 0.7)))
    loud = rendered(
        routing_section(
            suspended, audit(), n_by_lane={}, newest="march-1", moved=("label 'spam' went from 5 % to 20 %",)
        )
    )

    assert '<li class="bad">20 more audits' in loud
    assert '<li class="bad">' not in calm
    assert "Newest files, march-1: label &#39;spam&#39; went from 5 % to 20 %" in loud


def test_before_a_champion_there_is_no_such_part() -> None:
    """Nothing is said of routing while nothing is routed."""
    assert "Where samples go" not in rendered(None)
