"""The questions beside the label: what moderators are asked, with keys of their own, and what is retired."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from goldloop.core.labels import LabelSet
from goldloop.core.questions import Questions
from labelstudio_config.grounds import SEVERITY_NAME, SPAN_NAME, rule_name
from labelstudio_config.interface import (
    DECISIONS,
    FROM_NAME,
    HOTKEYS,
    NOTE_NAME,
    REASON_NAME,
    guide,
    interface,
)
from labelstudio_config.retired import with_retired

LABELS = LabelSet.of(["fine", "<hate>", "costs $5", "spam, twice"])
RULES = {"<hate>": ("H1 & more", "H2"), "costs $5": ("$hint",), "spam, twice": ("S1",)}
QUESTIONS = Questions("fine", ("mild", "strong"), RULES, ("irony", "needs more context"), is_veiled=True)
MANY = LabelSet.of([f"label {number}" for number in range(29)])


def controls(xml: str) -> dict[str, ET.Element]:
    """Return the controls of an interface by name."""
    return {str(one.get("name")): one for one in ET.fromstring(xml).iter() if one.get("toName")}


def picked(control: ET.Element) -> list[str]:
    """Return what picking each choice records."""
    return [str(one.get("alias") or one.get("value")) for one in control]


def keys(control: ET.Element) -> list[str]:
    """Return the key of each choice."""
    return [str(one.get("hotkey")) for one in control]


@pytest.mark.parametrize("is_dispute", [False, True])
def test_each_question_is_one_control(is_dispute: bool) -> None:
    """Severity, and for each label its rules; annotators also name what is unclear, adjudicators why."""
    found = controls(interface(LABELS, "text", questions=QUESTIONS, is_dispute=is_dispute))

    assert picked(found[SEVERITY_NAME]) == ["mild", "strong"]
    assert {label: picked(found[rule_name(label)]) for label in RULES} == {
        label: list(rules) for label, rules in RULES.items()
    }
    assert rule_name("fine") not in found
    assert picked(found[REASON_NAME]) == list(DECISIONS if is_dispute else QUESTIONS.reasons)
    assert {NOTE_NAME, "veil", "guide"} <= set(found)
    assert (SPAN_NAME in found) is not is_dispute


def test_questions_appear_only_beside_a_label_that_needs_them() -> None:
    """Nothing is asked of what is fine; rules of a label with a comma are always asked for."""
    xml = interface(LABELS, "text", questions=QUESTIONS)
    asked = [one for one in ET.fromstring(xml).iter("View") if one.get("className", "").startswith("gl-why")]

    conditions = [(one.get("visibleWhen"), one.get("whenChoiceValue")) for one in asked]
    assert conditions == [
        ("choice-unselected", "fine"),
        ("choice-selected", "<hate>"),
        ("choice-selected", "costs $5"),
        (None, None),
        (None, None),
    ]


@pytest.mark.parametrize("labels", [LABELS, MANY], ids=["few", "many"])
@pytest.mark.parametrize("is_dispute", [False, True])
def test_no_key_means_two_things(labels: LabelSet, is_dispute: bool) -> None:
    """Labels, severities with the rules of one label, reasons, mark, veil and guide share no key."""
    rules = {label: tuple(f"{label} {n}" for n in range(12)) for label in labels[1:3]}
    questions = replace(QUESTIONS, acceptable=labels[0], rules=rules)
    found = controls(interface(labels, "text", questions=questions, is_dispute=is_dispute))

    shared = [
        key for name in (FROM_NAME, SEVERITY_NAME, REASON_NAME, "veil", "guide") for key in keys(found[name])
    ]
    shared += keys(found[SPAN_NAME]) if SPAN_NAME in found else []
    shared += [setting["key"] for setting in HOTKEYS.values() if isinstance(setting["key"], str)]
    for label in rules:
        used = [key for key in (*shared, *keys(found[rule_name(label)]), "n") if key.strip()]
        assert sorted(used) == sorted(set(used))
        assert "shift+3" in used


def test_without_questions_nothing_changes() -> None:
    """A label and a reason for a skip is all that is asked, and nothing is veiled."""
    found = controls(interface(LABELS, "text"))

    assert set(found) == {FROM_NAME, REASON_NAME, "guide"}


def test_the_policy_stands_above_the_guide_in_its_own_lines() -> None:
    """Markdown keeps its lines, and a dollar sign in it stands for no task data."""
    policy = "# Rules\n\n- **H1** is worth $hint\n"
    xml = interface(LABELS, "text", questions=replace(QUESTIONS, policy=policy))

    (panel,) = ET.fromstring(xml).iter("Markdown")
    shown = str(panel.get("value"))
    assert shown.startswith("# Rules\n\n- **H1** is worth ＄hint\n\n<p>")
    assert guide(LABELS, "text", questions=QUESTIONS).startswith("<p>")


def test_a_control_that_answers_came_from_is_kept_out_of_sight() -> None:
    """Label Studio refuses an interface without it; it has no key and asks for nothing."""
    before = interface(LABELS, "text", questions=QUESTIONS)
    plain = interface(LABELS, "text")

    kept = with_retired(plain, before)

    hidden = {name: one for name, one in controls(kept).items() if name not in controls(plain)}
    assert set(hidden) == {SEVERITY_NAME, SPAN_NAME, NOTE_NAME, "veil", *map(rule_name, RULES)}
    assert {key.strip() for one in hidden.values() for key in keys(one)} == {""}
    assert with_retired(plain, kept) == kept
    assert with_retired(before, kept) == before
    assert with_retired(plain, None) == with_retired(plain, "no XML") == with_retired(plain, plain) == plain
    assert with_retired(interface(LABELS, "image"), before) == interface(LABELS, "image")
