"""Somebody is asked while samples wait and no model can be trained; the user reads what a round waits for."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldloop.core.chance import is_reserved, permanent_random
from goldloop.core.samples import SampleId
from goldloop.core.tasks import NewTask
from goldloop.gold.enough import Shortage, shortage_of
from goldloop.labeling.open_round import waits_for_now
from goldloop.labeling.push import PushReport
from goldloop.labeling.summary import summary_of
from goldloop.reports.status import read_status
from goldloop.reports.steps import push_rows
from goldloop.scoring.writer import Model
from goldloop.settings.sections import ConsensusSettings, SelectionSettings
from tests.loop import ONE_ANSWER, PATIENT, Loop, texts

TEAM = ["1", "2", "3"]
FOLDERS = (Path(f"open-round-{number}") for number in count())
"""Names of loops that share no tables; nothing is written there."""


def share(sample_id: SampleId, what: str) -> float:
    """Return a number in [0, 1) for the sample, another one for each `what`."""
    return permanent_random(sample_id, 1, what)


def asked_until_the_end(loop: Loop, people: list[str], *, rare: float, skipped: float) -> PushReport:
    """Push, answer and pull until a push asks nobody; return its report.

    Every annotator answers `spam` for a share `rare` of the samples, and skips a share `skipped`.
    """

    def says(task: NewTask) -> str | None:
        if share(task.sample_id, "skip") < skipped:
            return None
        return "spam" if share(task.sample_id, "label") < rare else "ham"

    for _ in range(3 * len(loop.texts)):
        report = loop.push()
        n = loop.work(dict.fromkeys(people, says))
        loop.pull()
        if not n:
            assert report.n_planned == 0, "tasks that nobody gets"
            return report
    raise AssertionError("the round asks for ever")


def unlabeled(loop: Loop) -> set[SampleId]:
    """Return the samples that wait: without a label, and nobody was asked about them."""
    rows = loop.tables.samples.read(["sample_id"])
    return {SampleId(key) for key in rows["sample_id"].to_pylist()} - loop.state().snapshot.taken


def untrained(
    *,
    n: int = 20,
    budget: int,
    audit_rate: float,
    overlap: int = 1,
    consensus: ConsensusSettings = ONE_ANSWER,
) -> Loop:
    """Return a loop before its first model, of `n` samples."""
    selection = SelectionSettings(budget_per_round=budget, audit_rate=audit_rate, overlap=overlap)
    loop = Loop(next(FOLDERS), texts(n), selection, consensus)
    loop.score(Model())
    return loop


def check_end(loop: Loop, waits_for: str) -> None:
    """Assert that an end of the asking is one of the four that there may be, and that the user reads which.

    There are open tasks for others, a model to train, no sample left, or no sample left to audit.
    """
    waiting, shortage = unlabeled(loop), shortage_of(loop.state().labelled)
    assert waits_for_now(loop.tables, loop.state(), loop.settings, now=loop.clock()) == waits_for
    if waits_for.startswith("annotators: "):
        assert any(task.is_open for task in loop.queue.tasks.values())
    elif shortage is None:
        assert waits_for == "a retrain: run `goldloop round`"
    elif shortage is Shortage.HOLDOUT:
        rate = loop.selection.audit_rate
        assert not any(is_reserved(sample_id, audit_rate=rate, seed=0) for sample_id in waiting)
        assert waits_for.startswith(("audits: ", "an adjudicator: "))
        assert "gold has no holdout sample" in waits_for
    else:
        assert not waiting
        assert "no training sample has a label" in waits_for or "only the label" in waits_for


@settings(max_examples=20, deadline=None)
@given(
    loop=st.builds(
        untrained,
        budget=st.integers(3, 15),
        audit_rate=st.sampled_from([0.0, 0.05, 0.2, 0.5]),
        overlap=st.sampled_from([1, 2]),
        consensus=st.sampled_from([ONE_ANSWER, PATIENT]),
    ),
    people=st.lists(st.sampled_from([*TEAM, "4"]), min_size=1, max_size=4, unique=True),
    rare=st.sampled_from([0.0, 0.01, 0.1, 0.5]),
    skipped=st.sampled_from([0.0, 0.2, 1.0]),
)
def test_somebody_is_asked_while_samples_wait_and_no_model_can_be_trained(
    loop: Loop, people: list[str], rare: float, skipped: float
) -> None:
    """Whatever the budget, the audit, the team and its answers: the asking ends for a reason, and says it."""
    check_end(loop, asked_until_the_end(loop, people, rare=rare, skipped=skipped).waits_for)


@pytest.mark.parametrize("consensus", [ONE_ANSWER, PATIENT], ids=["one answer", "two audits"])
def test_a_single_label_is_asked_about_to_the_last_sample(consensus: ConsensusSettings) -> None:
    """The audit reserve is exhausted long before; then the round waits for new samples."""
    loop = untrained(n=40, budget=8, audit_rate=0.1, consensus=consensus)

    last = asked_until_the_end(loop, TEAM, rare=0, skipped=0)

    check_end(loop, last.waits_for)
    assert unlabeled(loop) == set()
    assert last.waits_for.startswith("new samples: the training samples have only the label 'ham'")


def test_a_team_that_skips_everything_is_asked_about_every_sample() -> None:
    """Then only an adjudicator is left to ask."""
    loop = untrained(n=40, budget=8, audit_rate=0.1, consensus=PATIENT)

    last = asked_until_the_end(loop, TEAM, rare=0, skipped=1)

    check_end(loop, last.waits_for)
    assert unlabeled(loop) == set()
    assert last.waits_for.startswith("an adjudicator: ")
    assert last.waits_for.endswith("; no model can be trained yet: no training sample has a label")


def skips_audits(task: NewTask) -> str | None:
    """Skip audits, and answer half of the other samples with each label."""
    if task.purpose == "audit":
        return None
    return "spam" if share(task.sample_id, "label") < 0.5 else "ham"


def test_without_a_holdout_every_reserved_sample_is_asked_about() -> None:
    """Everybody skips the audits: once the reserve is exhausted, the user has to enlarge it."""
    loop = untrained(n=60, budget=8, audit_rate=0.2)
    while loop.push().n_pushed:
        loop.work(dict.fromkeys(TEAM, skips_audits))
        loop.pull()
    last = loop.push()

    check_end(loop, last.waits_for)
    assert last.waits_for.startswith("audits: gold has no holdout sample to evaluate a model on, and no ")
    assert "Raise selection.audit_rate (now 0.2), or add samples" in last.waits_for
    assert "raise consensus.repeat_share (now 0.0)" in last.waits_for, (
        "the skipped audits need an adjudicator"
    )


@pytest.mark.parametrize("consensus", [ONE_ANSWER, PATIENT], ids=["one answer", "two audits"])
def test_a_label_of_one_sample_in_a_hundred_is_found(tmp_path: Path, consensus: ConsensusSettings) -> None:
    """A whole budget of the common label goes by; then a model can be trained, in the same round."""
    loop = Loop(tmp_path, texts(300), SelectionSettings(budget_per_round=20), consensus=consensus)
    loop.score(Model())

    last = asked_until_the_end(loop, ["1", "2", "3"], rare=0.01, skipped=0)

    assert last.waits_for == "a retrain: run `goldloop round`"
    assert last.round == 0
    assert len(loop.gold.records()) > 20
    assert {record.label for record in loop.gold.records()} == {"ham", "spam"}


def test_a_larger_audit_rate_ends_the_wait_for_audits(tmp_path: Path) -> None:
    """What the sentence tells the user to do helps: the next push asks for audits."""
    selection = SelectionSettings(budget_per_round=20, audit_rate=0.0)
    loop = Loop(tmp_path, texts(200), selection=selection)
    loop.score(Model())
    asked_until_the_end(loop, ["1"], rare=0.5, skipped=0)
    raised = Loop(
        tmp_path, loop.texts, SelectionSettings(budget_per_round=20, audit_rate=0.2), queue=loop.queue
    )

    assert set(raised.push().purposes) == {"audit"}


def status_of(loop: Loop) -> dict[str, str]:
    """Return the lines of `goldloop status`."""
    state = loop.state()
    return read_status(
        loop.tables,
        summary_of(state, loop.settings),
        workspace="",
        champion=None,
        champion_problem=None,
        policy=None,
        servers={},
        waits_for=waits_for_now(loop.tables, state, loop.settings, now=loop.clock()),
    ).lines()


def test_status_says_when_only_somebody_else_can_answer(tmp_path: Path) -> None:
    """Audits need two people: the one who is there has done what they can, and learns what to do."""
    selection = SelectionSettings(budget_per_round=40, audit_rate=0.5)
    loop = Loop(tmp_path, texts(24), selection, consensus=ConsensusSettings())
    loop.score(Model())
    loop.push()
    assert "by somebody else" not in status_of(loop)["open round"]
    loop.answer_all()
    loop.pull()

    sentence = status_of(loop)["open round"]
    n = sentence.partition(" samples need")[0].rpartition(" ")[2]
    assert (
        f"{n} samples need an answer, {n} of them by somebody else, because the one annotator has" in sentence
    )
    assert "`goldloop annotator add EMAIL`" in sentence


def test_status_and_push_name_what_the_round_waits_for(tmp_path: Path) -> None:
    """The same sentence stands in the table of the push and in the status: before, between and at the end."""
    loop = Loop(tmp_path, texts(12), SelectionSettings(budget_per_round=20))
    sentences = [status_of(loop)["open round"]]
    loop.score(Model())
    for _ in range(2):
        rows = push_rows(loop.push())
        sentences.append(status_of(loop)["open round"])
        assert rows[-1]["what"] == "the round " + sentences[-1].removeprefix("0, ")
        loop.answer_all()
        loop.pull()

    assert sentences == [
        "0, waits for samples: run `goldloop score` with your samples",
        "0, waits for annotators: 12 samples need an answer; no model can be trained yet: "
        "no training sample has a label",
        "0, waits for new samples: the training samples have only the label 'ham'; training needs "
        "two labels, and no sample is left to ask about. Add samples with `goldloop score`, then run "
        "`goldloop push`",
    ]
