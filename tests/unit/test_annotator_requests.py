"""What an annotator may send to the embedded Label Studio: the rule, without a server."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import goldloop.services
from goldloop.adapters.label_studio.payload import choice_result

CONTROLS = {"label": {}, "reason": {}, "note": {}}


@pytest.fixture(scope="module")
def rule() -> ModuleType:
    """Return the module as Label Studio's process imports it."""
    folder = Path(goldloop.services.__file__).parent / "label_studio_server"
    spec = importlib.util.spec_from_file_location("answers", folder / "goldloop_label_studio_answers.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("value", ["1e999", "-1e999", "NaN", '"\\ud800"', '"a\\u0000"', "[" * 40 + "]" * 40])
@pytest.mark.parametrize("place", ["V", '{"lead_time": V}', '{"result": [{"value": {"choices": [V]}}]}'])
def test_what_cannot_be_listed_again_is_unsound(rule: ModuleType, value: str, place: str) -> None:
    """Wherever it stands in the request, and also as a key."""
    assert rule.unsound(json.loads(place.replace("V", value)))
    if value.startswith('"'):
        assert rule.unsound(json.loads("{" + value + ": 1}"))


@pytest.mark.parametrize(
    "sent", [{}, None, [], {"result": choice_result("größe 🙂 \u00a0\t\n")}, {"a": [1, 2.5, None, True]}]
)
def test_what_can_be_listed_is_sound(rule: ModuleType, sent: object) -> None:
    """Words of any script, line breaks and emoji pass."""
    assert rule.unsound(sent) is None


@pytest.mark.parametrize(
    "sent",
    [
        *({"lead_time": value} for value in ("2", True, [2], 1e300, 10**400, {})),
        *({"result": value} for value in ("[]", None, {}, 5, [5], [None], ["x"], [[]], [{}])),
        {"result": [{"from_name": "zzz", "value": {"choices": ["x"]}}]},
        {"result": [{"from_name": ("label",), "value": {}}]},
        {"result": [{"from_name": "label", "value": 3}]},
    ],
)
def test_an_answer_that_no_page_sends_is_refused(rule: ModuleType, sent: dict[str, Any]) -> None:
    """A time that is no number, a result that is no list, a control that the page does not have."""
    fault = rule.answer_fault(sent, CONTROLS)
    assert fault
    assert len(fault) < 200


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"lead_time": None, "result": []},
        {"lead_time": 2, "result": choice_result("cat")},
        {"lead_time": 86_400.5, "result": choice_result("a label that was removed"), "was_cancelled": True},
    ],
)
def test_an_answer_of_the_page_passes(rule: ModuleType, sent: dict[str, Any]) -> None:
    """Answers, skips and long times pass; what they are worth, the pull decides."""
    assert rule.answer_fault(sent, CONTROLS) is None
