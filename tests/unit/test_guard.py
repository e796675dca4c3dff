"""The guard: policies are suspended by evidence, rarely by chance, and come back when audits say so."""

from __future__ import annotations

import re
from functools import cache

import numpy as np

from goldloop.audit.audited import Audited
from goldloop.audit.guard import FALSE_SUSPENSION, Guarded, guard
from goldloop.core.samples import SampleId


def accepted(n: int, n_wrong: int, weights: list[float] | None = None) -> Audited:
    """Return `n` audited samples that were accepted, the first `n_wrong` of them wrong."""
    return Audited(
        sample_ids=tuple(SampleId(str(row)) for row in range(n)),
        truth=np.where(np.arange(n) < n_wrong, 1, 0),
        probs=np.tile([0.9, 0.1], (n, 1)),
        weights=np.ones(n) if weights is None else np.array(weights),
        lanes=np.full(n, "auto"),
        rounds=np.zeros(n, dtype=np.intp),
    )


@cache
def is_broken(n: int, n_wrong: int) -> bool:
    """Return whether `n_wrong` errors among `n` audits break a policy with 5 % allowed."""
    return guard(accepted(n, n_wrong), max_error=0.05).is_broken


def advised(guarded: Guarded) -> int:
    """Return the number of audits in the guard's sentence."""
    return int(re.search(r"(\d+) (more )?audits without an error", guarded.follows)[1])  # type: ignore[index]


def test_few_errors_among_many_audits_are_proof() -> None:
    """2 errors in 400 audits exclude a share of 5 %."""
    guarded = guard(accepted(400, 2), max_error=0.05)

    assert (guarded.is_broken, guarded.is_unproven) == (False, False)
    assert guarded.seen.startswith("2 of 400 audited samples that are accepted were wrong: 0.005 [")
    assert guarded.follows == "the share is proven to be within what is allowed"


def test_a_share_that_may_be_too_large_is_a_warning_with_a_way_out() -> None:
    """3 errors in 100 audits allow a share of 5 %; the number of clean audits it names is just enough."""
    guarded = guard(accepted(100, 3), max_error=0.05)

    assert (guarded.is_broken, guarded.is_unproven) == (False, True)
    assert guarded.follows.startswith("the share may be too large;")
    more = advised(guarded)
    assert not guard(accepted(100 + more, 3), max_error=0.05).is_unproven
    assert guard(accepted(100 + more - 1, 3), max_error=0.05).is_unproven


def test_too_many_errors_by_evidence_break_it() -> None:
    """25 errors in 150 audits exclude 5 %; the lower bound is in the sentence."""
    guarded = guard(accepted(150, 25), max_error=0.05)

    assert guarded.is_broken
    least = re.match(r"at least (.*)% are wrong, so people review what the policy would acc", guarded.follows)
    assert least is not None
    assert 5 < float(least[1]) < 100 * 25 / 150


def test_more_wrong_than_allowed_is_no_evidence_yet() -> None:
    """1 error in 5 audits is no evidence."""
    guarded = guard(accepted(5, 1), max_error=0.05)

    assert not guarded.is_broken
    assert guarded.is_unproven


def test_a_suspension_ends_when_the_share_itself_is_back() -> None:
    """A suspension lasts until the share itself is allowed, so that it does not flicker."""
    assert not guard(accepted(100, 7), max_error=0.05).is_broken
    guarded = guard(accepted(100, 7), max_error=0.05, is_suspended=True)
    assert guarded.is_broken
    assert guarded.follows.startswith("the policy stays suspended;")

    more = advised(guarded)
    assert not guard(accepted(100 + more, 7), max_error=0.05, is_suspended=True).is_broken
    assert guard(accepted(100 + more - 1, 7), max_error=0.05, is_suspended=True).is_broken
    assert not guard(accepted(1, 0), max_error=0.05, is_suspended=True).is_broken


def test_everything_wrong_breaks_it_and_everything_right_never_does() -> None:
    """All wrong is evidence, none wrong never is."""
    assert guard(accepted(20, 20), max_error=0.05).is_broken
    assert not guard(accepted(5000, 0), max_error=0.001).is_broken


def test_an_error_that_stands_for_many_weighs_as_many() -> None:
    """Errors count with their weights: the same ten errors are evidence only if they are drawn rarely."""
    unsure = guard(accepted(100, 10, [1.0] * 10 + [10.0] * 90), max_error=0.05)
    sure = guard(accepted(100, 10, [10.0] * 10 + [1.0] * 90), max_error=0.05)

    assert f"wrong: {10 / 910:.3f} [" in unsure.seen
    assert f"wrong: {100 / 190:.3f} [" in sure.seen
    assert not unsure.is_broken
    assert sure.is_broken


def test_a_good_policy_is_hardly_ever_suspended_however_often_one_looks() -> None:
    """With exactly the allowed share and 52 looks, at most FALSE_SUSPENSION of 300 policies are suspended."""
    rng = np.random.default_rng(0)
    counts = (rng.random((300, 52, 10)) < 0.05).sum(axis=2).cumsum(axis=1)
    looks = 10 * np.arange(1, 53)

    suspended = [
        any(
            n_wrong > 0.05 * n and is_broken(n, n_wrong)
            for n, n_wrong in zip(looks.tolist(), year.tolist(), strict=True)
        )
        for year in counts
    ]

    assert np.mean(suspended) <= FALSE_SUSPENSION


def test_a_policy_with_thrice_the_errors_is_suspended_within_a_quarter() -> None:
    """With 15 % errors, 5 % allowed and 20 audits a week, nine of ten are suspended within 13 weeks."""
    rng = np.random.default_rng(1)
    counts = (rng.random((200, 260)) < 0.15).sum(axis=1)

    suspended = [is_broken(260, n_wrong) for n_wrong in counts.tolist()]

    assert np.mean(suspended) >= 0.9
