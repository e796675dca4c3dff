"""The cost report: read from a loop's tables, by round and by quarter, and put before people's eyes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from goldloop.cli.main import app
from goldloop.core.errors import SettingsError
from goldloop.core.plain import plain
from goldloop.core.tasks import NewTask, Purpose
from goldloop.costs.inputs import CostInputs
from goldloop.costs.report import CostReport, Quarter, cost_report
from goldloop.costs.review_effort import people_costs
from goldloop.reports.costs import account_rows, cost_section, read_cost_inputs, round_rows, verdict
from goldloop.reports.page import Page, render_page
from goldloop.reports.plots.rounds import saved_plot, spent_plot
from goldloop.settings.sections import ConsensusSettings, SelectionSettings, SuggestionSettings
from goldloop.settings.workspace import Workspace
from goldloop.stats.measures import Measure
from goldloop.stats.metrics import Estimate
from goldloop.tables.rounds import save_round
from goldloop.training.promotion import RoundRecord
from tests.loop import Loop, texts
from tests.unit.report_pages import Reader

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def close_round(loop: Loop) -> None:
    """Close the open round now."""
    number = len(loop.tables.rounds.read(["round"]))
    save_round(
        loop.tables.rounds,
        RoundRecord(number, loop.clock(), 1, "", 0, 0, None, "refused", None, {}, None, {}),
    )


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """Return a loop with two closed rounds: everything was scored in round 0, people answered in both."""
    loop = Loop(
        tmp_path_factory.mktemp("loop"),
        texts(400),
        selection=SelectionSettings(budget_per_round=160, audit_rate=0.4, audit_share=0.75),
        consensus=ConsensusSettings(method="majority", max_answers=3, audit_answers=2, repeat_share=0.25),
        suggestions=SuggestionSettings(hidden_share=0.5),
    )

    def says(task: NewTask) -> str:
        """The machine says spam above 50 letters; the truth begins at 60."""
        return "spam" if len(loop.store.kept[task.sample_id]) >= 60 else "ham"

    loop.score()
    for _ in range(2):
        loop.push()
        loop.work(dict.fromkeys("12", says))
        loop.pull()
        close_round(loop)
    return loop


@pytest.fixture(scope="module")
def inputs(loop: Loop) -> CostInputs:
    """Return what the loop's cost statements are computed from."""
    return read_cost_inputs(loop.tables, loop.state(), loop.settings)


@pytest.fixture(scope="module")
def report(loop: Loop, inputs: CostInputs) -> CostReport:
    """Return the report of all rounds."""
    return cost_report(inputs, loop.settings, now=NOW)


def test_every_answer_and_label_belongs_to_one_round(loop: Loop, report: CostReport) -> None:
    """What the rounds hold adds up to the whole, the open one included."""
    assert [one.rounds for one in report.by_round] == [(0,), (1,), (2,)]
    assert report.is_open
    for name in ("n_answers", "n_scored", "n_accepted", "n_gold", "n_looked", "n_corrected"):
        parts = [getattr(one, name) for one in report.by_round]
        assert sum(parts) == getattr(report.whole, name), name
    assert report.whole.n_answers == len(loop.outcomes().answers)
    assert report.whole.n_gold == len(loop.gold.records())
    assert [one.n_scored for one in report.by_round] == [400, 0, 0]


def test_corrections_are_counted_against_what_the_machine_said(loop: Loop, report: CostReport) -> None:
    """Of the texts in review, those of 51 to 59 letters had the wrong label; gold put all of them right."""
    reviewed = [one for one in loop.gold.records() if one.purpose is Purpose.REVIEW]
    wrong = [one for one in reviewed if 50 < len(loop.store.kept[one.sample_id]) < 60]
    assert wrong
    assert (report.whole.n_looked, report.whole.n_corrected) == (len(reviewed), len(wrong))
    assert report.whole.caught.estimate is not None
    assert report.whole.caught.estimate.value == pytest.approx(len(wrong))


def test_audits_of_accepted_samples_are_right_here(loop: Loop, report: CostReport) -> None:
    """Above 70 letters the machine is never wrong, and the interval says how sure that is."""
    estimate = report.whole.let_through.estimate
    assert estimate is not None
    assert estimate.value == pytest.approx(0, abs=2)
    assert estimate.high > 1
    assert len(read_audits(loop)) >= estimate.n


def read_audits(loop: Loop) -> list[str]:
    """Return the ids of audited gold."""
    return [one.sample_id for one in loop.gold.records() if one.purpose is Purpose.AUDIT]


def test_a_quarter_holds_the_rounds_closed_in_it(loop: Loop, inputs: CostInputs) -> None:
    """The open round belongs to the present quarter; a quarter without rounds is empty, not an error."""
    first = cost_report(inputs, loop.settings, quarter=Quarter(2026, 1), now=NOW)
    assert [one.rounds for one in first.by_round] == [(0,), (1,), (2,)]
    later = datetime(2026, 4, 1, tzinfo=UTC)
    assert cost_report(inputs, loop.settings, quarter=Quarter(2026, 1), now=later).whole.rounds == (0, 1)
    second = cost_report(inputs, loop.settings, quarter=Quarter(2026, 2), now=later)
    assert (second.whole.rounds, second.is_open) == ((2,), True)
    empty = cost_report(inputs, loop.settings, quarter=Quarter(2025, 4), now=later)
    assert (empty.by_round, empty.is_open, empty.whole.n_answers) == ((), False, 0)


