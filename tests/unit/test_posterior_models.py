"""The posterior beside a model: how far its predictions, and votes that repeat its suggestions, count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from goldloop.consensus.clicks import probs_after_clicks
from goldloop.consensus.posterior import estimate
from goldloop.consensus.votes import VotedSample, vote_table
from goldloop.core.labels import LabelSet
from goldloop.core.samples import sample_id_of
from goldloop.stats.reliability import calibration_error
from tests.unit.test_posterior import LABELS, find, simulated


def test_a_boastful_model_is_believed_less() -> None:
    """Votes alone correct a model that predicts 0.98 and is right in 0.7."""
    given_cases, truth = simulated({"a": 0.9, "b": 0.88, "c": 0.9}, 1500)
    columns = np.array([LABELS.column(label) for label in truth])
    rng = np.random.default_rng(2)
    predicted = np.where(rng.random(1500) < 0.7, columns, (columns + rng.integers(1, 3, 1500)) % 3)
    boast = [
        replace(sample, probs=tuple(np.where(np.arange(3) == column, 0.98, 0.01)))
        for sample, column in zip(given_cases, predicted, strict=True)
    ]
    believed = find(boast).posterior()
    assert calibration_error(believed, columns).value < 0.06
    assert (believed.argmax(axis=1) == columns).mean() > (
        find(given_cases).posterior().argmax(axis=1) == columns
    ).mean()


def test_one_vote_each_does_not_make_a_calibrated_model_infallible() -> None:
    """With one vote a sample, the fit keeps the model's own calibration."""
    rng, n, n_labels = np.random.default_rng(4), 1500, 10
    labels = LabelSet.of([f"label {number}" for number in range(n_labels)])
    truth = rng.integers(n_labels, size=n)
    voted, predicted = (
        np.where(rng.random(n) < right, truth, (truth + rng.integers(1, n_labels, n)) % n_labels)
        for right in (0.9, 0.8)
    )
    probs = np.where(np.arange(n_labels) == predicted[:, None], 0.8, 0.2 / (n_labels - 1))
    rows = [
        VotedSample(sample_id_of(f"{number}".encode()), {"ab"[number % 2]: labels[vote]}, probs=tuple(row))
        for number, (vote, row) in enumerate(zip(voted, probs, strict=True))
    ]
    believed = find(rows, labels=labels).posterior()
    assert believed.max(axis=1).mean() < (believed.argmax(axis=1) == truth).mean() + 0.12


def test_a_vote_taken_over_from_a_suggestion_counts_for_less() -> None:
    """When annotators adopt suggestions, agreement with a shown suggestion is weak evidence."""
    rng, rows = np.random.default_rng(3), []
    for number in range(400):
        true, suggested = int(rng.integers(3)), int(rng.integers(3))
        blind = true if rng.random() < 0.95 else (true + 1) % 3
        seen = suggested if rng.random() < 0.5 else true
        votes = {"a": LABELS[blind], "b": LABELS[seen]}
        rows.append(VotedSample(sample_id_of(f"{number}".encode()), votes, shown={"b": LABELS[suggested]}))
    taken = VotedSample(sample_id_of(b"taken"), {"b": "cat"}, shown={"b": "cat"})
    against = VotedSample(sample_id_of(b"against"), {"b": "cat"}, shown={"b": "dog"})
    believed = find([*rows, taken, against]).posterior()[-2:, LABELS.column("cat")]
    assert believed[0] < 0.75
    assert believed[1] > 0.9


def unclicked(name: str, probs: tuple[float, ...], overlooked: float) -> VotedSample:
    """Return a picture that was shown as a cat on a sheet, and that `s` left unclicked."""
    sample_id = sample_id_of(name.encode())
    return VotedSample(sample_id, {"s": "cat"}, probs, shown={"s": "cat"}, overlooked={"s": overlooked})


def test_an_unclicked_picture_counts_by_what_its_annotator_overlooks() -> None:
    """The odds of the suggestion grow by 1 / the share of errors overlooked, short of shared mistakes."""
    given_cases, _ = simulated({"a": 0.9, "b": 0.9}, 300)
    probs = (0.9, 0.05, 0.05)
    careful, careless, blind = (unclicked(f"{share}", probs, share) for share in (0.05, 0.5, 1.0))
    posterior = find([*given_cases, careful, careless, blind]).posterior()[-3:, 0]

    assert posterior[0] > posterior[1] > posterior[2]
    plain = find([*given_cases, replace(blind, votes={}, overlooked={}, shown={})]).posterior()[-1, 0]
    assert abs(posterior[2] - plain) < 0.01
    odds = plain / (1 - plain)
    assert 0.98 * 2 * odds / (1 + 2 * odds) < posterior[1] <= 2 * odds / (1 + 2 * odds) + 0.01
    assert posterior[0] > 0.985


def test_sheets_say_nothing_of_how_somebody_answers_singly() -> None:
    """A hundred unclicked pictures leave the estimates of annotators as they were."""
    given_cases, _ = simulated({"a": 0.9, "s": 0.8}, 300)
    sheets = [unclicked(f"sheet {number}", (0.97, 0.02, 0.01), 0.1) for number in range(100)]
    alone, beside = (estimate(vote_table(rows, LABELS)) for rows in (given_cases, [*given_cases, *sheets]))

    np.testing.assert_allclose(beside.sources, alone.sources, atol=0.01)
    np.testing.assert_allclose(beside.adoption, alone.adoption, atol=0.01)
    assert beside.votes.tolist() == alone.votes.tolist()


def test_nobody_on_sheets_sees_everything() -> None:
    """Where no error was ever overlooked, a click that is missing still rules no label out."""
    given_cases, _ = simulated({"a": 0.9, "b": 0.9}, 300)
    sample = unclicked("sure", (0.01, 0.98, 0.01), 0.0)

    assert 0 < find([*given_cases, sample]).posterior()[-1, 1] < 1


def test_a_click_lets_people_correct_a_model_that_is_sure() -> None:
    """A sure model outvotes one person who contradicts it, unless somebody clicked the picture before."""
    given_cases, _ = simulated({"a": 0.9, "b": 0.9}, 300)
    probs = np.array([[0.97, 0.02, 0.01]])
    clicked = probs_after_clicks(probs, np.array([0]), np.array([0.1]))
    samples = [
        VotedSample(sample_id_of(name.encode()), {"a": "dog"}, probs=tuple(row))
        for name, row in (("plain", probs[0].tolist()), ("clicked", clicked[0].tolist()))
    ]
    posterior = find([*given_cases, *samples]).posterior()[-2:]

    assert clicked.sum() == 1
    assert posterior.argmax(axis=1).tolist() == [0, 1]
    assert posterior[1, 1] > 0.9
