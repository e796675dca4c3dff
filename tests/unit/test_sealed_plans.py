"""Sealed plans: a lost task log comes back whole from the server, where nobody can read or forge a plan."""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from pathlib import Path

import pytest

from goldloop.core.assessments import Assessment
from goldloop.core.errors import WorkspaceError
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.samples import BatchId, SampleId, sample_id_of
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose, task_key
from goldloop.labeling.kept_content import keep_samples
from goldloop.labeling.sealed_plans import PlanSeal, new_task
from goldloop.modalities.image.forms import Form
from goldloop.modalities.image.reader import ImageReader
from goldloop.modalities.image.store import ImageStore
from goldloop.settings.sealing_key import FILE_NAME, sealing_key
from tests.images import encoded, noise
from tests.loop import PATIENT, Loop, texts

A, B = (SampleId(letter * 64) for letter in "ab")


def plan(sample_id: SampleId = A, purpose: Purpose = Purpose.REVIEW, **fields: object) -> PlannedTask:
    """Return a plan with everything that a plan can hold."""
    whole = PlannedTask(
        key=task_key(sample_id, purpose),
        round=3,
        position=7,
        planned_at=Loop.__dataclass_fields__["clock"].default_factory()(),  # type: ignore[misc]
        batch=BatchId("b"),
        lane="review",
        stratum="b:review",
        split=Split.TRAIN,
        group="g",
        inclusion_probability=0.1,
        policy="p",
        model_version="4",
        suggested_label="ham",
        suggested_score=0.5,
        hint="ham 50 %",
        is_shown=True,
        probs=(0.25, 0.75),
        answers={"ham": 1},
        barred=("2", "3"),
    )
    return replace(whole, **fields)  # type: ignore[arg-type]


def test_a_plan_comes_back_as_it_was() -> None:
    """Every field survives, and two seals of one plan differ."""
    seal = PlanSeal()

    assert seal.open(plan().key, seal.seal(plan())) == plan()
    assert seal.seal(plan()) != seal.seal(plan())


def test_no_plan_is_forged_moved_or_opened_with_another_key() -> None:
    """A changed byte, another task's seal, another workspace's key, and nonsense: no plan."""
    seal = PlanSeal()
    sealed = seal.seal(plan())
    raw = bytearray(urlsafe_b64decode(sealed))
    raw[20] ^= 1

    assert seal.open(plan().key, urlsafe_b64encode(raw).decode()) is None
    assert seal.open(plan(B).key, sealed) is None
    assert seal.open(plan(A, Purpose.AUDIT).key, sealed) is None
    assert PlanSeal().open(plan().key, sealed) is None
    for nonsense in ("", "no base64 \N{GREEK SMALL LETTER ALPHA}", "AAAA", sealed[:40]):
        assert seal.open(plan().key, nonsense) is None


def test_the_length_of_a_seal_does_not_give_the_purpose_away() -> None:
    """Blind audits, shown reviews and rechecks with barred annotators look alike."""
    seal = PlanSeal()
    blind = plan(A, Purpose.AUDIT, suggested_label=None, hint=None, is_shown=False, barred=(), answers={})

    assert len(seal.seal(blind)) == len(seal.seal(plan()))
    assert "review" not in urlsafe_b64decode(seal.seal(plan())).decode("latin-1")


def test_the_length_of_a_seal_hides_what_a_blind_record_is_asked_for() -> None:
    """With five records before it: audits, hidden suggestions and rechecks look alike."""
    seal = PlanSeal()
    earlier = {sample_id_of(bytes([number])): "fraud" for number in range(5)}
    hidden = plan(earlier=earlier, is_shown=False, answers={}, hint="Model suggests: fraud 58% (genuine 42%)")
    audit = replace(hidden, suggested_label=None, hint=None, barred=(), key=task_key(A, Purpose.AUDIT))
    recheck = replace(audit, barred=("2", "3"), key=task_key(A, Purpose.RECHECK))
    shown = plan(earlier=earlier, assessment=Assessment(0.5, {"a": 1.0}, "EUR", {"amount": 0.25}))

    assert len({len(seal.seal(one)) for one in (hidden, audit, recheck)}) == 1
    assert seal.open(shown.key, seal.seal(shown)) == shown


