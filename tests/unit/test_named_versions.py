"""Named gold versions: they open with their digest after every compaction, and nothing else does for long."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from deltalake import DeltaTable
from typer.testing import CliRunner

from goldloop.adapters.delta import Table, open_tables
from goldloop.adapters.memory import MemoryRegistry
from goldloop.backup import back_up, restore
from goldloop.cli.main import app
from goldloop.core.errors import GoldVersionError
from goldloop.gold.records import gold_digest
from goldloop.loop.check import check_workspace
from goldloop.settings.workspace import Workspace
from goldloop.tables.gold_store import GoldStore, save_label_issues
from goldloop.tables.named_versions import named_versions, save_export
from tests.compacted import AT, WEEK, gold, names, opened, tidy
from tests.loop import Loop, texts
from tests.records import gold_record


def test_a_named_gold_version_opens_with_its_digest_and_an_unnamed_one_says_what_was_removed(
    tmp_path: Path,
) -> None:
    """After the log is cut and the files are gone, for this process and the next, and again a year later."""
    store, digests = gold(tmp_path)
    named = [*sorted(digests)[1:8:3], 0]
    assert isinstance(store.table, Table)
    for _ in range(3):
        tidy(store.table, named)
        for kept in (store, GoldStore(opened(tmp_path, "gold"))):
            for number in named:
                found = kept.read(number)
                assert gold_digest(found.records) == found.version.digest == digests[number]
            assert kept.read().version.digest == digests[max(digests)]
            assert {one.version: one.digest for one in kept.log()} == digests
            removed = sorted(one.version for one in kept.log() if one.removed_at == AT)
            assert removed == sorted(set(digests) - {*named, 11, 12})
            with pytest.raises(
                GoldVersionError, match=f"gold version {removed[0]} was removed on 2026-05-01: no"
            ):
                kept.read(removed[0])
    again = DeltaTable(str(tmp_path / "gold"), version=named[1])  # as MLflow, Spark and DuckDB open it
    assert len(again.to_pyarrow_table()) == len(store.read(named[1]).records)
    assert len(names(tmp_path / "gold")) < 30


def test_versions_named_later_are_kept_with_those_named_before(tmp_path: Path) -> None:
    """Each compaction keeps what is named by then; what was kept once is never removed."""
    store, digests = gold(tmp_path)
    assert isinstance(store.table, Table)
    tidy(store.table, [2])
    records = list(store.records())
    for number in range(4):
        records = [*records, gold_record(f"later {number}", "cat")]
        store.commit(lambda: records, reason=lambda _: "a test")  # noqa: B023
    later = store.newest().version - 1
    tidy(store.table, [later])

    kept = GoldStore(opened(tmp_path, "gold"))
    assert kept.read(2).version.digest == digests[2]
    assert len(kept.read(later).records) == 15
    assert kept.version(later).parent == later - 1


def test_what_names_a_gold_version(tmp_path: Path) -> None:
    """Rounds, policies, evaluations, searches for label errors, and exports."""
    tables = open_tables(tmp_path)
    for number, name in enumerate(["rounds", "policies", "evaluations", "label_errors"], start=1):
        getattr(tables, name).append([{"gold_version": number}, {"gold_version": number}])
    save_export(tables.exports, replace(GoldStore(tables.gold).newest(), version=9), "csv", at=AT)

    assert named_versions(tables) == {1, 2, 3, 4, 9}


def test_a_dry_run_tells_what_a_compaction_does_and_changes_nothing(tmp_path: Path) -> None:
    """Files, versions and log as they will be; bytes within what the merged file takes."""
    store, _ = gold(tmp_path)
    assert isinstance(store.table, Table)
    store.table.compact([3], before=datetime.now(UTC) - WEEK, at=AT)
    stored = names(tmp_path)

    told = tidy(store.table, [3], n=1, is_dry_run=True)
    assert names(tmp_path) == stored
    done = tidy(store.table, [3], n=1)
    assert told.before == done.before
    assert (told.after.n_files, told.after.n_stored) == (done.after.n_files, done.after.n_stored)
    assert told.n_versions == done.n_versions > 5
    assert done.after.n_bytes < done.before.n_bytes


def test_an_exported_version_stays_and_the_log_names_the_others_on_demand(tmp_path: Path) -> None:
    """`gold export` names the version that it exports; `gold log --all` lists what no longer opens."""
    workspace = Workspace.create(tmp_path / "pets", labels=["cat", "dog"])
    gold(workspace.tables)
    run = partial(CliRunner().invoke, app)
    command = ["gold", "export", "--version", "5", "-w", str(workspace.root)]
    assert run([*command, "--to", str(tmp_path / "five.csv")]).exit_code == 0
    tables = open_tables(workspace.tables)
    assert isinstance(tables.gold, Table)
    tidy(tables.gold, sorted(named_versions(tables)))

    assert run([*command, "--to", str(tmp_path / "again.csv")]).exit_code == 0
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "five.csv").read_bytes()
    log = run(["gold", "log", "-w", str(workspace.root)]).output
    assert "older versions that nothing names were removed: --all" in log
    opening = json.loads(run(["gold", "log", "--json", "-w", str(workspace.root)]).stdout)
    every = json.loads(run(["gold", "log", "--all", "--json", "-w", str(workspace.root)]).stdout)
    assert [one["version"] for one in every] == list(range(12, -1, -1))
    assert [one for one in every if one["removed_at"] is None] == opening
    assert 5 in [one["version"] for one in opening]
    removed = run(["gold", "show", "6", "-w", str(workspace.root)])
    assert isinstance(removed.exception, GoldVersionError)
    other = run(["gold", "export", "--version", "6", "-w", str(workspace.root), "--to", str(tmp_path / "6")])
    assert isinstance(other.exception, GoldVersionError)
    assert named_versions(tables) == {5}


def test_a_compacted_workspace_is_whole_backed_up_and_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`goldloop check` finds nothing, and a restored backup opens the same gold versions."""
    workspace = Workspace.create(tmp_path / "shop", labels=["spam", "ham"], kind="text")
    tables, registry = open_tables(workspace.tables), MemoryRegistry(tmp_path / "registry")
    monkeypatch.setattr("tests.loop._tables_of", lambda _: tables)
    loop = Loop(tmp_path, texts(60))
    loop.score()
    loop.push()
    for _ in range(6):
        for task in list(loop.queue.tasks)[:9]:
            loop.queue.answer(task, "1", "ham")
        loop.pull()
    loop.answer_all()
    loop.pull()
    save_label_issues(tables.label_errors, 1, [], at=AT)
    digests = {one.version: one.digest for one in loop.gold.log()}
    for table in tables.named.values():
        assert isinstance(table, Table)
        tidy(table, sorted(named_versions(tables)))

    ports = replace(loop.ports(), open_registry=lambda: registry)
    assert check_workspace(ports) == []
    back_up(workspace, tmp_path / "shop.backup")
    restored = GoldStore(open_tables(restore(tmp_path / "shop.backup", tmp_path / "copy").tables).gold)
    assert restored.read(1).version.digest == digests[1]
    assert restored.read().version.digest == digests[max(digests)]
