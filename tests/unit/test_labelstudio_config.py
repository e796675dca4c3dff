"""What annotators see is rendered from the label set, whatever its labels are called."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from goldloop.adapters.label_studio.tabs import QUEUES
from goldloop.core.errors import LabelError
from goldloop.core.labels import LabelSet
from labelstudio_config.interface import (
    DECISIONS,
    FROM_NAME,
    HOTKEYS,
    KEYS,
    KINDS,
    REASON_NAME,
    SKIP_REASONS,
    guide,
    interface,
)

adjudication_interface, adjudicator_guide = (
    partial(interface, is_dispute=True),
    partial(guide, is_dispute=True),
)

AWKWARD = LabelSet.of(["<b>", 'say "hi"', "R&D", "naïve 猫", "$hint", "costs $5", "{{keys}}", "'"])


def label_sets() -> st.SearchStrategy[LabelSet]:
    """Return label sets of any names that a label set admits."""

    names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20).filter(
        str.isprintable
    )
    return st.lists(names, min_size=2, max_size=60, unique_by=str.casefold).map(_label_set)


def _label_set(names: list[str]) -> LabelSet:
    try:
        return LabelSet.of(names)
    except LabelError:  # nothing to see, as a lone variation selector, or two names that look alike
        reject()


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


BOTH = [
    pytest.param(partial(make, kind=kind), id=f"{name}-{kind}")
    for kind in KINDS
    for name, make in (("main", interface), ("dispute", adjudication_interface))
]
GUIDES = [
    pytest.param(partial(make, kind=kind), partial(told, kind=kind), id=f"{name}-{kind}")
    for kind in KINDS
    for name, make, told in (
        ("main", interface, guide),
        ("dispute", adjudication_interface, adjudicator_guide),
    )
]


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


@given(label_sets(), st.sampled_from(sorted(KINDS)))
def test_any_label_set_gives_valid_interfaces(labels: LabelSet, kind: str) -> None:
    """The interfaces are well-formed XML with exactly the labels."""
    for make in (interface, adjudication_interface):
        assert answers(make(labels, kind)) == list(labels)


def test_what_is_shown_never_stands_for_task_data() -> None:
    """Label Studio replaces $word in a displayed value by task data, so no label is displayed with one."""
    shown = [str(one.get("value")) for one in control(interface(AWKWARD))]

    assert not [value for value in shown if "$" in value]
    assert shown[:4] == list(AWKWARD)[:4]


@pytest.mark.parametrize(
    ("make", "shown"), [(interface, "$hint"), (adjudication_interface, "$answers")], ids=["main", "dispute"]
)
@pytest.mark.parametrize(
    ("kind", "tag", "beside"), [("image", "Image", set()), ("text", "Text", {"$context"})]
)
def test_the_interface_names_what_annotations_are_read_from(
    make: Callable[..., str], shown: str, kind: str, tag: str, beside: set[str]
) -> None:
    """Control and object carry the names the adapter reads, and the task fields it sends."""
    xml = make(AWKWARD, kind)
    root = ET.fromstring(xml)

    (sample,) = [one for one in root.iter(tag) if one.get("name") == kind]
    assert sample.get("value") == f"${kind}"
    assert {control(xml, name).get("toName") for name in (FROM_NAME, REASON_NAME, "guide")} == {kind}
    given = {value for one in root.iter() for name, value in one.attrib.items() if name != "alias"}
    assert {value for value in given if value.startswith("$")} == {f"${kind}", shown} | beside


@pytest.mark.parametrize("make", [interface, adjudication_interface])
def test_kinds_differ_only_in_the_sample(make: Callable[..., str]) -> None:
    """Labels, reasons, keys, suggestion and search are the same whatever is labelled."""
    labels = LabelSet.of([f"label {number}" for number in range(len(KEYS) + 1)])

    def rest(kind: str) -> list[tuple[str, dict[str, str]]]:
        tags = [(one.tag, dict(one.attrib)) for one in ET.fromstring(make(labels, kind)).iter()]
        own = (kind, "context")
        kept = [one for one in tags if one[1].get("name") not in own and one[0] not in ("Style", "Markdown")]
        return [
            (tag, {**attributes, "toName": attributes.get("toName", "").replace(kind, "")})
            for tag, attributes in kept
            if not attributes.get("className", "").startswith(
                ("gl-picture", "gl-text", "gl-context", "gl-said")
            )
        ]

    assert rest("image") == rest("text")


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


def test_tiny_pictures_keep_their_pixels() -> None:
    """Smoothing is off for tiny pictures only."""
    (tiny,) = ET.fromstring(interface(AWKWARD, is_tiny=True)).iter("Image")
    (usual,) = ET.fromstring(interface(AWKWARD)).iter("Image")

    assert (tiny.get("smoothing"), usual.get("smoothing")) == ("false", "true")


@pytest.mark.parametrize(("make", "told"), GUIDES)
def test_guides_list_every_label_with_its_key(make: Callable[..., str], told: Callable[..., str]) -> None:
    """Labels appear as text, never as markup, each behind its key."""
    text = text_of(told(AWKWARD))

    for number, name in enumerate(AWKWARD, start=1):
        assert f"{number} \xa0{name}" in text


@pytest.mark.parametrize("kind", KINDS)
def test_the_guide_explains_suggestion_skip_and_blind_tasks(kind: str) -> None:
    """An annotator who reads only the guide knows the keys, and why some tasks have no suggestion."""
    text = text_of(guide(AWKWARD, kind))

    for topic in (
        "Enter",
        "skip",
        "suggests",
        "without a suggestion",
        f"Look at the {KINDS[kind]['sample']}",
    ):
        assert topic in text


@pytest.mark.parametrize("kind", KINDS)
def test_no_guide_names_another_kind(kind: str) -> None:
    """Nobody who labels texts reads about pictures, nor the other way round; every hole is filled."""
    for told in (guide, adjudicator_guide):
        text = text_of(told(LabelSet.of(["ham", "spam"]), kind)).lower()
        assert not [other for other in KINDS if other != kind and KINDS[other]["sample"] in text]
        assert "{{" not in text


def test_every_queue_is_explained_where_people_read() -> None:
    """The guide calls the queues what their tabs are called."""
    for title in QUEUES:
        assert title.lower() in text_of(guide(AWKWARD)).lower()


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


@pytest.mark.parametrize(("make", "told"), GUIDES)
@given(labels=label_sets())
def test_the_panel_shows_the_guide(
    make: Callable[..., str], told: Callable[..., str], labels: LabelSet
) -> None:
    """Whatever the labels are called, they stand there as text, and none is taken for task data."""
    (panel,) = ET.fromstring(make(labels)).iter("Markdown")
    shown = str(panel.get("value"))

    assert "$" not in shown
    assert "".join(text_of(shown).split()) == "".join(text_of(told(labels)).replace("$", "＄").split())


@pytest.mark.parametrize("make", BOTH)
def test_styles_survive_the_cleaning_of_label_studio(make: Callable[..., str]) -> None:
    """Label Studio escapes what stands in <Style>, so a selector with an angle would style nothing."""
    (style,) = ET.fromstring(make(AWKWARD)).iter("Style")

    assert not set(str(style.text)) & set("<>&")


def test_the_adjudicators_guide_explains_every_reason() -> None:
    """Someone who reads only the guide knows what each reason is for."""
    text = text_of(adjudicator_guide(AWKWARD))

    for reason in DECISIONS:
        assert reason in text
