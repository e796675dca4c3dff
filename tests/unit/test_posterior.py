"""The posterior and Dawid-Skene: slow versions as oracles, and what evidence does to weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit

from goldloop.consensus.beliefs import Beliefs
from goldloop.consensus.dawid_skene import MAX_ROUNDS, SMOOTHING, TOLERANCE
from goldloop.consensus.label import ConsensusFit, Method, fit_consensus
from goldloop.consensus.posterior import posterior
from goldloop.consensus.votes import VotedSample, vote_table
from goldloop.core.labels import LabelSet
from goldloop.core.samples import sample_id_of
from tests.strategies import cases
from tests.unit.slow_posterior import SlowFit

LABELS = LabelSet.of(["cat", "dog", "fox"])
few = settings(max_examples=40)


def find(
    given_cases: list[VotedSample], method: Method = Method.POSTERIOR, labels: LabelSet = LABELS
) -> ConsensusFit:
    """Return the fit for `given_cases` at a target of 0.9."""
    return fit_consensus(given_cases, labels, method=method, target=0.9)


def simulated(
    skills: dict[str, float], n: int, *, votes_each: int = 2, seed: int = 0
) -> tuple[list[VotedSample], list[str]]:
    """Return samples answered by annotators of the given accuracies, and the true labels."""
    rng = np.random.default_rng(seed)
    given_cases, truth = [], []
    for number in range(n):
        true = int(rng.integers(3))
        votes = {}
        for who in rng.choice(list(skills), votes_each, replace=False).tolist():
            wrong = (true + int(rng.integers(1, 3))) % 3
            votes[who] = LABELS[true if rng.random() < skills[who] else wrong]
        given_cases.append(VotedSample(sample_id_of(f"{seed}/{number}".encode()), votes))
        truth.append(LABELS[true])
    return given_cases, truth


def weights(given_cases: list[VotedSample]) -> dict[str, float]:
    """Return by annotator how far a lone vote for "cat" moves the log odds of a cat; a mean of 1."""
    people = sorted({who for sample in given_cases for who in sample.votes})
    lone = [VotedSample(sample_id_of(f"lone {who}".encode()), {who: "cat"}) for who in people]
    fit, first, cat = find([*given_cases, *lone]), len(given_cases), LABELS.column("cat")
    before = np.array([fit.leave_one_out(place, who)[cat] for place, who in enumerate(people, first)])
    moved = logit(fit.posterior()[first:, cat]) - logit(before)
    return dict(zip(people, (moved / moved.mean()).tolist(), strict=True))


def slow_dawid_skene(given_cases: list[VotedSample]) -> list[list[float]]:
    """Return the posterior by loops over annotators, samples and labels, as in the paper."""
    people, n = sorted({who for sample in given_cases for who in sample.votes}), len(LABELS)
    truth = []
    for sample in given_cases:
        shares = [list(sample.votes.values()).count(label) / max(len(sample.votes), 1) for label in LABELS]
        row = shares if sample.votes else [1 / n] * n
        truth.append([float(label == sample.decision) for label in LABELS] if sample.decision else row)
    for _ in range(MAX_ROUNDS):
        total = sum(sum(row[k] for row in truth) + SMOOTHING for k in range(n))
        prior = [(sum(row[k] for row in truth) + SMOOTHING) / total for k in range(n)]
        matrix = {}
        for who in people:
            for k in range(n):
                counts = [
                    sum(
                        row[k]
                        for row, sample in zip(truth, given_cases, strict=True)
                        if sample.votes.get(who) == answer
                    )
                    + SMOOTHING
                    for answer in LABELS
                ]
                for answer, count in zip(LABELS, counts, strict=True):
                    matrix[who, k, answer] = count / sum(counts)
        after = []
        for sample in given_cases:
            joint = [
                prior[k] * float(np.prod([matrix[who, k, answer] for who, answer in sample.votes.items()]))
                for k in range(n)
            ]
            row = [value / sum(joint) for value in joint]
            after.append([float(label == sample.decision) for label in LABELS] if sample.decision else row)
        moved = max(
            (
                abs(a - b)
                for old, new in zip(truth, after, strict=True)
                for a, b in zip(old, new, strict=True)
            ),
            default=0,
        )
        truth = after
        if moved < TOLERANCE:
            break
    return truth


@few
@given(cases().filter(lambda rows: len(rows) <= 6))
def test_dawid_skene_is_what_the_loops_say(given_cases: list[VotedSample]) -> None:
    """The arrays do what the paper writes, decided cases included."""
    assert find(given_cases, Method.DAWID_SKENE).posterior() == pytest.approx(
        np.array(slow_dawid_skene(given_cases)).reshape(-1, 3), abs=1e-3
    )


@settings(max_examples=25, deadline=None)
@given(cases())
def test_the_posterior_is_what_the_loops_say(given_cases: list[VotedSample]) -> None:
    """The arrays do what the formulas say, decided and unseen cases and shown suggestions included."""
    with np.errstate(all="raise"):
        expected = SlowFit(given_cases, LABELS).truth

    assert find(given_cases).posterior() == pytest.approx(expected, abs=1e-9)


def test_many_votes_on_one_sample_leave_the_range_of_numbers_to_nobody() -> None:
    """Sixty people who contradict each other on one sample: their product is scaled, and nothing is nan."""
    votes = {str(who): LABELS[who % 3] for who in range(60)}
    given_cases = [VotedSample(sample_id_of(b"all"), votes), VotedSample(sample_id_of(b"none"), {})]

    assert find(given_cases).posterior() == pytest.approx(SlowFit(given_cases, LABELS).truth, abs=1e-9)


@few
@given(cases(with_decisions=False))
def test_the_value_of_a_vote_is_what_every_answer_would_bring(given_cases: list[VotedSample]) -> None:
    """The gain is the Brier score now minus that after each answer, weighed by how likely the answer is."""
    fit = posterior(vote_table(sorted(given_cases, key=lambda sample: sample.sample_id), LABELS))
    for row, gain in enumerate(fit.gains()):
        evidence = fit.beliefs.evidence()[row]
        after, total = 0.0, 0.0
        for answer in range(3):
            likelihood = evidence * (fit.typical[:, answer] + fit.guess[row, answer])
            joint = [
                fit.beliefs.prior[row, true] * sum(fit.beliefs.appearance[true] * likelihood)
                for true in range(3)
            ]
            after += sum(joint) * sum((chance / sum(joint)) ** 2 for chance in joint)
            total += sum(joint)
        now = sum(fit.beliefs.posterior()[row] ** 2)
        assert gain == pytest.approx(after / total - now, abs=1e-9)


@few
@given(
    st.lists(st.sampled_from(range(3)), max_size=6),
    st.sampled_from(range(3)),
    st.floats(0.4, 0.99),
    st.lists(st.floats(0.01, 1), min_size=3, max_size=3),
)
def test_an_agreeing_vote_never_lowers_its_label(
    votes: list[int], answer: int, accuracy: float, prior: list[float]
) -> None:
    """With parameters held fixed, one more vote for a label cannot make that label less likely."""
    confusion = accuracy * np.eye(3) + (1 - accuracy) / 3
    appearance = 0.97 * np.eye(3) + 0.03 * (1 - np.eye(3)) / 2

    def believed(columns: list[int]) -> float:
        case = VotedSample(
            sample_id_of(b"s"), {str(who): LABELS[column] for who, column in enumerate(columns)}
        )
        table = vote_table([case], LABELS)
        log_votes = np.log(confusion).T[table.label]
        start = np.array([prior]) / sum(prior)
        return float(Beliefs(table, start, log_votes, appearance).posterior()[0, answer])

    assert believed([*votes, answer]) >= believed(votes) - 1e-12


def test_a_spammer_soon_weighs_next_to_nothing_and_an_expert_more() -> None:
    """After 100 answers at random, an answer carries little; that of an expert more than a typical one."""
    skills = {"expert": 0.98, "average": 0.9, "other": 0.88, "careless": 0.75, "spammer": 1 / 3}
    weight_of = weights(simulated(skills, 250)[0])
    assert weight_of["spammer"] < 0.35 < weight_of["careless"] < weight_of["average"]
    assert weight_of["expert"] > 1


def test_a_spammer_who_presses_one_key_has_no_weight() -> None:
    """An annotator who always gives the same label has no weight, even when the label is common."""
    given_cases, _ = simulated({"a": 0.9, "b": 0.9, "c": 0.9}, 150)
    lazy = [replace(sample, votes={**sample.votes, "lazy": "cat"}) for sample in given_cases]
    weight_of = weights(lazy)
    assert weight_of["lazy"] < 0.1 < weight_of["a"]


def test_labels_do_not_suffer_when_a_spammer_joins() -> None:
    """Votes at random added to good ones leave the labels as right as they were; a majority gets worse."""
    skills = {"a": 0.9, "b": 0.88, "c": 0.85}
    given_cases, truth = simulated(skills, 600, votes_each=2)
    rng = np.random.default_rng(1)
    joined = [
        replace(sample, votes={**sample.votes, "spam": LABELS[int(rng.integers(3))]})
        for sample in given_cases
    ]

    def accuracy(rows: list[VotedSample]) -> float:
        return float(
            np.mean(
                [
                    LABELS[int(k)] == true
                    for k, true in zip(find(rows).posterior().argmax(axis=1), truth, strict=True)
                ]
            )
        )

    assert accuracy(joined) >= accuracy(given_cases) - 0.005


def test_who_contradicts_the_adjudicator_counts_as_wrong() -> None:
    """A decision is the true label for the fit, and changes the weight of the annotators."""
    rows = [
        VotedSample(
            sample_id_of(f"{number}".encode()),
            {"right": label, "wrong": LABELS[(number + 1) % 3]},
            decision=label,
        )
        for number, label in enumerate(list(LABELS) * 20)
    ]
    weight_of = weights(rows)
    assert weight_of["right"] > weight_of["wrong"] + 1


def test_no_annotator_is_measured_against_their_own_answer() -> None:
    """Without the only vote, what is left is what was believed before it; a second vote stays."""
    rows, _ = simulated({"a": 0.9, "b": 0.9}, 60)
    lone = VotedSample(sample_id_of(b"lone"), {"a": "cat"}, probs=(0.2, 0.5, 0.3))
    both = VotedSample(sample_id_of(b"both"), {"a": "cat", "b": "dog"})
    fit = find([*rows, lone, both])
    assert fit.leave_one_out(60, "a").argmax() == LABELS.column("dog")
    assert fit.leave_one_out(61, "a").argmax() == LABELS.column("dog")
    assert fit.leave_one_out(61, "b").argmax() == LABELS.column("cat")
    assert fit.leave_one_out(61, "somebody else") == pytest.approx(fit.posterior()[61])


def test_leaving_one_out_of_a_decided_case_leaves_the_decision() -> None:
    """The adjudicator's word stands without anybody's vote."""
    fit = find([VotedSample(sample_id_of(b"a"), {"1": "cat"}, decision="dog")])
    assert fit.leave_one_out(0, "1").tolist() == [0, 1, 0]


def test_a_single_annotator_counts_as_a_typical_one() -> None:
    """With one vote each and no model every label, common or rare, keeps what is taken for granted."""
    rows = [
        VotedSample(sample_id_of(f"{number}".encode()), {"me": LABELS[min(number % 10, 2)]})
        for number in range(200)
    ]
    own = find(rows).posterior().max(axis=1)
    assert ((own > 0.8) & (own < 0.995)).all()


def test_a_fit_is_the_same_twice() -> None:
    """Nothing is drawn at random."""
    rows, _ = simulated({"a": 0.9, "b": 0.7, "c": 0.8}, 50)
    first, second = (find(rows) for _ in range(2))
    assert first.consensus == second.consensus
