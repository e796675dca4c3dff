"""A band with an upper end for each label: less is let through under the labels that hide most."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from goldloop.core.codec import to_plain
from goldloop.core.errors import InvalidBandError, SettingsError
from goldloop.core.lanes import Lane
from goldloop.routing.fit import band_policy, fit_policy
from goldloop.routing.policies import Band, Policy, Supported, labels_of, route
from goldloop.routing.settle import is_asked_for
from goldloop.settings import Settings
from goldloop.settings.toml import checked_settings, load_settings, settings_toml
from tests.strategies import probs

LABELS = ("fine", "hate", "spam")
BAND = Band(0.0, 0.85, highs=(0.97, 0.85, 0.6), labels=LABELS)


@pytest.mark.parametrize(
    ("row", "lane"),
    [
        ((0.95, 0.03, 0.02), Lane.REVIEW),
        ((0.98, 0.01, 0.01), Lane.AUTO),
        ((0.05, 0.9, 0.05), Lane.AUTO),
        ((0.1, 0.85, 0.05), Lane.REVIEW),
        ((0.2, 0.15, 0.65), Lane.AUTO),
    ],
)
def test_the_line_of_the_likeliest_label_counts(row: tuple[float, float, float], lane: Lane) -> None:
    """What looks fine has to look very fine; spam is accepted earlier."""
    assert route([row], BAND) == [lane]


def test_of_equally_likely_labels_the_higher_line_counts() -> None:
    """The order of labels decides nothing."""
    low = replace(BAND, highs=(0.45, 0.85, 0.3), low=0.1)

    assert route([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]], low) == [Lane.REVIEW, Lane.AUTO]


@given(probs(), st.floats(0.85, 1))
def test_a_higher_line_never_accepts_more(rows: list[list[float]], high: float) -> None:
    """Raising one label's line sends samples to annotators and takes none from them."""
    assume(rows)
    before, after = Band(0.0, 0.85), Band(0.0, 0.85, highs=(high, 0.85, 0.85), labels=LABELS)

    lanes = zip(rows, route(rows, before), route(rows, after), strict=True)

    for row, old, new in lanes:
        assert (old is new) or (old is Lane.AUTO and new is Lane.REVIEW and 0.85 < row[0] <= high)


def test_nobody_and_nothing_has_a_lane_of_its_own() -> None:
    """No rows give no lanes, with and without lines of labels."""
    assert route(np.zeros((0, 3)), BAND) == route(np.zeros((0, 3)), Band(0.0, 0.85)) == []


def test_it_is_stored_and_named_by_its_lines() -> None:
    """Any decision can be replayed; a policy that was stored before has no lines."""
    adapter = TypeAdapter[Policy](Policy)
    policy = Supported(BAND, 0.9)

    assert adapter.validate_python(json.loads(json.dumps(to_plain(policy)))) == policy
    assert BAND.version == "band[0,0.85,fine>0.97,spam>0.6]"
    assert labels_of(policy) == LABELS
    assert labels_of(Band(0.0, 0.85)) == ()


@pytest.mark.parametrize("highs", [(0.9,), (0.9, 0.9, 1.1), (0.9, 0.9, 0.0)])
def test_lines_that_make_no_sense_are_refused(highs: tuple[float, ...]) -> None:
    """One for each label, above the band's beginning and at most 1."""
    with pytest.raises(InvalidBandError, match=r"Correct policy\.thresholds"):
        Band(0.0, 0.85, highs=highs, labels=LABELS)


def settings(**thresholds: float) -> Settings:
    """Return settings of texts with these lines."""
    values: dict[str, object] = {"name": "posts", "kind": "text", "labels": list(LABELS)}
    return checked_settings(values | {"policy": {"thresholds": thresholds}}, "test")


def test_the_settings_give_the_policy(tmp_path: Path) -> None:
    """Labels without a line of their own share the band's; the policy in force is the one asked for."""
    asked = settings(fine=0.97)

    band = band_policy(asked)
    assert band == Band(0.0, 0.85, highs=(0.97, 0.85, 0.85), labels=LABELS)
    assert fit_policy(asked).policy == band
    assert is_asked_for(band, asked)
    assert not is_asked_for(band, settings(fine=0.96))
    assert not is_asked_for(band, settings())
    (tmp_path / "goldloop.toml").write_text(settings_toml(asked))
    assert load_settings(tmp_path / "goldloop.toml") == asked


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [({"ham": 0.9}, "policy.thresholds names 'ham'"), ({"fine": 1.2}, "above 0, at most 1, got 'fine': 1.2")],
)
def test_wrong_lines_are_refused_by_their_label(thresholds: dict[str, float], message: str) -> None:
    """The error names the label and the value seen."""
    with pytest.raises(SettingsError, match=message):
        settings(**thresholds)
