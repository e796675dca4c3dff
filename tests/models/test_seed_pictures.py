"""`goldloop seed` on pictures: the real reader and backbone, and a workspace on the disk."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from goldloop.adapters.delta import open_tables
from goldloop.cli.main import app
from goldloop.core.samples import sample_id_of
from goldloop.settings.workspace import Workspace
from goldloop.tables.hints import read_hints
from goldloop.wiring import open_workspace
from tests.images import write_good


def test_pictures_become_hints_with_features(tmp_path: Path) -> None:
    """Two of three: the last is cut off, and refused with the reason."""
    workspace = Workspace.create(
        tmp_path / "shop", labels=["hat", "shoe"], model={"preset": "efficientnet_lite0"}
    )
    files = write_good(tmp_path / "hats", 3)
    files[2].write_bytes(files[2].read_bytes()[:100])
    words = ["seed", *map(str, files), "--label", "hat", "--workspace", str(workspace.root)]
    printed = CliRunner().invoke(app, words, catch_exceptions=False)

    kept = [sample_id_of(file.read_bytes()) for file in files[:2]]
    hints = read_hints(open_tables(workspace.tables).hints)
    features = open_workspace(workspace.root).modality.for_preset("efficientnet_lite0").features(kept)
    assert [(hint.label, hint.sample_id, hint.uri) for hint in hints] == [
        ("hat", sample_id, str(file)) for sample_id, file in zip(kept, files, strict=False)
    ]
    assert {row.shape for row in features.values()} == {(1280,)}
    assert len(features) == 2
    assert f"refused, truncated: {files[2]}" in printed.stdout
    assert "gold has 0 samples of 'hat'" in printed.stdout


def test_no_usable_picture_is_a_failure(tmp_path: Path) -> None:
    """The exit code says so, and the table why."""
    workspace = Workspace.create(
        tmp_path / "shop", labels=["hat", "shoe"], model={"preset": "efficientnet_lite0"}
    )
    (tmp_path / "empty.png").touch()
    words = ["seed", str(tmp_path / "empty.png"), "--label", "hat", "--workspace", str(workspace.root)]
    printed = CliRunner().invoke(app, words, catch_exceptions=False)

    assert printed.exit_code == 1
    assert "refused, empty" in printed.stdout
    assert read_hints(open_tables(workspace.tables).hints) == []
