"""The analyst's page: risk, costs, reasons and history as escaped HTML, and none of it where it is blind."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from goldloop.core.assessments import Assessment
from goldloop.core.record_form import FieldForm, FieldKind, RecordForm
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose
from goldloop.modalities.record.fields import Record
from goldloop.modalities.record.page import record_html
from tests.payments import form, payment, read_rows, records_in

HOSTILE = "<img src=x onerror=alert(1)> \"'&lt; </td></table>"
COSTS = {"take for genuine": 8.16, "take for fraud": 2.96, "quick review": 2.62, "full review": 2.49}
TAGS = {"div", "p", "b", "i", "span", "small", "h4", "table", "tr", "th", "td"}


class Tags(HTMLParser):
    """Counts the tags of a page, and joins its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.names: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag and the names of its attributes."""
        self.opened.append(tag)
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


def hostile_page(text: str) -> str:
    """Return a page on which everything that comes from outside is `text`."""
    fields = {
        "a": FieldForm(FieldKind.NUMBER, text, text),
        "who": FieldForm(FieldKind.NAME, text),
        "what": FieldForm(FieldKind.NAME, text),
        text: FieldForm(FieldKind.CATEGORY, text),
    }
    record = Record(text, {"a": 1.5, "what": text, text: text})
    assessment = Assessment(0.4, {text: 1.0, f"{text}2": 2.0}, text, {text: 1.0, f"{text}/hour": -1.0})
    hostile = RecordForm(fields, stake="a", entity="who")
    return record_html(record, hostile, earlier=[(record, text)], assessment=assessment)


@given(st.text(min_size=1, max_size=30).filter(lambda text: text not in ("a", "who", "what")))
@example(HOSTILE)
def test_no_value_makes_a_tag(text: str) -> None:
    """Values, words, units, labels, currency and names of fields are text, whatever they hold."""
    plain, page = Tags(hostile_page("plain")), Tags(hostile_page(text))

    assert page.opened == plain.opened
    assert page.names == plain.names == {"class", "style"}


def test_a_hostile_value_stands_there_as_it_is() -> None:
    """Analysts read it; nothing of it is done."""
    page = Tags(hostile_page(HOSTILE))

    assert page.text.count(HOSTILE) >= 9
    assert set(page.opened) <= TAGS


def test_risk_costs_and_reasons_stand_on_the_page(tmp_path: Path) -> None:
    """The risk of 100 with its mark, the cheapest action in bold, reasons in the words of the form."""
    assessment = Assessment(0.41, COSTS, "EUR", {"amount": 1.5, "at/weekday": 0.75, "is_new_device": -0.3})
    html = record_html(
        Record("P1", {"amount": 20.02, "at": "2026-04-19T18:50:00+00:00"}), form(), assessment=assessment
    )

    assert '<b>41</b> <small>risk of 100</small><div class="gl-bar"><i style="left: 41.0%">' in html
    assert "<span>approve 8.16</span> <span>decline 2.96</span> <span>quick review 2.62</span>" in html
    assert "<b>full review 2.49</b>" in html
    assert html.count("<b>") == 3
    up = '<tr class="gl-up"><th>Amount</th><td>20.02 EUR</td><td><i style="width: 100px"></i></td><td>+1.50'
    assert up in html
    assert '<th>at, day of the week</th><td>Sun</td><td><i style="width: 50px">' in html
    assert '<tr class="gl-down"><th>is new device</th><td>–</td><td><i style="width: 20px">' in html


@pytest.mark.parametrize(
    ("costs", "cheapest"), [({}, None), ({"a": 2.0, "b": 1.0, "c": 1.0}, "b"), (COSTS, "full review")]
)
def test_the_first_of_equally_cheap_actions_is_the_cheapest(
    costs: dict[str, float], cheapest: str | None
) -> None:
    """Without costs there is none, and no line on the page."""
    assessment = Assessment(0.5, costs, "EUR")
    html = record_html(Record("P1", {}), form(), assessment=assessment)

    assert assessment.cheapest == cheapest
    assert ("gl-costs" in html) is bool(costs)


def test_without_an_assessment_the_page_is_the_same_but_for_the_model() -> None:
    """No risk, costs or reasons, and no place where they would stand; history and fields stay."""
    record, before = Record("P1", {"amount": 20.0}), [(Record("P0", {"amount": 5.0}), "fraud")]
    blind = record_html(record, form(), earlier=before)
    shown = record_html(
        record, form(), earlier=before, assessment=Assessment(0.4, COSTS, "EUR", {"amount": 1})
    )

    assert not [name for name in ("gl-risk", "gl-bar", "gl-costs", "gl-reasons", "model") if name in blind]
    assert '<td class="gl-number">5 EUR</td>' in blind
    assert "<td><b>fraud</b></td>" in blind
    rest = blind[blind.index("<h4>Before") :]
    assert shown.endswith(rest)
    assert "<h4>The record" in rest


@pytest.mark.parametrize("purpose", list(Purpose))
def test_only_a_review_that_is_not_hurried_has_no_line_of_time(purpose: Purpose, tmp_path: Path) -> None:
    """Purposes that look alike have it alike: an audit must not be told from a recheck."""
    records = records_in(tmp_path)
    (arrival,) = read_rows(records, tmp_path / "a.jsonl", payment())
    html = records.task_data(NewTask(arrival.sample_id, purpose, BatchId("b"), ""), str)["records"]

    is_unhurried = purpose in (Purpose.FULL, Purpose.APPEAL, Purpose.ADJUDICATION)
    assert ("gl-pace" in html) is not is_unhurried


def test_records_before_this_one_are_the_newest_of_its_past(tmp_path: Path) -> None:
    """Not the record itself, none of the same moment or later, none without a time."""
    records = records_in(tmp_path)
    days = [payment(day, at=f"2026-03-{day:02d}T09:30:00Z") for day in (3, 1, 9, 5, 4, 2)]
    rows = [*days, payment(7, at=None), payment("same", at="2026-03-05T09:30:00Z")]
    arrived = read_rows(records, tmp_path / "a.jsonl", *rows)
    ids = {str(one.decoded.metadata["id"]): one.sample_id for one in arrived if one.decoded}
    others = list(ids.values())

    def before(name: str, n: int) -> list[str]:
        found = records.before(ids[name], [*others, SampleId("0" * 64)], n)
        return [name for one in found for name, sample_id in ids.items() if sample_id == one]

    assert before("P5", 3) == ["P4", "P3", "P2"]
    assert before("P1", 3) == before("P7", 3) == []
    assert before("P9", 9) == [
        *sorted(["P5", "Psame"], key=ids.__getitem__, reverse=True),
        "P4",
        "P3",
        "P2",
        "P1",
    ]
