"""What analysts of records are asked: a label or D, what settled it, a note; and its settings."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from goldloop.core.labels import LabelSet
from goldloop.core.questions import DEFERRAL, NO_QUESTIONS
from goldloop.core.record_form import NO_FIELDS
from goldloop.settings import Settings
from goldloop.settings.records import REASONS, RecordSettings
from goldloop.settings.toml import load_settings, settings_toml
from goldloop.settings.workspace import Workspace
from labelstudio_config.grounds import DEFERRAL_KEY, rule_name
from labelstudio_config.interface import DECISIONS, HOTKEYS, guide, interface
from tests.unit.test_questions import controls, keys, picked

MANY = LabelSet.of([f"label {number}" for number in range(31)])


def payments(labels: tuple[str, ...] = ("genuine", "fraud"), **section: Any) -> Settings:
    """Return settings of kind records."""
    return Settings(name="pay", kind="records", labels=labels, records=section, cost={"quick_s": 25})


def test_labels_and_d_are_one_choice_and_reasons_go_by_label() -> None:
    """One of them is needed; reasons are those of the chosen label, under their own words."""
    settings = payments()
    xml = interface(settings.label_set, "records", questions=settings.analyst_questions)
    found = controls(xml)

    assert picked(found["label"]) == ["genuine", "fraud", DEFERRAL]
    assert keys(found["label"]) == ["1", "2", DEFERRAL_KEY]
    assert found["label"].get("required") == "true"
    for label in settings.labels:
        assert picked(found[rule_name(label)]) == list(REASONS[label])
        assert keys(found[rule_name(label)])[0] == "shift+1"
    assert set(found) == {"label", *map(rule_name, settings.labels), "note", "guide"}
    shown = [str(one.get("value")) for one in ET.fromstring(xml).iter("Header")]
    assert shown == ["What settled it?", "What kind of fraud?", "Enter submits · S skips"]
    assert "--gl-pace: 25;" in xml


def test_an_adjudicator_decides_and_defers_nothing() -> None:
    """Reasons of the labels, and why, with letters; no D."""
    settings = payments()
    found = controls(
        interface(settings.label_set, "records", questions=settings.analyst_questions, is_dispute=True)
    )

    assert picked(found["label"]) == ["genuine", "fraud"]
    assert picked(found["reason"]) == list(DECISIONS)
    assert rule_name("fraud") in found


@pytest.mark.parametrize("labels", [LabelSet.of(["genuine", "fraud"]), MANY], ids=["two", "many"])
def test_no_key_of_an_analyst_means_two_things(labels: LabelSet) -> None:
    """D is no key of a label, however many there are, and neither is that of note or guide."""
    settings = payments(labels.names, reasons={labels[1]: [f"kind {n}" for n in range(12)]})
    xml = interface(labels, "records", questions=settings.analyst_questions)
    found = controls(xml)
    used = [key for control in found.values() for key in keys(control) if key.strip()]
    used += [one["key"] for one in HOTKEYS.values() if isinstance(one["key"], str)] + ["n"]

    assert sorted(used) == sorted(set(used))
    assert keys(found["label"]).count(DEFERRAL_KEY) == 1
    assert "<b>D</b>, then Enter" in guide(labels, "records", questions=settings.analyst_questions)


def test_reasons_are_goldloops_own_for_labels_that_it_knows(tmp_path: Path) -> None:
    """They stand in goldloop.toml to be edited; other labels have none, and none can be asked for."""
    own, other, none = payments(), payments(("ok", "fraud")), payments(reasons={})
    path = tmp_path / "goldloop.toml"
    path.write_text(settings_toml(own))

    assert own.records is not None
    assert own.records.reasons == REASONS
    assert load_settings(path) == own
    assert 'reasons = {genuine = ["fits the customer\'s history", ' in path.read_text()
    assert other.analyst_questions.rules == {"fraud": REASONS["fraud"]}
    assert none.analyst_questions.rules == {}
    assert DEFERRAL in picked(
        controls(interface(none.label_set, "records", questions=none.analyst_questions))["label"]
    )


@pytest.mark.parametrize(
    ("labels", "section", "words"),
    [
        (("a", "b"), {"reasons": {"c": ["x"]}}, "records.reasons names 'c', which is no label"),
        (("a", "b"), {"reasons": {"a": ["x", "y", "x"]}}, "'x' is twice in records.reasons of 'a'"),
        (("a", "b"), {"reasons": {"a": [""]}}, "at least 1 character"),
        (("a", DEFERRAL), {}, "is what analysts pick to have a record reviewed in full"),
    ],
)
def test_wrong_reasons_are_refused_by_name(
    labels: tuple[str, ...], section: dict[str, Any], words: str
) -> None:
    """Before they are asked of anybody."""
    with pytest.raises(ValueError, match=words):
        payments(labels, **section)


def test_a_workspace_asks_by_its_kind(tmp_path: Path) -> None:
    """Records have reasons and D, pictures neither; the form marks what is not usual."""
    records = Workspace.create(tmp_path / "records", kind="records", labels=("genuine", "fraud"))
    images = Workspace.create(tmp_path / "images", labels=("cat", "dog"))

    assert records.questions() == records.settings.analyst_questions
    assert records.questions().may_defer
    assert records.settings.record_form.usual == "genuine"
    assert images.questions() == NO_QUESTIONS
    assert images.settings.record_form == NO_FIELDS
    assert RecordSettings().reasons == {}
