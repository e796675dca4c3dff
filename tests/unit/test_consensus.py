"""Consensus: what holds for every method, and the plain majority."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldloop.consensus.label import Method, fit_consensus
from goldloop.consensus.votes import VotedSample
from goldloop.core.errors import InvalidProbabilitiesError, LabelError
from goldloop.core.labels import LabelSet
from goldloop.core.samples import sample_id_of
from tests.strategies import cases, votes

LABELS = LabelSet.of(["cat", "dog", "fox"])
CLOSE = 2e-3  # estimation ends when little moves, so two orders of the same sums may end a step apart

methods = st.sampled_from(list(Method))
few = settings(max_examples=40)


def fitted(given_cases, method, labels=LABELS, target=0.9):
    """Return the fit of `given_cases`."""
    return fit_consensus(given_cases, labels, method=method, target=target)


def case(name: str, votes: dict[str, str], **fields: object) -> VotedSample:
    """Return the case of a sample called `name`."""
    return replace(VotedSample(sample_id_of(name.encode()), votes), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answers", "label", "shares"),
    [
        ({"1": "cat"}, "cat", {"cat": 1}),
        ({}, None, {}),
        ({"1": "cat", "2": "dog"}, None, {"cat": 0.5, "dog": 0.5}),
        ({"1": "cat", "2": "cat"}, "cat", {"cat": 1}),
        ({"1": "cat", "2": "dog", "3": "fox"}, None, {"cat": 0.333, "dog": 0.333, "fox": 0.333}),
        ({"1": "cat", "2": "dog", "3": "dog"}, "dog", {"cat": 0.333, "dog": 0.667}),
        ({"1": "cat", "2": "cat", "3": "dog", "4": "dog"}, None, {"cat": 0.5, "dog": 0.5}),
    ],
)
def test_a_majority_needs_a_lead(
    answers: dict[str, str], label: str | None, shares: dict[str, float]
) -> None:
    """A tie is no consensus; the posterior of a majority is the share of the votes."""
    (consensus,) = fitted([case("a", answers)], Method.MAJORITY).consensus
    assert (consensus.label, consensus.posterior) == (label, shares)


@given(votes())
def test_renaming_labels_renames_the_majority(answers: dict[str, str]) -> None:
    """No label is favoured by its name, so ties cannot be decided by the alphabet."""
    names = {"cat": "zebra", "dog": "ape", "fox": "mole"}
    other = case("a", {who: names[label] for who, label in answers.items()})
    (renamed,) = fitted([other], Method.MAJORITY, LabelSet.of(sorted(names.values()))).consensus
    (plain,) = fitted([case("a", answers)], Method.MAJORITY).consensus
    assert renamed.label == (names[plain.label] if plain.label else None)


@few
@given(cases(), methods, st.randoms())
def test_order_of_cases_and_of_votes_does_not_matter(given_cases, method, chance) -> None:
    """The same votes in any order give exactly the same consensus of each sample."""
    plain = fitted(given_cases, method).consensus
    order = list(range(len(given_cases)))
    chance.shuffle(order)
    turned = [
        replace(given_cases[number], votes=dict(reversed(given_cases[number].votes.items())))
        for number in order
    ]
    assert fitted(turned, method).consensus == [plain[number] for number in order]


@few
@given(cases(), methods)
def test_votes_delivered_twice_count_once(given_cases, method) -> None:
    """An annotator has one vote, however often it arrives."""
    twice = [
        replace(sample, votes=dict([*sample.votes.items(), *reversed(sample.votes.items())]))
        for sample in given_cases
    ]
    assert fitted(twice, method).consensus == fitted(given_cases, method).consensus


@few
@given(cases(), methods)
def test_renaming_annotators_changes_nothing(given_cases, method) -> None:
    """The names of annotators do not change the consensus."""
    names = dict(zip("12345", "edcba", strict=True))
    renamed = [
        replace(
            sample,
            votes={names[who]: label for who, label in sample.votes.items()},
            shown={names[who]: label for who, label in sample.shown.items()},
        )
        for sample in given_cases
    ]
    plain, other = (fitted(samples, method).posterior() for samples in (given_cases, renamed))
    assert other == pytest.approx(plain, abs=CLOSE)


@few
@given(cases(), methods, st.permutations(range(3)))
def test_renaming_labels_renames_the_posterior(given_cases, method, order) -> None:
    """No label is favoured by its name or its column."""
    names = dict(zip(LABELS, ["zebra", "ape", "mole"], strict=True))
    labels = LabelSet.of([names[LABELS[column]] for column in order])
    renamed = [
        replace(
            sample,
            votes={who: names[label] for who, label in sample.votes.items()},
            shown={who: names[label] for who, label in sample.shown.items()},
            probs=None if sample.probs is None else tuple(sample.probs[column] for column in order),
            decision=None if sample.decision is None else names[sample.decision],
        )
        for sample in given_cases
    ]
    plain, other = fitted(given_cases, method).posterior(), fitted(renamed, method, labels).posterior()
    assert other == pytest.approx(plain[:, order], abs=CLOSE)


@few
@given(cases(), methods)
def test_every_posterior_sums_to_one(given_cases, method) -> None:
    """Also the rounded one that gold keeps, as far as rounding allows."""
    fit = fitted(given_cases, method)
    assert fit.posterior().sum(axis=1) == pytest.approx(np.ones(len(given_cases)))
    for consensus in fit.consensus:
        assert sum(consensus.posterior.values()) == pytest.approx(1 if consensus.posterior else 0, abs=0.002)


@few
@given(cases(), methods)
def test_every_label_has_a_vote_or_a_decision(given_cases, method) -> None:
    """Without a vote or a decision there is no label, whatever the model predicts."""
    for sample, result in zip(given_cases, fitted(given_cases, method, target=0.501).consensus, strict=True):
        if result.label is not None:
            assert result.label == sample.decision or result.label in sample.votes.values()
        if sample.decision is not None:
            assert (result.label, result.method) == (sample.decision, "adjudication/1")


@few
@given(cases(with_decisions=False), methods)
def test_a_unanimous_label_is_likeliest_without_a_model(given_cases, method) -> None:
    """Unanimous votes win where no model speaks."""
    silent = [replace(sample, probs=None, shown={}) for sample in given_cases]
    unanimous = [replace(sample, votes=dict.fromkeys(sample.votes, "fox")) for sample in silent[:4]] + [
        case(f"extra {number}", {"1": label, "2": label}) for number, label in enumerate(LABELS)
    ]
    for sample, row in zip(unanimous, fitted(unanimous, method).posterior(), strict=True):
        if sample.votes:
            assert LABELS[int(row.argmax())] == next(iter(sample.votes.values()))


@few
@given(cases(), methods)
def test_the_value_of_another_vote_is_a_share(given_cases, method) -> None:
    """The expected gain lies in [0, 1] and is 0 where an adjudicator has decided."""
    gains = fitted(given_cases, method).expected_gain()
    assert gains.shape == (len(given_cases),)
    for sample, gain in zip(given_cases, gains, strict=True):
        assert 0 <= gain <= 1
        assert sample.decision is None or gain == 0


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize(
    ("given_cases", "labels"),
    [
        ([], LABELS),
        ([case("a", {})], LABELS),
        ([case("a", {"1": "cat"})], LabelSet.of(["cat", "dog"])),
        ([case(str(n), {"1": "cat"}) for n in range(50)], LABELS),
        (
            [case(str(n), {str(n): f"l{n % 7}"}) for n in range(40)],
            LabelSet.of([f"l{n}" for n in range(200)]),
        ),
        ([case(str(n), {"1": "cat"}, decision="dog") for n in range(9)], LABELS),
        ([case("a", {"1": "cat"}, probs=(0.0, 1.0, 0.0)), case("b", {}, probs=(1.0, 0.0, 0.0))], LABELS),
    ],
    ids=[
        "nothing",
        "no vote",
        "one vote",
        "one person",
        "200 labels",
        "all decided",
        "a model that is certain",
    ],
)
def test_little_evidence_is_no_error(
    given_cases: list[VotedSample], labels: LabelSet, method: Method
) -> None:
    """Every method gives finite results for every edge case."""
    fit = fitted(given_cases, method, labels)
    assert len(fit.consensus) == len(given_cases)
    assert np.isfinite(fit.posterior()).all()
    assert np.isfinite(fit.expected_gain()).all()


def test_a_label_outside_the_label_set_is_refused() -> None:
    """A vote for a label that does not exist is no vote to be dropped in silence."""
    with pytest.raises(LabelError, match="label 'cow' is not in the label set"):
        fitted([case("a", {"1": "cow"})], Method.POSTERIOR)


def test_probs_that_are_none_are_refused() -> None:
    """Three labels need three probabilities that sum to 1."""
    with pytest.raises(InvalidProbabilitiesError, match="row 0 of probs"):
        fitted([case("a", {"1": "cat"}, probs=(0.9, 0.9, 0.1))], Method.POSTERIOR)
