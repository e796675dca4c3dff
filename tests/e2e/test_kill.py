"""SIGKILL anywhere in score, push, pull and retrain, and the same command again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import NewTask, Purpose
from goldloop.labeling.sealed_plans import new_task
from goldloop.tables.counts import annotation_counts, conservation, task_counts
from goldloop.tables.rounds import read_rounds
from goldloop.tables.snapshot import read_snapshot
from tests.e2e.commands import Loop
from tests.e2e.interrupted import Interruption
from tests.e2e.people import answer_all, said_by_truth, some_digits
from tests.images import write_good
from tests.loop import Killed

pytestmark = pytest.mark.servers

N_FILES = 500
SETTINGS = {
    "labels": [str(digit) for digit in range(10)],
    "policy": {
        "band": (0.0, 1.0)
    },  # so little training makes no model sure, and people have something to review
    "selection": {"budget_per_round": 40, "audit_rate": 0.3},
    "model": {"preset": "tiny", "epochs": 10},
    "gate": {"min_holdout": 3},
}
# A step in the middle of something takes several of them: few files a commit, few tasks an import and a page.
# A claim runs out sooner than in earnest (30 s), else this test would mostly wait.
SMALL = {
    "constants": {
        "goldloop.scoring.writer:COMMIT_EVERY": 200,
        "goldloop.scoring.writer:COMMIT_AFTER_S": 0.0,
        "goldloop.adapters.label_studio.changes:CHANGED_TASKS": 15,
        "goldloop.labeling.context:IMPORT_SIZE": 15,
        "goldloop.labeling.context:LEASE_S": 6.0,
    },
}


def at(point: str, call: int = 1, moment: str = "before", path: str = "") -> Interruption:
    """Return death at the n-th call of the function at `point`."""
    return Interruption(point, call, moment, path=path, **SMALL)


APPEND, COMMIT = "goldloop.adapters.delta:Table.append", "goldloop.adapters.delta:Table.append_next"
MERGE, ONCE = "goldloop.adapters.delta:Table.merge_next", "goldloop.adapters.delta:Table.append_once"
PUSH, REGISTRY = (
    "goldloop.adapters.label_studio.queue:LabelStudioQueue",
    "goldloop.adapters.mlflow_registry:MlflowRegistry",
)
REQUEST = "httpx:HTTPTransport.handle_request"

# Each command is killed at the points listed, one after the other, and then runs undisturbed.
FIRST_ROUND = {
    "score": [
        at(
            "goldloop.modalities.image.reader:ImageReader.read", 300, "after"
        ),  # 200 files committed, 100 read
        at(APPEND, 1),  # samples committed, their predictions not
    ],
    "push": [
        at(COMMIT, 1, "after"),  # planned, nothing claimed
        at(
            REQUEST, 2, "sent", path="/import"
        ),  # the second import on its way, nobody there to hear how it went
        at(f"{PUSH}.push", 1, "after"),  # imported, not recorded
    ],
}
SECOND_ROUND = {
    "pull": [
        at(MERGE, 2),  # the first page merged, the second not
        at("goldloop.tables.gold_store:GoldStore.commit"),  # all pages merged, no gold yet
    ],
    "retrain": [
        at("torch.optim:AdamW.step", 5),  # in the middle of training
        at(f"{REGISTRY}.set_alias", 1, "after"),  # registered as challenger, not judged
        at(f"{REGISTRY}.set_alias", 1, "after"),  # the next one: promoted, the round not closed
    ],
    "score": [at(ONCE, 1, "after")],  # the pool half scored by the new model
    "push": [at("goldloop.modalities.image.store:ImageStore.keep", 20)],  # an import half prepared
}
LAST = {
    "pull": [at("goldloop.tables.gold_store:GoldStore.commit", 1, "after")]
}  # gold committed, nobody told


class Walk:
    """The loop through two rounds in one workspace, each command killed as often as is asked for."""

    def __init__(
        self, loop: Loop, pictures: Path, said: dict[SampleId, str | None], *, is_killed: bool
    ) -> None:
        self.loop, self.pictures, self.said, self.is_killed = loop, pictures, said, is_killed
        self.n_kills = 0
        self.given: dict[str, str | None] = {}

    def do(self, kills: dict[str, list[Interruption]]) -> None:
        """Run each command, first killed at every point, then to its end."""
        for command, points in kills.items():
            arguments = (
                [command, str(self.pictures)] if kills is FIRST_ROUND and command == "score" else [command]
            )
            for point in points if self.is_killed else ():
                self.loop.run(*arguments, plan=point, code=-signal.SIGKILL)
                self.n_kills += 1
            self.loop.run(*arguments, plan=Interruption(**SMALL) if self.is_killed else None)

    def walk(self) -> None:
        """Go through two rounds."""
        self.do(FIRST_ROUND)
        self.answer()
        self.do(SECOND_ROUND)
        self.answer()
        self.do(LAST)

    def answer(self) -> None:
        """Let people answer what is open."""
        self.given |= answer_all(self.loop.servers.label_studio, self.loop.queue(), self.said.__getitem__)


def test_a_loop_killed_at_thirteen_points_ends_like_one_that_never_was(
    make_loop: Callable[..., Loop], tmp_path: Path
) -> None:
    """Killed in mid-read, mid-import, mid-training and between commits: the same gold, each task once."""
    said = said_by_truth(some_digits(tmp_path / "digits", N_FILES))
    calm, killed = (
        Walk(make_loop(name, **SETTINGS), tmp_path / "digits", said, is_killed=name == "killed")
        for name in ("calm", "killed")
    )
    with ThreadPoolExecutor(2) as both:
        for walked in [both.submit(one.walk) for one in (calm, killed)]:
            walked.result()

    assert killed.n_kills == 13
    assert len(killed.given) == 80
    assert killed.given == calm.given
    assert killed.loop.doubled() == []
    gold, calm_gold = killed.loop.parts.gold, calm.loop.parts.gold
    assert [one.content() for one in gold.records()] == [one.content() for one in calm_gold.records()]
    assert gold.newest().digest == calm_gold.newest().digest
    assert gold.newest().n_records == sum(label is not None for label in killed.given.values())

    tables, calm_tables = killed.loop.parts.tables, calm.loop.parts.tables
    assert conservation(tables) == conservation(calm_tables)
    assert conservation(tables).n_files == N_FILES
    ended, calmly = read_snapshot(tables), read_snapshot(calm_tables)
    assert task_counts(ended) == task_counts(calmly)
    counts = annotation_counts(ended.annotations)
    assert counts == annotation_counts(calmly.annotations)
    assert counts.answers == gold.newest().n_records
    assert [(one.round, one.outcome, one.gold_digest) for one in read_rounds(tables.rounds)] == [
        (one.round, one.outcome, one.gold_digest) for one in read_rounds(calm_tables.rounds)
    ]
    assert len(read_rounds(tables.rounds)) == 1


@pytest.mark.parametrize("next_command", ["push", "pull"])
def test_suggestions_are_shown_even_if_the_push_died_before_it_said_so(
    make_loop: Callable[..., Loop], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, next_command: str
) -> None:
    """Label Studio shows the suggestions of one model version: the newest import's, whoever finishes it."""

    def dies(_: object) -> None:
        raise Killed

    def review(number: int, version: str) -> NewTask:
        plan = PlannedTask(
            key=f"{arrived[number]}:{Purpose.REVIEW}",
            round=1,
            position=number,
            planned_at=datetime.now(UTC),
            batch=BatchId("b"),
            lane="review",
            stratum="",
            split=Split.TRAIN,
            group=arrived[number][:16],
            model_version=version,
            suggested_label="cat",
            suggested_score=0.5,
            hint="cat 50 %",
            is_shown=True,
        )
        return new_task(plan, "a.png", loop.parts.ports.seal)

    loop = make_loop(f"died-before-{next_command}", labels=["cat", "dog"])
    loop.score_without_model(write_good(tmp_path / "pictures", 3)[0].parent)
    arrived = sorted(set(loop.parts.tables.samples.read()["sample_id"].to_pylist()))
    loop.queue().push([review(1, "1")])
    dying = loop.queue()
    monkeypatch.setattr(dying, "_show_version", dies)
    with pytest.raises(Killed):
        dying.push([review(2, "2")])

    if next_command == "push":  # which takes the claim over when it has run out
        next_one = loop.queue()
        assert len(next_one.find([review(2, "2").key])) == 1
        next_one.push([])
    else:  # which finds tasks that the task_log knows nothing of
        loop.run(next_command)

    server = loop.servers.label_studio
    address = f"{server.url}/api/projects/{dying.projects.main}"
    shown = httpx.get(address, headers={"Authorization": f"Token {server.token}"}, timeout=60).json()
    assert shown["model_version"] == "2"
