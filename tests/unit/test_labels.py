"""Labels are words of the world: how they are parsed, when two are equal, and what is refused."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.adapters.label_studio.payload import choice_result, read_result
from goldloop.core.errors import LabelError, SettingsError
from goldloop.core.labels import MAX_LABEL_LENGTH, LabelSet, labels_text, parsed_labels
from goldloop.settings.toml import checked_settings
from goldloop.settings.workspace import Workspace

NFC, NFD = "caf\u00e9", "cafe\u0301"
FIREFIGHTER = "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{FIRE ENGINE}"
ENGLAND = "\N{WAVING BLACK FLAG}" + "".join(chr(0xE0000 + ord(char)) for char in "gbeng") + chr(0xE007F)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("cat,dog", ["cat", "dog"]),
        (' cat , "hat, cap" ,dog,', ["cat", "hat, cap", "dog"]),
        ('"say ""cheese""",5" disk', ['say "cheese"', '5" disk']),
        ("", []),
    ],
)
def test_labels_are_parsed_as_csv(text: str, labels: list[str]) -> None:
    """A label in double quotes may hold a comma; blanks around labels do not count."""
    assert parsed_labels(text) == labels


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)))
def test_labels_that_are_written_are_read_back(names: list[str]) -> None:
    """Commas and quotes survive."""
    assert parsed_labels(labels_text(names)) == names


@pytest.mark.parametrize("text", ['"cat,dog', '"cat" x,dog', 'cat,"'])
def test_what_is_no_csv_is_refused(text: str) -> None:
    """The message says how to write a label with a comma."""
    with pytest.raises(LabelError, match="double quotes"):
        parsed_labels(text)


@pytest.mark.parametrize(
    "label",
    [
        "hat\N{NO-BREAK SPACE}cap",
        FIREFIGHTER,
        ENGLAND,
        "\N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16}",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a zero-width non-joiner
        "[/] [red]",
        ":x:",
        "a|b",
        "<b>&amp;",
        "x" * MAX_LABEL_LENGTH,
    ],
)
def test_words_of_the_world_are_labels(tmp_path: Path, label: str) -> None:
    """They survive goldloop.toml and an answer from Label Studio as they are."""
    root = Workspace.create(tmp_path / "w", labels=[label, "other"]).root

    labels = Workspace.open(root).settings.label_set

    assert labels.names == (label, "other")
    assert read_result(choice_result(label), labels) == (label, None)


@pytest.mark.parametrize(
    "label",
    [
        "a\nb",
        "a\tb",
        "\N{ZERO WIDTH JOINER}",
        "a\u200bb",
        "a\u202eb",
        "\ufeffa",
        "a\u00adb",
        "\N{NO-BREAK SPACE}a",
    ],
)
def test_what_cannot_be_seen_is_refused(label: str) -> None:
    """Control characters, invisible ones and blanks around a label."""
    with pytest.raises(LabelError, match="not usable"):
        LabelSet.of([label, "other"])


def test_upper_and_lower_case_are_two_labels() -> None:
    """Letters, for example, are often what is labelled."""
    labels = LabelSet.of(["A", "a"])
    assert (labels.find("a"), labels.column("a")) == ("a", 1)


@pytest.mark.parametrize(
    "twin",
    [(NFC, NFD), ("hat cap", "hat\N{NO-BREAK SPACE}cap"), ("ab", "a\N{ZERO WIDTH JOINER}b"), ("a", "a")],
)
def test_two_labels_that_look_alike_are_refused(twin: tuple[str, str]) -> None:
    """Annotators and reports could not tell them apart; the message shows what differs."""
    with pytest.raises(LabelError, match="twice in the label set"):
        LabelSet.of(twin)


def test_a_label_has_one_form_whichever_way_it_comes_in() -> None:
    """In settings, in the costs of confusions, and in answers."""
    values = {"name": "cafes", "labels": [NFD, "bar"], "cost": {"errors": {NFD: {"bar": 3.0}}}}

    settings = checked_settings(values, "a test")

    assert settings.labels == (NFC, "bar")
    assert settings.cost.errors == {NFC: {"bar": 3.0}}
    assert unicodedata.is_normalized("NFC", settings.labels[0])
    assert read_result(choice_result(NFD), settings.label_set) == (NFC, None)
    assert read_result(choice_result("CAFE"), settings.label_set)[0] is None


def test_a_label_set_that_cannot_be_is_an_error_of_settings() -> None:
    """As `goldloop init` shows it."""
    with pytest.raises(SettingsError, match="looks like"):
        checked_settings({"name": "cafes", "labels": [NFC, NFD]}, "goldloop init")
