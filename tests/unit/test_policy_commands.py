"""`goldloop policy` and `goldloop replay` compare and replay, and touch nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from goldloop.core.errors import EmptyPoolError, SettingsError
from goldloop.routing.policies import Target
from tests.policy_stage import BAND, N, Stage, made_stage, sample, spam, true_label


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Return the workspace of these tests."""
    return made_stage(tmp_path)


def test_the_policy_in_force_is_shown_with_its_reasons(stage: Stage) -> None:
    """The newest entry of the log, in words or as JSON."""
    stage.settle(BAND)
    stage.settle(Target(0.98, 0.05, None))

    words = stage.run("policy", "show").stdout
    told = json.loads(stage.run("policy", "show", "--json").stdout)

    assert "target[0.98,delta=0.05,nobody] for model 1" in words
    assert "- because" in words
    assert "- warning: beware" in words
    assert told["policy"] == {"kind": "target", "accuracy": 0.98, "delta": 0.05, "threshold": None}


def test_without_a_champion_there_is_no_policy_to_show(stage: Stage) -> None:
    """The error says what makes one."""
    with pytest.raises(EmptyPoolError, match="run `goldloop round`"):
        stage.run("policy", "show")


def test_tuning_compares_policies_on_the_audits(stage: Stage, tmp_path: Path) -> None:
    """A table in words, JSON for scripts, and a plot where one is asked for."""
    stage.settle(BAND)
    plot = tmp_path / "tune.png"

    words = stage.run("policy", "tune", "--plot", str(plot)).stdout
    told = json.loads(stage.run("policy", "tune", "--json").stdout)

    assert "40 audits; cost in EUR per 1,000 samples" in words
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert told["present"]["policy"] == "band[0.4,0.7]"
    wrong = [number for number in range(0, N, 3) if number % 10 == 0 and spam(number) > 0.7]
    assert told["present"]["wrong_accepted"]["value"] == pytest.approx(len(wrong) / 40)


def test_a_plot_of_an_unknown_kind_is_refused(stage: Stage, tmp_path: Path) -> None:
    """Before anything is computed, with the kinds there are."""
    with pytest.raises(SettingsError, match=r"ends in .png or .svg"):
        stage.run("policy", "tune", "--plot", str(tmp_path / "tune.gif"))


def test_a_replay_by_hand(stage: Stage) -> None:
    """In both rounds a band up to 0.9 takes what lies between 0.7 and 0.9 to people."""
    stage.settle(BAND)
    options = ("replay", "--kind", "band", "--band", "0.4", "0.9")

    told = json.loads(stage.run(*options, "--json").stdout)
    words = stage.run(*options).stdout

    assert told["policy"] == "band[0.4,0.9]"
    assert [one["round"] for one in told["rounds"]] == [0, 1]
    n_moved = sum(0.7 < spam(number) <= 0.9 for number in range(60))
    for one in told["rounds"]:
        assert one["n"] == 60
        assert one["moves"] == {"auto -> review": n_moved}
        assert one["after"]["to_people"] == pytest.approx(sum(spam(k) <= 0.9 for k in range(60)) / 60)
        assert one["n_audited"] == 20
    before = [number for number in range(0, 60, 3) if spam(number) > 0.7]
    share = sum(true_label(number) == "ham" for number in before) / len(before)
    assert told["rounds"][0]["before"]["let_through"]["value"] == pytest.approx(share)
    after = [number for number in before if spam(number) > 0.9]
    share = sum(true_label(number) == "ham" for number in after) / len(after)
    assert told["rounds"][0]["after"]["let_through"]["value"] == pytest.approx(share)
    assert told["rounds"][0]["before"] != told["rounds"][0]["after"]
    assert f"auto -> review {n_moved}" in words


@pytest.mark.parametrize("options", [("--kind", "target", "--target", "0.7"), ("--kind", "cost")])
def test_other_kinds_are_replayed_too(stage: Stage, options: tuple[str, ...]) -> None:
    """A target is certified by today's audits, a cost policy priced by what is known of people."""
    stage.settle(BAND)

    told = json.loads(stage.run("replay", *options, "--json").stdout)

    assert told["policy"].startswith(options[1])
    assert sum(sum(one["moves"].values()) for one in told["rounds"]) > 0


def test_looking_touches_nothing(stage: Stage, tmp_path: Path) -> None:
    """No table of the workspace moves, whatever is shown, explained, tuned or replayed."""
    stage.settle(BAND)
    before = stage.versions()

    stage.run("policy", "show")
    stage.run("policy", "explain", sample(1))
    stage.run("policy", "tune", "--plot", str(tmp_path / "tune.svg"))
    for kind in ("band", "target", "cost"):
        stage.run("replay", "--kind", kind)

    assert stage.versions() == before


def test_a_band_that_is_none_is_refused(stage: Stage) -> None:
    """The settings' own check speaks."""
    stage.settle(BAND)
    with pytest.raises(SettingsError, match="needs 0 <= low < high <= 1"):
        stage.run("replay", "--kind", "band", "--band", "0.9", "0.4")
