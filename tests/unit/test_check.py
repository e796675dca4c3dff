"""The check of a workspace: each broken promise is found and named; the repair does what is safe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from goldloop.adapters.delta import open_tables
from goldloop.adapters.memory import MemoryIndex, MemoryRegistry
from goldloop.core.annotations import AnnotationStatus, StoredAnnotation
from goldloop.core.materialized_views import DEFINITION, MARK
from goldloop.loop.check import Finding, check_workspace
from goldloop.tables import codec, views
from goldloop.tables.arrival_index import SAMPLES
from goldloop.tables.counts import conservation
from goldloop.tables.views import COUNTED_FILES
from tests.loop import Loop, texts


def labelled(tmp_path: Path) -> Loop:
    """Return a loop with a scored batch, pushed tasks and gold."""
    loop = Loop(tmp_path, texts(60))
    loop.score()
    loop.push()
    loop.answer_all()
    loop.pull()
    return loop


def check(loop: Loop, *, is_repairing: bool = False) -> list[Finding]:
    """Return what the check finds."""
    registry = MemoryRegistry(loop.folder / "registry")
    return check_workspace(replace(loop.ports(), open_registry=lambda: registry), is_repairing=is_repairing)


def test_a_sound_workspace_has_no_finding(tmp_path: Path) -> None:
    """After score, push, answers and pull every promise holds; an empty workspace holds them too."""
    assert check(labelled(tmp_path)) == []
    assert check(Loop(tmp_path / "empty", {})) == []


def test_a_missing_content_is_found_and_kept_again(tmp_path: Path) -> None:
    """A sample of gold whose content is gone is named; the repair takes it from its source."""
    loop = labelled(tmp_path)
    lost = loop.gold.records()[0].sample_id
    del loop.store.kept[lost]

    (found,) = check(loop)
    assert found.promise == "contents are kept"
    assert lost[:12] in found.detail
    assert not found.is_repaired

    (mended,) = check(loop, is_repairing=True)
    assert mended.is_repaired
    assert check(loop) == []


def test_a_content_without_a_source_stays_a_finding(tmp_path: Path) -> None:
    """When the source is gone too, the repair says what to do and does not claim success."""
    loop = labelled(tmp_path)
    lost = loop.gold.records()[0].sample_id
    del loop.store.kept[lost]
    loop.texts.clear()

    (found,) = check(loop, is_repairing=True)
    assert not found.is_repaired
    assert "restore a backup" in found.next_step


def test_a_deleted_task_is_found(tmp_path: Path) -> None:
    """A task of the log that the server does not hold is counted; the repair records it as gone."""
    loop = labelled(tmp_path)
    loop.queue.delete([next(iter(loop.queue.tasks))])

    (found,) = check(loop)
    assert found.promise == "the task log and the server agree"
    assert "1 tasks of the log are not on the server" in found.detail

    assert any(finding.is_repaired for finding in check(loop, is_repairing=True))


def test_many_deleted_tasks_stay_a_finding_until_the_user_decides(tmp_path: Path) -> None:
    """The repair removes no label from gold: it names the two decisions."""
    loop = labelled(tmp_path)
    before = loop.gold.newest().version
    loop.queue.delete(list(loop.queue.tasks)[:6])

    (found,) = check(loop, is_repairing=True)

    assert not found.is_repaired
    assert "--keep-lost" in found.next_step
    assert loop.gold.newest().version == before


def test_answers_that_no_pull_has_seen_and_altered_tasks_are_found(tmp_path: Path) -> None:
    """A task that shows other data is named, and so is the number of answers that were not pulled."""
    loop = labelled(tmp_path)
    first = next(iter(loop.queue.tasks))
    loop.queue.patch(first, path="another.png")
    loop.queue.answer(first, "3", "ham")

    found = {finding.promise: finding for finding in check(loop)}

    assert set(found) == {"answers are pulled", "tasks show what was pushed"}
    assert f"task {first} " in found["tasks show what was pushed"].detail


def test_a_table_without_its_data_is_the_only_finding(tmp_path: Path) -> None:
    """Nothing else can be checked before the table is whole; the finding names it."""
    loop = labelled(tmp_path)
    tables = open_tables(tmp_path / "tables")
    tables.rounds.append([{"round": 1}])
    for data in (tmp_path / "tables" / "rounds").rglob("*.parquet"):
        data.unlink()

    (found,) = check_workspace(replace(loop.ports(), tables=tables))

    assert found.promise == "tables are whole"
    assert "rounds" in found.detail


def test_an_alias_that_was_moved_is_found(tmp_path: Path) -> None:
    """The champion in the registry is compared with the last decision."""
    loop, registry = labelled(tmp_path), MemoryRegistry(tmp_path / "registry")
    registry.aliases["champion"] = "7"

    (found,) = check_workspace(replace(loop.ports(), open_registry=lambda: registry))

    assert found.promise == "the champion is that of the last decision"
    assert "version 7" in found.detail


def test_answers_that_are_not_gold_yet_are_found(tmp_path: Path) -> None:
    """A pull that was killed before its gold version is found, and the repair commits that version."""
    loop = labelled(tmp_path)
    kept = loop.tables.annotations.read()
    changed = [replace(a, label="spam") for a in codec.values_of(StoredAnnotation, kept)[:3]]
    loop.tables.annotations.merge_next(lambda _: _put(changed), key="annotation_id")

    (found,) = check(loop)
    assert found.promise == "gold follows from the answers"
    assert found.next_step == "Run `goldloop pull`."

    before = loop.gold.newest().version
    (mended,) = check(loop, is_repairing=True)
    assert mended.is_repaired
    assert loop.gold.newest().version > before
    assert check(loop) == []


def test_a_label_that_is_a_little_surer_by_now_is_no_finding(tmp_path: Path) -> None:
    """How sure a label is follows from later rounds too; the next pull writes it down."""
    loop = labelled(tmp_path)
    first, *others = loop.gold.records()
    other = replace(first, posterior={"ham": 0.97, "spam": 0.03})
    assert loop.gold.commit(lambda: [other, *others], reason=lambda _: "surer") is not None

    assert check(loop) == []


def test_an_answer_without_a_planned_task_is_found(tmp_path: Path) -> None:
    """An annotation of a key that nobody planned is named; the repair leaves it alone."""
    loop = labelled(tmp_path)
    (known, *_) = codec.values_of(StoredAnnotation, loop.tables.annotations.read())
    strange = replace(known, annotation_id=999_999, key=f"{'0' * 64}:review")
    loop.tables.annotations.merge_next(lambda _: _put([strange]), key="annotation_id")

    found = {finding.promise: finding for finding in check(loop, is_repairing=True)}
    assert set(found) == {"answers belong to planned tasks", "answers are pulled"}
    assert "999999" in found["answers belong to planned tasks"].detail
    assert strange.status is AnnotationStatus.ANSWER


def _put(annotations: list[StoredAnnotation]) -> object:
    from goldloop.core.table_ports import Changes

    return Changes(put=codec.rows_of(annotations))


@pytest.mark.parametrize(
    ("is_lost", "said"), [(True, "lacks 1 samples"), (False, "has 1 that the table has not")]
)
def test_an_index_that_says_something_else_is_found_and_derived_anew(
    tmp_path: Path, is_lost: bool, said: str
) -> None:
    """A sample that the index lacks would be recorded twice, one that it alone has would be left out."""
    loop = labelled(tmp_path)
    index = loop.tables.samples.index
    assert isinstance(index, MemoryIndex)
    if is_lost:
        index.sets[SAMPLES].popitem()
    else:
        index.sets[SAMPLES][b"x" * 16] = index.generation()

    (found,) = check(loop)
    assert found.promise == "every file is known"
    assert said in found.detail

    (mended,) = check(loop, is_repairing=True)
    assert mended.is_repaired
    assert check(loop) == []


def test_a_view_that_says_something_else_is_found_and_derived_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else samples would be missing from the sum of all files, and nobody would be asked about them."""
    monkeypatch.setattr(views, "MOST_ROWS", 1)
    loop = labelled(tmp_path)
    before = conservation(loop.tables)
    samples, name = loop.tables.samples, COUNTED_FILES.name
    stored = samples.views.find(name, COUNTED_FILES.definition)
    assert stored is not None
    notes = {DEFINITION: COUNTED_FILES.definition, MARK: stored.mark}
    sql = f"FROM ({COUNTED_FILES.of('rows')}) LIMIT 1"
    samples.views.save(name, lambda path: loop.tables.engine.write(sql, path, notes, rows=samples))
    assert conservation(loop.tables) != before

    (found,) = [one for one in check(loop) if one.promise == "every sample's present state is known"]
    assert name in found.detail
    check(loop, is_repairing=True)
    assert check(loop) == []
    assert conservation(loop.tables) == before
