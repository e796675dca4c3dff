"""Settled votes: with many votes, the estimates rest on the first ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldloop.adapters.derived_file import DerivedFile
from goldloop.consensus import posterior as fitting
from goldloop.consensus import settled_votes
from goldloop.consensus.label import ConsensusFit, Method, fit_consensus
from goldloop.consensus.votes import VotedSample
from goldloop.core.labels import LabelSet
from goldloop.core.samples import sample_id_of

LABELS = LabelSet.of(["cat", "dog", "eel"])


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let twenty votes be many, which settle in steps of a fifth."""
    monkeypatch.setattr(settled_votes, "ALL_UP_TO", 20)
    monkeypatch.setattr(settled_votes, "STEP", 1.2)


def voted(number: int, *people: str) -> VotedSample:
    """Return a sample with a vote of each of `people`, given at the moment `number`."""
    chance = np.random.default_rng(number)
    votes = {who: LABELS[int(chance.integers(3))] for who in people}
    return VotedSample(
        sample_id_of(f"{number}".encode()),
        votes,
        given_at=dict.fromkeys(votes, number),
        probs=(0.5, 0.3, 0.2),
    )


def fit(samples: list[VotedSample], kept: DerivedFile | None = None) -> ConsensusFit:
    """Return the posterior of `samples`."""
    return fit_consensus(samples, LABELS, method=Method.POSTERIOR, target=0.9, kept=kept)


SAMPLES = [voted(number, "ana", "ben") for number in range(12)]  # 24 votes, all settled


def test_a_vote_that_is_not_settled_moves_the_posterior_of_its_own_sample_alone() -> None:
    """The others keep every digit."""
    more = [*SAMPLES, voted(12), voted(13, "eva")]

    before, after = fit([*more[:-1], voted(13)]).posterior(), fit(more).posterior()

    assert (before[:-1] == after[:-1]).all()
    assert (before[-1] != after[-1]).any()


def test_settled_votes_move_all_posteriors_once_they_are_a_step_more() -> None:
    """Five more votes are a fifth of the twenty-four."""
    more = [*SAMPLES, *(voted(number, "ana") for number in range(20, 26))]

    assert (fit(SAMPLES).posterior()[0] != fit(more).posterior()[0]).any()


def test_the_moments_of_the_votes_count_and_not_the_order_of_the_samples() -> None:
    """Of the same votes, those that were given first are settled."""
    more = [*SAMPLES, voted(13, "eva")]
    turned = [replace(one, given_at={who: 99 - at for who, at in one.given_at.items()}) for one in more]

    assert (fit(more).posterior() == fit(more[::-1]).posterior()[::-1]).all()
    assert (fit(more).posterior()[0] != fit(turned).posterior()[0]).any()


def test_kept_estimates_are_used_again_and_give_the_same_posteriors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fit of the same settled votes reads them; damaged ones are made anew."""
    kept, more = DerivedFile(tmp_path / "estimates.json"), [*SAMPLES, voted(13, "eva")]
    first = fit(SAMPLES[:10] + more[10:], kept).posterior()
    n_fits, estimate = 0, fitting.estimate

    def counted(table: object) -> object:
        nonlocal n_fits
        n_fits += 1
        return estimate(table)  # type: ignore[arg-type]

    monkeypatch.setattr(fitting, "estimate", counted)

    assert (fit(more, kept).posterior() == first).all()
    assert n_fits == 0
    kept.save("{")
    assert (fit(more, kept).posterior() == first).all()
    assert n_fits == 1


def test_a_decision_counts_in_the_estimates_once_votes_given_after_it_are_settled() -> None:
    """Until then it decides its own sample alone."""
    late = [replace(SAMPLES[0], decision="eel", decided_at=50), *SAMPLES[1:], voted(13, "eva")]
    early = [replace(SAMPLES[0], decision="eel", decided_at=1), *late[1:]]

    assert (fit(late).posterior()[1:] == fit([*SAMPLES, late[-1]]).posterior()[1:]).all()
    assert (fit(early).posterior()[1:] != fit(late).posterior()[1:]).any()
