"""The bench of moderation counts real votes as answers, and makes hate speech as dear as people have time."""

from __future__ import annotations

import numpy as np

from goldloop.core.lanes import Lane
from scripts.bench.moderation import Labels, Side, dear_hate
from scripts.bench.tweets import LABELS, shuffled_votes


def side(n_holdout: int, n_wrong: int) -> Side:
    """Return a model of 2,000 posts, and a holdout on which it is surest where it is right."""
    pool = np.random.default_rng(0).dirichlet((0.3, 3.0, 0.6), size=2000)
    sure = np.linspace(0.99, 0.4, n_holdout)
    return Side(pool, pool, sure, np.arange(n_holdout) < n_holdout - n_wrong)


def test_an_answer_is_a_vote_and_an_audit_takes_a_third_one_where_two_differ() -> None:
    """Answers are counted one by one, also those of audits."""
    labels, votes = Labels({}, {}), np.array([[0, 0, 1], [0, 1, 1], [2, 1, 0]])
    labels.ask(2, votes)
    labels.audit(0, votes)
    labels.audit(1, votes)

    assert (labels.chosen, labels.audits, labels.n_answers) == ({2: 2}, {0: 0, 1: 1}, 1 + 2 + 3)


def test_the_votes_of_a_tweet_come_in_an_order_of_chance() -> None:
    """Each of the first three answers is one of the votes, and no vote is given more often than it was."""
    votes = np.tile([1, 2, 0], (500, 1))
    given = shuffled_votes(votes, np.random.default_rng(0))

    assert (np.sort(given, axis=1) == [0, 1, 1]).all()
    assert 0.25 < (given[:, 0] == 0).mean() < 0.42


def test_hate_speech_is_as_dear_as_the_share_to_people_allows() -> None:
    """The share is kept, and who goes to people is likelier to be hateful than what is accepted."""
    found = side(0, 0)
    to_people = dear_hate(found, 0.3, 0.1).lanes(found.pool) != str(Lane.AUTO)
    hateful = found.pool[:, LABELS.column("hate speech")]

    assert 0.25 < to_people.mean() <= 0.3
    assert hateful[to_people].mean() > 3 * hateful[~to_people].mean()


def test_nothing_is_accepted_that_audits_do_not_certify() -> None:
    """Where a third of the audits is wrong, everything goes to people, whatever the share."""
    found = side(30, 10)

    assert (dear_hate(found, 0.3, 0.05).lanes(found.pool) != str(Lane.AUTO)).all()
