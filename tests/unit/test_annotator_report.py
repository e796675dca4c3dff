"""People, measured from the tables of a loop that they have worked through."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from goldloop.annotators.report import AnnotatorReport, annotator_report
from goldloop.core.tasks import NewTask
from goldloop.settings.sections import ConsensusSettings, SelectionSettings
from tests.loop import Loop, texts

SKILLS = {"1": 0.97, "2": 0.93, "3": 0.05}


def right(task: NewTask) -> str:
    """Return the true label of a text: spam where it is long."""
    return "spam" if int(task.path[:1], 16) % 2 else "ham"


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """Return a loop in which two good people and one who is nearly always wrong answered the audit."""
    loop = Loop(
        tmp_path_factory.mktemp("loop"),
        texts(80),
        selection=SelectionSettings(budget_per_round=240, audit_rate=0.9, audit_share=1.0),
        consensus=ConsensusSettings(audit_answers=3),
    )
    rng = np.random.default_rng(0)

    def says(skill: float) -> Callable[[NewTask], str]:
        def said(task: NewTask) -> str:
            truth = right(task)
            return truth if rng.random() < skill else {"ham": "spam", "spam": "ham"}[truth]

        return said

    loop.score()
    loop.push()
    loop.work({who: says(skill) for who, skill in SKILLS.items()})
    loop.pull()
    return loop


def report_of(loop: Loop) -> AnnotatorReport:
    """Return what the loop's tables say of its people."""
    return annotator_report(loop.outcomes(), loop.state().snapshot.requests.requests, loop.settings)


def test_it_tells_good_people_from_bad_ones(loop: Loop) -> None:
    """Whoever is wrong nearly always is below the bar, the others are not; every pair has its agreement."""
    report = report_of(loop)

    assert [one.annotator for one in report.people] == ["1", "2", "3"]
    assert [one.is_flagged for one in report.people] == [False, False, True]
    kappas = {(one.first, one.second): one.kappa.estimate for one in report.agreement.pairs}
    assert {pair: found is not None and found.low > 0 for pair, found in kappas.items()} == {
        ("1", "2"): True,
        ("1", "3"): False,
        ("2", "3"): False,
    }
    assert sum(one.n_answers for one in report.people) == len(loop.outcomes().answers)


def test_the_same_tables_give_the_same_report(loop: Loop) -> None:
    """Intervals come from a seeded bootstrap, so that a page can be made again."""
    assert report_of(loop) == report_of(loop)
