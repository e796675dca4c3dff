"""Agreement: Krippendorff's alpha and Cohen's kappa, beside published figures and slow, obvious versions."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldloop.annotators.agreement import MIN_SHARED, Agreement, agreement, alpha, independent_votes
from goldloop.core.annotations import Answer
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.stats.measures import Measure

LABELS = LabelSet(tuple("abcde"))
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
Votes = dict[SampleId, dict[str, str]]

_LABEL = st.sampled_from("abc")
ANSWERS = st.fixed_dictionaries({"1": _LABEL, "2": _LABEL}, optional={"3": _LABEL})


def votes(*people: str) -> Votes:
    """Return the votes of people whose labels stand side by side, a dot where one gave none."""
    found: Votes = {}
    for who, row in enumerate(people, start=1):
        for column, label in enumerate(row.replace(" ", "")):
            if label != ".":
                found.setdefault(SampleId(f"{column:064d}"), {})[str(who)] = label
    return found


def repeated(once: Votes, times: int) -> Votes:
    """Return every sample `times` over."""
    return {SampleId(f"{number}{sample}"): found for sample, found in once.items() for number in range(times)}


def measured(found: Votes) -> Agreement:
    """Return the agreement, always with the same bootstrap."""
    return agreement(found, labels=LABELS, rng=np.random.default_rng(0))


def plain_alpha(found: Votes) -> float:
    """Return alpha counted pair by pair: one minus the observed over the expected share of unequal pairs."""
    shared = [list(one.values()) for one in found.values() if len(one) > 1]
    n = sum(map(len, shared))
    observed = sum(
        sum(one != other for one, other in permutations(said, 2)) / (len(said) - 1) for said in shared
    )
    everything = Counter(label for said in shared for label in said)
    expected = sum(
        everything[one] * everything[other] for one in everything for other in everything if one != other
    ) / (n - 1)
    return 1 - observed / expected


@pytest.mark.parametrize(
    ("people", "published"),
    [
        (("aabbdcccedda", "babbbccceddd"), 0.692),  # example B: two observers, five labels
        (("abccbadab...", "abccbbdabe.c", ".cccbcdbbea.", "abccbddabea."), 0.743),  # C: four, gaps
    ],
)
def test_alpha_is_the_published_one(people: tuple[str, ...], published: float) -> None:
    """The worked examples of [krippendorff2011] for nominal data."""
    found = votes(*people)
    shared = [one for one in found.values() if len(one) > 1]
    counts = np.array(
        [[[list(one.values()).count(label) for label in LABELS]] for one in shared], dtype=float
    )

    assert float(alpha(counts, np.ones(len(counts)))) == pytest.approx(published, abs=0.0005)
    assert plain_alpha(found) == pytest.approx(published, abs=0.0005)


@settings(max_examples=40)
@given(st.lists(ANSWERS, min_size=20, max_size=40))
def test_it_is_the_same_as_counting_pair_by_pair(rows: list[dict[str, str]]) -> None:
    """For any votes: alpha as counted slowly, and kappa as scikit-learn has it."""
    from sklearn.metrics import cohen_kappa_score

    found = {SampleId(f"{number:064d}"): one for number, one in enumerate(rows)}

    result = measured(found)

    if result.alpha.estimate is not None:
        assert result.alpha.estimate.value == pytest.approx(plain_alpha(found))
    for one in result.pairs:
        both = [(row[one.first], row[one.second]) for row in rows if {one.first, one.second} <= row.keys()]
        assert one.kappa.n == len(both)
        if one.kappa.estimate is not None:
            assert one.kappa.estimate.value == pytest.approx(cohen_kappa_score(*zip(*both, strict=True)))


def test_chance_is_zero_and_equal_shares_are_counted() -> None:
    """Two people who answer independently agree as often as chance has it, and alpha says so."""
    rng = np.random.default_rng(1)
    rows = ["".join(rng.choice(list("ab"), 2000)) for _ in range(2)]

    found = measured(votes(*rows))

    assert found.alpha.estimate is not None
    assert found.equal.estimate is not None
    assert found.alpha.estimate.low < 0 < found.alpha.estimate.high
    assert found.equal.estimate.value == pytest.approx(0.5, abs=0.03)
    assert found.equal.estimate.n == 2000


def test_perfect_agreement_keeps_an_interval() -> None:
    """Thirty samples on which all agree do not prove that all always will."""
    found = measured(repeated(votes("abc", "abc", "abc"), 10))

    for one in (found.alpha, found.equal, found.pairs[0].kappa):
        assert one.estimate is not None
        assert one.estimate.value == one.estimate.high == 1.0
        assert 0.5 < one.estimate.low < 0.95


def test_the_interval_of_alpha_covers() -> None:
    """With 50 samples and three good people at least nine in ten intervals hold what 20,000 samples say."""
    rng = np.random.default_rng(2)

    def drawn(n: int) -> Votes:
        truth = rng.integers(0, 5, n)
        rows = [
            np.where(rng.random(n) < skill, truth, (truth + rng.integers(1, 5, n)) % 5)
            for skill in (0.95, 0.92, 0.9)
        ]
        return votes(*("".join(LABELS[column] for column in row) for row in rows))

    true = plain_alpha(drawn(20_000))
    found = [measured(drawn(50)).alpha.estimate for _ in range(100)]

    assert np.mean([one.low <= true <= one.high for one in found if one]) >= 0.90


def test_few_shared_samples_say_too_few() -> None:
    """Nineteen samples are not enough for a figure; those with one answer do not count."""
    found = measured({**repeated(votes("a", "b"), MIN_SHARED - 1), SampleId("alone"): {"1": "a"}})

    assert str(found.alpha) == "too few, n=19"
    assert [str(one.kappa) for one in found.pairs] == ["too few, n=19"]
    assert measured({}) == Agreement(Measure(0, None), Measure(0, None), ())


def test_one_label_gives_no_chance_to_correct_for() -> None:
    """Where everybody only ever says a, agreement is full and chance undefined."""
    found = measured(repeated(votes("a", "a"), 30))

    assert str(found.alpha) == "only one label was used, n=30"
    assert str(found.pairs[0].kappa) == "only one label was used, n=30"
    assert found.equal.estimate is not None
    assert found.equal.estimate.value == 1.0


def test_neither_order_nor_who_is_who_matters() -> None:
    """Samples in any order, people under any name: the same alpha and the same kappas."""
    once = repeated(votes("abccbaabce", "abccbbabcd", "cbccbcaabe"), 4)
    names = {"1": "3", "2": "1", "3": "2"}
    other = {sample: {names[who]: label for who, label in once[sample].items()} for sample in reversed(once)}

    before, after = measured(once), measured(other)

    assert after.alpha.estimate is not None
    assert before.alpha.estimate is not None
    assert after.alpha.estimate.value == pytest.approx(before.alpha.estimate.value)
    assert {frozenset((names[one.first], names[one.second])): one.kappa.n for one in before.pairs} == {
        frozenset((one.first, one.second)): one.kappa.n for one in after.pairs
    }


def answer(
    number: int, sample: str, who: str, label: str | None, purpose: Purpose, **changes: object
) -> Answer:
    """Return the `number`-th answer of a day."""
    at = START + timedelta(minutes=number)
    shown = bool(changes.get("is_shown", False))
    return Answer(number, SampleId(sample), purpose, who, label, None, 1, at, at, 4.0, None, shown)


def test_only_answers_asked_for_from_the_start_count() -> None:
    """Third answers follow doubt, chosen samples are hard, suggestions pull: none of them counts."""
    answers = [
        answer(3, "x", "3", "b", Purpose.AUDIT),
        answer(1, "x", "1", "a", Purpose.AUDIT),
        answer(2, "x", "2", "a", Purpose.AUDIT),
        answer(4, "x", "1", "c", Purpose.AUDIT),  # a newer answer of somebody who counts already
        answer(5, "y", "1", "a", Purpose.REVIEW),
        answer(6, "z", "1", "a", Purpose.AUDIT, is_shown=True),
        answer(7, "z", "2", None, Purpose.AUDIT),
        answer(8, "s", "1", "a", Purpose.SEED),
        answer(9, "s", "2", "b", Purpose.SEED),
    ]

    found = independent_votes(answers, n_first={Purpose.SEED: 1, Purpose.AUDIT: 2})

    assert {sample: said for sample, said in found.items() if said} == {
        "x": {"1": "c", "2": "a"},
        "s": {"1": "a"},
    }
