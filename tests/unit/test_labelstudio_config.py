"""What annotators see is rendered from the label set, whatever its labels are called."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.adapters.label_studio.tabs import QUEUES
from goldloop.core.labels import LabelSet
from labelstudio_config import (
    DECISIONS,
    FROM_NAME,
    HOTKEYS,
    KEYS,
    REASON_NAME,
    SKIP_REASONS,
    TO_NAME,
    adjudication_instructions,
    adjudication_interface,
    adjudicator_guide,
    annotator_guide,
    instructions,
    interface,
    key_of,
)

AWKWARD = LabelSet.of(["<b>", 'say "hi"', "R&D", "naïve 猫", "$hint", "costs $5", "{{keys}}", "'"])


def label_sets() -> st.SearchStrategy[LabelSet]:
    """Return label sets of any names that a label set admits."""

    names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20).filter(
        str.isprintable
    )
    return st.lists(names, min_size=2, max_size=60, unique_by=str.casefold).map(LabelSet.of)


def control(xml: str, name: str = FROM_NAME) -> ET.Element:
    """Return the control called `name`."""
    (found,) = [one for one in ET.fromstring(xml).iter() if one.get("name") == name]
    return found


def answers(xml: str, name: str = FROM_NAME) -> list[str]:
    """Return what picking each choice of a control records."""
    return [str(one.get("alias") or one.get("value")) for one in control(xml, name)]


def keys_of(xml: str, name: str = FROM_NAME) -> list[str]:
    """Return the key of each choice of a control."""
    return [str(one.get("hotkey")) for one in control(xml, name)]


BOTH = [interface, adjudication_interface]


def text_of(html: str) -> str:
    """Return the visible text of `html`."""
    parts: list[str] = []
    parser = HTMLParser()
    parser.handle_data = parts.append  # type: ignore[method-assign]
    parser.feed(html)
    return "".join(parts)


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize("is_tiny", [False, True])
def test_each_label_is_one_choice_in_label_set_order(make: Callable[..., str], is_tiny: bool) -> None:
    """The answer recorded is the label itself, also with markup, quotes, Unicode or a dollar sign in it."""
    assert answers(make(AWKWARD, is_tiny=is_tiny)) == list(AWKWARD)


@given(label_sets())
def test_any_label_set_gives_valid_interfaces(labels: LabelSet) -> None:
    """The interfaces are well-formed XML with exactly the labels."""
    for make in BOTH:
        assert answers(make(labels)) == list(labels)


def test_what_is_shown_never_stands_for_task_data() -> None:
    """Label Studio replaces $word in a displayed value by task data, so no label is displayed with one."""
    shown = [str(one.get("value")) for one in control(interface(AWKWARD))]

    assert not [value for value in shown if "$" in value]
    assert shown[:4] == list(AWKWARD)[:4]


@pytest.mark.parametrize(
    ("make", "shown"), [(interface, "$hint"), (adjudication_interface, "$answers")], ids=["main", "dispute"]
)
def test_the_interface_names_what_annotations_are_read_from(make: Callable[..., str], shown: str) -> None:
    """Control and object carry the names the adapter reads, and the task fields it sends."""
    xml = make(AWKWARD)
    root = ET.fromstring(xml)

    (image,) = root.iter("Image")
    assert image.get("name") == TO_NAME
    assert {control(xml, name).get("toName") for name in (FROM_NAME, REASON_NAME)} == {TO_NAME}
    given = {value for one in root.iter() for name, value in one.attrib.items() if name != "alias"}
    assert {value for value in given if value.startswith("$")} == {"$image", shown}


def test_every_label_has_a_key_of_its_own() -> None:
    """Thirty labels and two more have distinct keys, digits first; none is a key that skips or submits."""
    labels = LabelSet.of([f"label {number}" for number in range(32)])

    keys = keys_of(interface(labels))

    assert keys[:11] == ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "q"]
    assert len(set(keys)) == 32
    assert not set(keys) & {setting["key"] for setting in HOTKEYS.values()}


def test_labels_beyond_the_keys_are_found_by_searching() -> None:
    """With more labels than keys there is a search field, and the rest have no key that could be pressed."""
    few, many = (LabelSet.of([f"label {number}" for number in range(n)]) for n in (len(KEYS), len(KEYS) + 2))

    assert not list(ET.fromstring(interface(few)).iter("Filter"))
    (search,) = ET.fromstring(interface(many)).iter("Filter")
    assert search.get("toName") == FROM_NAME
    keys = keys_of(interface(many))
    assert [key.strip() for key in keys[-2:]] == ["", ""]
    assert key_of(len(KEYS)) is None


def test_tiny_pictures_keep_their_pixels() -> None:
    """Smoothing is off for tiny pictures only."""
    (tiny,) = ET.fromstring(interface(AWKWARD, is_tiny=True)).iter("Image")
    (usual,) = ET.fromstring(interface(AWKWARD)).iter("Image")

    assert (tiny.get("smoothing"), usual.get("smoothing")) == ("false", "true")


def test_instructions_list_every_label_with_its_key() -> None:
    """Labels appear as text, never as markup, each behind its key."""
    text = text_of(instructions(AWKWARD))

    for number, name in enumerate(AWKWARD, start=1):
        assert f"{number} \xa0{name}" in text


def test_the_guide_explains_suggestion_skip_and_blind_tasks() -> None:
    """Someone who reads only the guide knows the keys and why some tasks have no suggestion."""
    guide = annotator_guide()

    for topic in ("Enter", "skip", "suggests", "without a suggestion"):
        assert topic in guide


@pytest.mark.parametrize("read", [annotator_guide, lambda: text_of(instructions(AWKWARD))])
def test_every_queue_is_explained_where_people_read(read: Callable[[], str]) -> None:
    """Guide and instructions call the queues what their tabs are called."""
    for title in QUEUES:
        assert title.lower() in read().lower()


@pytest.mark.parametrize("make", BOTH)
def test_reasons_and_guide_have_keys_that_no_label_has(make: Callable[..., str]) -> None:
    """With every label key in use, each reason and the guide still have one of their own."""
    xml = make(LabelSet.of([f"label {number}" for number in range(len(KEYS))]))

    others = [*keys_of(xml, REASON_NAME), *keys_of(xml, "guide")]
    assert len(set(others)) == len(others)
    assert not set(others) & {*keys_of(xml), *(str(setting["key"]) for setting in HOTKEYS.values())}


@pytest.mark.parametrize(
    ("make", "reasons"),
    [(interface, SKIP_REASONS), (adjudication_interface, DECISIONS)],
    ids=["main", "dispute"],
)
def test_only_an_adjudicator_has_to_give_a_reason(make: Callable[..., str], reasons: tuple[str, ...]) -> None:
    """The reasons are offered in order; a label is required everywhere, a reason where people disagreed."""
    xml = make(AWKWARD)

    assert answers(xml, REASON_NAME) == list(reasons)
    assert control(xml).get("required") == "true"
    assert (control(xml, REASON_NAME).get("required") == "true") is (make is adjudication_interface)


@given(label_sets())
def test_the_guide_in_the_interface_says_what_the_instructions_say(labels: LabelSet) -> None:
    """Whatever the labels are called, they stand there as text, and none is taken for task data."""
    for make, source in ((interface, instructions), (adjudication_interface, adjudication_instructions)):
        (panel,) = ET.fromstring(make(labels)).iter("Markdown")
        shown = str(panel.get("value"))

        assert "$" not in shown
        assert "".join(text_of(shown).split()) == "".join(text_of(source(labels)).replace("$", "＄").split())


@pytest.mark.parametrize("make", BOTH)
def test_styles_survive_the_cleaning_of_label_studio(make: Callable[..., str]) -> None:
    """Label Studio escapes what stands in <Style>, so a selector with an angle would style nothing."""
    (style,) = ET.fromstring(make(AWKWARD)).iter("Style")

    assert not set(str(style.text)) & set("<>&")


def test_the_adjudicators_guide_explains_every_reason() -> None:
    """Someone who reads only the guide knows what each reason is for."""
    guide = adjudicator_guide()

    for reason in DECISIONS:
        assert reason in guide
