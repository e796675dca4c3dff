"""The simulated year: a world that is read and kept as goldloop does, people at a server, a cheap model."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from goldloop.adapters.memory import MemoryLabelingServer
from goldloop.core.errors import EmptyPoolError
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from scripts.bench.year.model import RegressionTrainer
from scripts.bench.year.people import SKILLS, People
from scripts.bench.year.stock import APPEARS, simulated_stock
from scripts.bench.year.world import A_WEEK, APPEARANCE, World, source_of
from scripts.bench.year.years import one_year

STOCK = simulated_stock(0)


def arrived(world: World, number: int) -> list[SampleId]:
    """Return the samples of a week."""
    return [arrival.sample_id for arrival in world.arrivals(source_of(number), is_known=lambda _: False)]


def test_a_week_is_read_and_loaded_again() -> None:
    """Each week brings as many new samples, and a sample that is loaded is what was read."""
    world = World(STOCK, seed=0)
    arrivals = list(world.arrivals(source_of(1), is_known=lambda _: False))

    assert len({arrival.sample_id for arrival in arrivals}) == A_WEEK
    assert not {arrival.sample_id for arrival in arrivals} & set(arrived(world, 2))
    first = arrivals[0]
    assert first.decoded is not None
    assert np.array_equal(first.decoded.payload, world.load(first.sample_id).payload)


def test_the_new_label_appears_in_its_week() -> None:
    """No sample has the new label before its week, and about a tenth has it then."""
    world = World(STOCK, seed=0)
    new = STOCK.labels.column(APPEARS)
    before, after = (world.truth(arrived(world, number)) for number in (APPEARANCE - 1, APPEARANCE))

    assert not (before == new).any()
    assert 0.05 < (after == new).mean() < 0.15


def test_people_answer_a_server_until_nothing_is_open() -> None:
    """Every task gets as many different people as were asked for, mostly with the right label."""
    world = World(STOCK, seed=0)
    ids = arrived(world, 1)[:100]
    server = MemoryLabelingServer(STOCK.labels)
    tasks = [NewTask(sample_id, Purpose.AUDIT, BatchId("week"), str(sample_id)) for sample_id in ids]
    server.ask(dict.fromkeys(server.push(tasks).values(), 2))

    n_answers = People(world, 0).work_through(server, 1)

    answers = [list(task.answers.values()) for task in server.tasks.values()]
    right = [STOCK.labels[column] for column in world.truth(ids)]
    assert n_answers == 200
    assert all(len({answer.annotator for answer in given}) == 2 for given in answers)
    assert {answer.annotator for given in answers for answer in given} == set(SKILLS)
    hits = [given[0].label == label for given, label in zip(answers, right, strict=True)]
    assert np.mean(hits) > 0.8


def test_a_wrong_suggestion_leads_some() -> None:
    """A wrong suggestion is taken now and then, and by nobody who does not see it."""
    world = World(STOCK, seed=0)
    ids = arrived(world, 1)
    wrong = [STOCK.labels[(column + 1) % len(STOCK.labels)] for column in world.truth(ids)]

    def n_taken(*, is_shown: bool) -> int:
        people = People(world, 0)
        return sum(
            people.label("1", sample_id, 1, label if is_shown else None) == label
            for sample_id, label in zip(ids, wrong, strict=True)
        )

    assert n_taken(is_shown=True) > n_taken(is_shown=False) + 10


def test_the_regression_is_a_trainer(tmp_path: Path) -> None:
    """A saved model is better than chance on samples it never saw, and says probabilities that sum to 1."""
    world = World(STOCK, seed=0)
    pairs = [(sample_id, world.samples[sample_id].truth) for sample_id in arrived(world, 1)]
    trainer = RegressionTrainer()
    with pytest.raises(EmptyPoolError):
        trainer.train([], [], labels=STOCK.labels, load=world.load, folder=tmp_path)
    trainer.train(pairs[:500], pairs[500:], labels=STOCK.labels, load=world.load, folder=tmp_path)

    ids = arrived(world, 2)
    scores = trainer.scorer(tmp_path)([world.load(sample_id).payload for sample_id in ids])

    assert scores.probs.shape == (A_WEEK, len(STOCK.labels))
    assert np.allclose(scores.probs.sum(axis=1), 1)
    assert (scores.probs.argmax(axis=1) == world.truth(ids)).mean() > 0.4


def test_a_shown_suggestion_is_what_the_server_showed() -> None:
    """An answer to a task with a suggestion takes the time of a quick review and records the suggestion."""
    world = World(STOCK, seed=0)
    sample_id = arrived(world, 1)[0]
    server = MemoryLabelingServer(STOCK.labels)
    suggestion = Suggestion(STOCK.labels[0], 0.6, "1", "hint")
    server.push([NewTask(sample_id, Purpose.REVIEW, BatchId("week"), "path", suggestion)])

    People(world, 0).work_through(server, 1)

    (task,) = server.tasks.values()
    (answer,) = task.answers.values()
    assert answer.shown_label == STOCK.labels[0]


def test_a_year_plays_the_shipped_routine() -> None:
    """The seed week gives a first model; a later week is routed, answered, judged and closed as a round."""
    options = argparse.Namespace(simulated=True, seed=0, pictures=0, new=0.10, weeks=1)

    year = one_year("band", 0, options)

    (week,) = year.rounds
    assert sum(week.lanes.values()) == A_WEEK
    assert week.estimate is not None
    assert week.estimate.low <= week.truth <= week.estimate.high
    assert week.spent > 0