def test_quarters_are_named_like_2026q4() -> None:
    """Both ways: the name of a moment's quarter, and the quarter of a name."""
    assert str(Quarter.of(datetime(2026, 12, 31, 23, 59, tzinfo=UTC))) == "2026Q4"
    assert Quarter.named("2026q1") == Quarter.of(datetime(2026, 3, 31, tzinfo=UTC))
    with pytest.raises(SettingsError, match="A quarter is written like 2026Q4, got '2026-4'"):
        Quarter.named("2026-4")


def test_what_people_take_and_say_is_known_for_the_cost_policy(loop: Loop) -> None:
    """Times of all answers of a kind; what was answered where somebody else, blind, says what is right."""
    known = people_costs(loop.outcomes(), loop.state().snapshot.requests.requests, loop.settings.label_set)
    assert known.quick is not None
    assert known.blind is not None
    answers = loop.outcomes().answers
    assert len(known.quick.seconds) == sum(one.is_shown for one in answers)
    counts = np.asarray(known.blind.counts)
    assert counts.sum() == pytest.approx(sum(one.purpose is Purpose.AUDIT for one in answers), abs=30)
    assert np.trace(counts) / counts.sum() > 0.95
    assert np.asarray(known.quick.counts).sum() <= len(known.quick.seconds)
    assert np.trace(np.asarray(known.quick.counts)) == np.asarray(known.quick.counts).sum() > 0
    assert known.adjudicating is None


def test_people_are_assessed_apart_by_what_is_at_stake(loop: Loop) -> None:
    """Every answer about a sample with a stake is in one part; few answers leave one part for all."""
    outcomes, requests = loop.outcomes(), loop.state().snapshot.requests.requests
    ids = sorted({one.sample_id for one in outcomes.answers})
    stakes = {one: float(place) for place, one in enumerate(ids)}
    known = people_costs(outcomes, requests, loop.settings.label_set, stakes)
    assert known.blind is not None
    parts = known.blind.by_stake
    assert [least for least, _ in parts] == sorted({least for least, _ in parts})
    assert parts[0][0] == 0.0
    assert len(parts) == 3
    assert sum(len(part.seconds) for _, part in parts) == len(known.blind.seconds)
    assert sum(np.sum(part.counts) for _, part in parts) == pytest.approx(
        np.sum(known.blind.counts), rel=0.02
    )

    few = people_costs(outcomes, requests, loop.settings.label_set, {one: stakes[one] for one in ids[:9]})
    assert few.blind is not None
    assert few.blind.by_stake == ()


def test_the_page_shows_costs(report: CostReport) -> None:
    """A row for each round and one for all, what is not known in words, and two plots."""
    page = render_page(Page("texts", NOW, (cost_section(report),)))
    reader = Reader(page)
    assert "What it cost and brought" in reader.text
    assert "nothing reviewed" in reader.text
    assert page.count("data:image/svg+xml") == 2


def test_plots_are_drawn_where_little_is_known(report: CostReport) -> None:
    """A round without any known amount leaves a gap."""
    for draw in (spent_plot, saved_plot):
        assert draw(report.by_round[2:])("svg").startswith(b"<?xml")
        assert draw(report.by_round)("svg") == draw(report.by_round)("svg")


def test_words_and_json_say_what_is_unknown(report: CostReport) -> None:
    """A person reads why, a script finds no value."""
    amounts = {row["what"]: str(row["amount"]) for row in account_rows(report.by_round[2])}
    assert amounts["errors caught"] == "nothing reviewed, n=0"
    assert amounts["annotators' minutes"] == "0"
    assert [row["round"] for row in round_rows(report)] == ["0", "1", "2 (open)", "all"]
    written = json.loads(json.dumps(plain(report)))
    assert written["by_round"][2]["caught"] == {"n": 0, "missing": "nothing reviewed"}
    assert written["whole"]["spent"]["value"] == pytest.approx(report.whole.spent.estimate.value)  # type: ignore[union-attr]


def test_the_command_reports_rounds_and_quarters(tmp_path: Path) -> None:
    """All rounds, or a quarter; one without rounds says so, and a wrong name is an error."""
    folder = Workspace.create(tmp_path / "texts", labels=["ham", "spam"]).root
    run = partial(CliRunner().invoke, app)
    whole = run(["report", "-w", str(folder)])
    assert whole.exit_code == 0
    assert "saved against labelling everything, EUR" in whole.output
    assert "assumed: a blind answer takes 30 s" in whole.output
    named = run(["report", "-w", str(folder), "--quarter", "2024Q1"])
    assert "No round was closed in 2024Q1." in named.output
    present = run(["report", "-w", str(folder), "--quarter", "--json"])
    assert json.loads(present.output)["whole"]["rounds"] == [0]
    wrong = run(["report", "-w", str(folder), "--quarter", "last"])
    assert isinstance(wrong.exception, SettingsError)


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (Estimate(120.0, 80.5, 160.0, 9), "The loop paid: it saved 120.00 [80.50, 160.00] EUR against"),
        (Estimate(-120.0, -160.0, -80.5, 9), "The loop did not pay: it lost 120.00 [80.50, 160.00] EUR"),
        (Estimate(15.0, -8.0, 47.0, 9), "cannot be told yet: it saved 15.00 [−8.00, 47.00] EUR against"),
        (None, "Whether the loop paid is not known: too few audits."),
    ],
)
def test_whether_the_loop_paid_is_told_in_words(
    report: CostReport, estimate: Estimate | None, words: str
) -> None:
    """An interval that holds 0 tells neither; a missing part is named."""
    saved = Measure(9, estimate, "too few audits")

    assert words in verdict(replace(report.whole, saved_against_labelling=saved))


def test_the_report_begins_with_whether_the_loop_paid(report: CostReport) -> None:
    """Before the explanation of the amounts."""
    assert cost_section(report).prose[0] == verdict(report.whole)