def test_a_blind_plan_makes_a_task_without_an_assessment() -> None:
    """Even where its plan holds one: a hidden suggestion, and one that nobody made."""
    whole = plan(assessment=Assessment(0.5))
    seal = PlanSeal()

    assert new_task(whole, "", seal).assessment == Assessment(0.5)
    for blind in (replace(whole, is_shown=False), replace(whole, suggested_label=None)):
        assert new_task(blind, "", seal).assessment is None


def loops(folder: Path) -> tuple[Loop, Loop]:
    """Return a loop with answered and disputed tasks, and one with its server and key but without tasks."""
    loop = Loop(folder / "one", texts(200), consensus=PATIENT)
    loop.score()
    loop.push()
    for number, task_id in enumerate(list(loop.queue.tasks)[:8]):
        loop.queue.answer(task_id, "1", "ham")
        if number < 4:
            loop.queue.answer(task_id, "2", "spam")
    loop.pull()
    loop.push()
    again = Loop(folder / "two", loop.texts, consensus=PATIENT, queue=loop.queue, seal=loop.seal)
    again.score()
    return loop, again


def test_a_lost_task_log_is_restored_whole_from_the_server(tmp_path: Path) -> None:
    """Lane, policy, suggestion, round, split and barred annotators: everything but the note is as planned."""
    loop, again = loops(tmp_path)
    pushed = {key: task for key, task in loop.task_log.statuses().items() if task.task_id is not None}
    assert any(task.plan.barred for task in pushed.values())

    again.reconcile()

    restored = again.task_log.statuses()
    for key, task in pushed.items():
        assert replace(restored[key].plan, detail=task.plan.detail) == task.plan
        assert restored[key].task_id == task.task_id
    again.pull()
    assert [one.content() for one in again.gold.records()] == [one.content() for one in loop.gold.records()]


def test_barred_annotators_stay_barred_when_the_server_has_lost_it(tmp_path: Path) -> None:
    """A task whose import came without its barring gets it again when it is adopted."""
    loop, again = loops(tmp_path)
    barred = {id_: task.pushed.barred for id_, task in loop.queue.tasks.items() if task.pushed.barred}
    assert barred
    for task_id in barred:
        task = loop.queue.tasks[task_id]
        task.pushed = replace(task.pushed, barred=())

    again.reconcile()

    assert {id_: loop.queue.tasks[id_].pushed.barred for id_ in barred} == barred


def test_a_task_with_another_workspaces_seal_is_left_alone(tmp_path: Path) -> None:
    """A forged plan never reaches the task log; the pull names each task, and no answer to it counts."""
    loop, again = loops(tmp_path)
    again.seal = PlanSeal()

    report = again.pull()

    assert again.task_log.statuses() == {}
    assert len(report.strangers) == len(loop.queue.tasks)
    assert not again.gold.records()


def test_the_key_of_a_workspace_is_made_once_and_is_private(tmp_path: Path) -> None:
    """32 bytes in a file of mode 0600; a damaged file is an error with the next step."""
    key = sealing_key(tmp_path)

    assert len(key) == 32
    assert sealing_key(tmp_path) == key
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == [FILE_NAME]  # noqa: PTH208
    (tmp_path / FILE_NAME).write_text("short")
    with pytest.raises(WorkspaceError, match=r"plan\.key is damaged.* Restore it from a backup"):
        sealing_key(tmp_path)


def test_a_missing_or_damaged_picture_is_kept_again_from_its_source(tmp_path: Path) -> None:
    """A model that needs the picture gets it; without the source the error names what helps."""
    source = tmp_path / "source.png"
    source.write_bytes(encoded(noise(1), "PNG"))
    sample_id = sample_id_of(source.read_bytes())
    loop = Loop(tmp_path / "loop", texts(1))
    loop.tables.samples.append(
        [
            {
                "sample_id": sample_id,
                "uri": str(source),
                "batch": "b",
                "arrived": "sample",
                "arrived_at": loop.clock(),
            }
        ]
    )
    store = ImageStore(tmp_path / "images", ImageReader(Form(32)))

    def load() -> str | None:
        keep_samples(loop.tables, store, [sample_id])
        return store.load(sample_id).fingerprint

    whole, kept = load(), store.file(sample_id)
    assert kept is not None
    kept.write_bytes(b"")
    assert load() == whole
    kept.unlink()
    source.unlink()
    assert "source.png" in keep_samples(loop.tables, store, [sample_id]).lost[sample_id]
