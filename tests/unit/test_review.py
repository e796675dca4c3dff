"""The weekly review: what moderators agree on against the machine, and what is taken out of training."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldloop.core.annotations import Grounds
from goldloop.core.errors import SettingsError, SourceError
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.loop.left_out import leave_out, put_in_again, without_left_out
from goldloop.reports.decisions import LoggedDecision
from goldloop.reports.review import (
    difference_section,
    exposure_section,
    galleries,
    reason_rows,
    rules_section,
    words_section,
)
from goldloop.reports.review_cases import ReviewCase, Verdict, review_cases, verdict_of
from goldloop.reports.review_page import review, write_review
from goldloop.settings.moderation import ModerationSettings
from goldloop.settings.sections import SelectionSettings
from goldloop.stats.words import standing_out
from goldloop.tables.left_out import read_left_out
from tests.loop import PATIENT, Loop, texts
from tests.records import gold_record

LABELS = LabelSet.of(["fine", "hate", "spam"])
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
POST = SampleId("a" * 64)


def decided(decision: str, **changes: object) -> LoggedDecision:
    """Return one of two agreeing answers to a post that the machine held for fine."""
    one = LoggedDecision(
        sample="posts.csv#id=1",
        sample_id=POST,
        at=NOW,
        round=1,
        purpose="audit",
        lane="auto",
        model_version="1",
        machine_label="fine",
        confidence=0.9,
        suggestion=None,
        decision=decision,
        severity="strong",
        rule="H1",
        reason=None,
        spans=None,
        note=None,
        annotator="7",
        seconds=30.0,
        n_agree=2,
        n_answers=2,
        gold=decision,
        source="posterior",
        appeal=None,
    )
    return replace(one, **changes)  # type: ignore[arg-type]


def cases_of(
    *log: LoggedDecision, split: Split = Split.TRAIN, left_out: str | None = None
) -> list[ReviewCase]:
    """Return the cases of answers about posts whose gold label is that of their first answer."""
    first = {one.sample_id: one for one in reversed(log)}
    gold = [gold_record(sample_id, one.decision, split=split) for sample_id, one in first.items()]
    return review_cases(log, gold, acceptable="fine", left_out={POST: left_out} if left_out else {})


@pytest.mark.parametrize(
    ("label", "machine", "verdict"),
    [
        ("fine", "fine", Verdict.RIGHT),
        ("fine", "spam", Verdict.FALSE_POSITIVE),
        ("spam", "fine", Verdict.FALSE_NEGATIVE),
        ("spam", "hate", Verdict.OTHER_LABEL),
    ],
)
def test_a_verdict_is_what_the_machine_would_have_done(label: str, machine: str, verdict: Verdict) -> None:
    """Stopping what is fine is a false positive, letting the rest through a false negative."""
    assert verdict_of(label, machine, "fine") is verdict


def test_without_an_acceptable_label_there_are_no_positives() -> None:
    """Labels of pictures are right or others."""
    assert verdict_of("hat", "shoes", None) is Verdict.OTHER_LABEL


def test_a_case_needs_two_who_agree_or_an_adjudicator() -> None:
    """One moderator may be wrong; so may nobody who scored the sample before."""
    alone = decided("hate", n_agree=1, n_answers=1)
    judge = decided("hate", n_agree=1, n_answers=3, purpose="adjudication", annotator="9", rule="H2")
    pair = [decided("hate"), decided("hate", annotator="8", rule="H2")]

    assert cases_of(alone) == []
    assert cases_of(decided("hate", machine_label=None, confidence=None)) == []
    (agreed,) = cases_of(*pair)
    assert (agreed.verdict, agreed.is_adjudicated, agreed.n_rules, agreed.n_same_rule) == (
        Verdict.FALSE_NEGATIVE,
        False,
        2,
        1,
    )
    (adjudicated,) = cases_of(judge, alone, decided("fine", n_agree=1, annotator="8"))
    assert (adjudicated.is_adjudicated, adjudicated.rule, adjudicated.label) == (True, "H2", "hate")


def test_the_surest_mistakes_come_first() -> None:
    """What the machine had right comes last, however sure it was."""
    log = [
        decided("fine", sample_id=SampleId("b" * 64), confidence=0.99),
        decided("spam", sample_id=SampleId("c" * 64), confidence=0.6),
        decided("spam", sample_id=SampleId("d" * 64), confidence=0.8),
    ]

    assert [case.sample_id[0] for case in cases_of(*log)] == ["d", "c", "b"]


def test_shares_have_intervals_and_too_few_say_so() -> None:
    """Of twenty posts that are hate, the machine let five through; four others are too few for a share."""
    log = [
        decided("hate", sample_id=SampleId(f"{n:064x}"), machine_label="fine" if n < 5 else "hate")
        for n in range(20)
    ]
    log += [decided("spam", sample_id=SampleId(f"{n:064x}"), machine_label="spam") for n in range(30, 34)]
    cases = cases_of(*log)

    rows = {row["label"]: row for row in difference_section(cases, LABELS).tables[0].rows}

    assert str(rows["hate"]["of these, the machine said another"]).startswith("25.0 % [")
    assert str(rows["spam"]["of these, the machine said another"]) == "too few, n=4"
    assert rows["fine"]["machine said"] == 5
    (rule, *_) = rules_section(cases, log).tables[0].rows
    assert (rule["rule"], rule["samples"]) == ("H1", 20)


def test_reasons_are_counted_with_their_notes() -> None:
    """What the rules do not cover is where new rules are asked for."""
    log = [
        decided("hate", reason="irony; rules do not cover it", note="a new kind"),
        decided("fine", reason="irony"),
        decided("fine"),
    ]

    rows = reason_rows(log)

    assert [(row["reason"], row["answers"], row["notes"]) for row in rows] == [
        ("irony", 2, "a new kind"),
        ("rules do not cover it", 1, "a new kind"),
    ]


def test_a_tile_says_how_to_take_the_sample_out() -> None:
    """Only what trains can be taken out; what is out says why, what judges says that it does."""
    (gallery, *_) = galleries(cases_of(decided("hate"), decided("hate", annotator="8")))
    assert f"--leave-out {POST[:12]}" in gallery.picks[0].why
    (gallery, *_) = galleries(cases_of(decided("hate"), split=Split.HOLDOUT))
    assert "judges models, trains none" in gallery.picks[0].why
    (gallery, *_) = galleries(cases_of(decided("hate"), left_out="quoted"))
    assert "left out: quoted" in gallery.picks[0].why


def test_minutes_of_severe_content_are_counted_by_person_and_day() -> None:
    """The mildest severity does not count, nor what has none."""
    log = [
        decided("hate", seconds=60.0),
        decided("hate", seconds=120.0, at=NOW + timedelta(days=1)),
        decided("hate", seconds=600.0, severity="mild"),
        decided("fine", seconds=600.0, severity=None),
    ]

    (row,) = exposure_section(log, ModerationSettings().is_severe).tables[0].rows

    assert [str(value) for value in row.values()] == ["7", "4", "2", "3.0", "2.0"]


def test_words_stand_out_only_beyond_chance() -> None:
    """A word in all false negatives and in nothing else does; one that is everywhere does not."""
    wrong = [f"buy pills now number {n}" for n in range(8)]
    right = [f"see you now number {n}" for n in range(40)]

    found = {one.word: (one.n, one.n_others) for one in standing_out(wrong, right)}

    assert found == {"buy": (8, 0), "pills": (8, 0)}
    assert standing_out([], right) == standing_out(right, right) == []
    case = cases_of(decided("hate"))
    assert words_section(case, {}).is_empty
    assert rules_section([], []).is_empty


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """A loop of texts in which two people answer each audit."""
    loop = Loop(
        tmp_path, texts(80), SelectionSettings(budget_per_round=40, audit_rate=0.3), consensus=PATIENT
    )
    loop.score()
    loop.push()
    for task in list(loop.queue.tasks):
        for annotator in ("7", "8"):
            grounds = Grounds("strong", "S1", note="seen before")
            loop.queue.answer(task, annotator, "spam", reason="irony", grounds=grounds)
    loop.pull()
    return loop


def test_the_review_is_a_page(loop: Loop, tmp_path: Path) -> None:
    """Cases, rules, reasons and every answer stand in one file, texts behind a veil."""
    path, found = write_review(loop.ports(), tmp_path, since=None, name="review.html")

    html = path.read_text(encoding="utf-8")
    assert found.cases
    assert all(case.rule == "S1" for case in found.cases)
    assert 'class="veiled"' in html
    assert html.count("<blockquote>") > 0
    assert "data-filter" in html
    for words in ("Machine and moderators", "What made samples unclear", "seen before", "--leave-out"):
        assert words in html
    later = review(loop.ports(), since=loop.clock.now + timedelta(days=300))
    assert (later.log, later.cases) == ([], [])


def test_a_sample_is_left_out_for_a_reason_and_put_back(loop: Loop) -> None:
    """Its label stays in gold; what judges a model is never left out, and an unknown sample is refused."""
    ports = loop.ports()
    records = loop.gold.read().records
    trains = next(one for one in records if one.split is Split.TRAIN)
    judges = next(one for one in records if one.split is Split.HOLDOUT)

    with pytest.raises(SettingsError, match="for a reason"):
        leave_out(ports, trains.sample_id, " ")
    with pytest.raises(SourceError, match="trains no model anyway"):
        leave_out(ports, judges.sample_id, "wrong")
    with pytest.raises(SourceError, match="begins the id of 0 gold samples"):
        leave_out(ports, "nothing", "wrong")
    leave_out(ports, trains.sample_id[:20], " quoted,  not meant ")
    leave_out(ports, trains.sample_id, "quoted, not meant")

    assert {key: one.reason for key, one in read_left_out(loop.tables.left_out).items()} == {
        trains.sample_id: "quoted, not meant"
    }
    assert len(loop.tables.left_out.read()) == 1
    notes: list[str] = []
    gold, _ = without_left_out(loop.gold.read(), [], {trains.sample_id, judges.sample_id}, notes)
    assert {one.sample_id for one in records} - {one.sample_id for one in gold.records} == {trains.sample_id}
    assert notes == ["1 labelled samples train no model because the user left them out."]
    assert put_in_again(ports, trains.sample_id[:20]) == trains.sample_id
    assert read_left_out(loop.tables.left_out) == {}
    with pytest.raises(SourceError, match="0 samples that are left out"):
        put_in_again(ports, trains.sample_id)
