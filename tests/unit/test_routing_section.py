"""The page's part about routing: the policy with its reasons, what audits say, and what moved."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from goldloop.audit.audited import Audited, Traffic
from goldloop.audit.estimates import AuditReport, report_audit
from goldloop.core.labels import LabelSet
from goldloop.core.samples import sample_id_of
from goldloop.drift.checks import check_drift
from goldloop.drift.history import Seen
from goldloop.drift.sketches import Sketch, sketch_of
from goldloop.reports.page import Page, render_page
from goldloop.reports.routing import policy_lines, routing_section
from goldloop.reports.section import Section
from goldloop.routing.policies import Band, PolicyEntry, Suspended
from goldloop.routing.tuning import tune
from goldloop.settings import Settings

NOW = datetime(2026, 3, 2, tzinfo=UTC)
LABELS = LabelSet.of(["ham", "spam"])
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
    traffic = Traffic(sample_ids=ids, probs=probs, lanes=lanes, rounds=rounds)
    rows = np.arange(0, n, n // n_audited)
    truth = np.ones(n_audited, dtype=np.intp)
    truth[:n_wrong] = 0
    audited = Audited(
        sample_ids=tuple(ids[row] for row in rows),
        truth=truth,
        probs=probs[rows],
        weights=np.full(n_audited, 4.0),
        lanes=lanes[rows],
        rounds=rounds[rows],
    )
    return report_audit(audited, traffic, labels=LABELS)


def rendered(section: Section) -> str:
    """Return the page that has nothing but this section."""
    return render_page(Page("t", NOW, (section,)))


def test_the_page_tells_policy_reasons_and_what_audits_say() -> None:
    """The version in force, its reasons and warnings as text, and a row for all traffic and each lane."""
    report = audit()

    html = rendered(routing_section(ENTRY, report, {"auto": 200, "review": 200}))

    assert "band[0.4,0.7]" in html
    assert "the band is set in [policy]" in html
    assert "20 more audits would prove &lt;it&gt;" in html
    assert report.accuracy is not None
    assert f"{100 * report.accuracy.value:.1f}\N{NO-BREAK SPACE}%" in html
    assert "lane auto" in html
    assert "lane review" in html
    assert "lane hold" not in html
    assert "of the 200 accepted by the model" in html
    assert "Accuracy over all traffic" in html


def test_few_audits_say_so_in_place_of_a_number() -> None:
    """Five audits are no estimate."""
    html = rendered(routing_section(ENTRY, audit(n_audited=5, n_wrong=1), {}))

    assert html.count("fewer than 10 audits") == 7  # all traffic, two lanes, two labels twice
    assert "accepted under another label" in html


def scored(number: int, *, share: float, reference: Sketch | None = None) -> Seen:
    """Return a pass over 400 samples of which the model called `share` spam, checked against `reference`."""
    probs = np.where(np.arange(400)[:, None] < 400 * share, [0.1, 0.9], [0.9, 0.1])
    sketch = sketch_of(probs, np.zeros((400, 1), dtype=np.float32), LABELS)
    return Seen(f"march-{number}", "3", NOW, sketch, check_drift(sketch, reference))


def test_a_suspended_policy_and_drift_stand_out() -> None:
    """A suspended policy's warnings are marked, and each sentence names the batch that drifted."""
    before = scored(1, share=0.05)
    drifted = scored(2, share=0.4, reference=before.sketch)
    calm = rendered(routing_section(ENTRY, audit(), {}, seen=[before]))
    suspended = replace(ENTRY, policy=Suspended(Band(0.4, 0.7)))
    loud = rendered(routing_section(suspended, audit(), {}, seen=[before, drifted]))

    assert drifted.check.drifts
    assert '<li><span class="bad">warning: 20 more audits' in loud
    assert '<li><span class="bad">' not in calm
    assert "Newest files, march-2: " in loud
    assert "Newest files" not in calm


def test_the_champion_is_drawn_once_it_was_judged() -> None:
    """Reliability, and what other policies would cost, once the holdout was judged."""
    judged = Audited(
        sample_ids=tuple(sample_id_of(f"{i}".encode()) for i in range(40)),
        truth=np.arange(40) % 2,
        probs=np.tile([0.2, 0.8], (40, 1)),
        weights=np.ones(40),
        lanes=np.full(40, ""),
        rounds=np.full(40, -1),
    )
    tuning = tune(judged, Settings(name="mail", labels=("ham", "spam")), present=ENTRY.policy)
    plain = routing_section(ENTRY, audit(), {})
    full = routing_section(ENTRY, audit(), {}, judged=judged, tuning=tuning)

    assert len(full.plots) == len(plain.plots) + 2
    assert all(b"<svg" in plot.picture("svg") for plot in full.plots)


def test_policy_lines_name_version_reasons_and_warnings() -> None:
    """Every command says which policy is in force, why, and what to be warned of."""
    assert policy_lines(ENTRY) == [
        "band[0.4,0.7] for model 3: annotators check the model where it is 40 % to 70 % sure, and it is "
        "accepted where it is surer; where it is less sure, samples wait",
        "the band is set in [policy]",
        "warning: 20 more audits would prove <it>",
    ]
    assert policy_lines(None) == []
