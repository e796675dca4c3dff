"""Who a workspace is: an id that outlives its name and its folder, and that a copy does not take."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from goldloop.core.errors import WorkspaceError
from goldloop.settings.identity import original_of
from goldloop.settings.workspace import Workspace


def made(root: Path, **settings: object) -> Workspace:
    """Return a new workspace in `root`."""
    return Workspace.create(root, labels=["cat", "dog"], **settings)


def test_two_workspaces_of_one_name_are_two(tmp_path: Path) -> None:
    """Id and handle differ, although the name is the same."""
    one, two = made(tmp_path / "a" / "shop"), made(tmp_path / "b" / "shop")

    assert one.settings.name == two.settings.name == "shop"
    assert len(one.id) == len(two.id) == 32
    assert one.id != two.id
    assert one.identity.handle != two.identity.handle
    assert not one.identity.adopts_unmarked


def test_another_name_is_the_same_workspace(tmp_path: Path) -> None:
    """The models and experiments of a workspace keep their names when `name` changes in goldloop.toml."""
    before = made(tmp_path / "shop")
    file = before.root / "goldloop.toml"
    file.write_text(file.read_text().replace('name = "shop"', 'name = "store"'))

    after = Workspace.open(before.root)

    assert after.settings.name == "store"
    assert after.identity == before.identity


def test_a_moved_folder_keeps_its_identity(tmp_path: Path) -> None:
    """Only the recorded folder changes."""
    before = made(tmp_path / "here").identity
    (tmp_path / "here").rename(tmp_path / "there")

    after = Workspace.open(tmp_path / "there").identity

    assert (after.id, after.handle) == (before.id, before.handle)
    assert after.root == str(tmp_path / "there")


def test_a_copy_is_told_from_its_original(tmp_path: Path) -> None:
    """While the original exists, a copy knows whose copy it is; afterwards it takes its place."""
    original = made(tmp_path / "here")
    shutil.copytree(original.root, tmp_path / "copy")
    copy = Workspace.open(tmp_path / "copy")

    assert copy.identity.root == str(original.root)
    assert original_of(copy.root, copy.id, copy.identity.root) == original.root
    assert original_of(original.root, original.id, original.identity.root) is None

    shutil.rmtree(original.root)

    assert copy.identity.root == str(copy.root)


def test_a_folder_under_two_paths_is_no_copy(tmp_path: Path) -> None:
    """A symbolic link to the workspace leads to the workspace itself."""
    workspace = made(tmp_path / "here")
    (tmp_path / "link").symlink_to(workspace.root)

    assert original_of(tmp_path / "link", workspace.id, workspace.identity.root) is None


def test_an_older_workspace_gets_an_id_once(tmp_path: Path) -> None:
    """It keeps the plain name on its servers, because its models and deployments have that name."""
    workspace = made(tmp_path / "shop")
    (workspace.root / "workspace.json").unlink()

    identity = workspace.identity

    assert identity.handle == "shop"
    assert identity.adopts_unmarked
    assert workspace.identity == identity


def test_a_damaged_identity_is_named(tmp_path: Path) -> None:
    """goldloop makes no new id in its place: servers would not know the workspace any more."""
    workspace = made(tmp_path / "shop")
    (workspace.root / "workspace.json").write_text("")

    with pytest.raises(WorkspaceError, match=r"workspace\.json is damaged .*restore it from a backup"):
        _ = workspace.id
