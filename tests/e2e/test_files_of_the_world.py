"""Files of the world on real servers: odd names, links, bombs, moves and losses, command by command."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from goldloop.core.samples import sample_id_of
from goldloop.core.splits import Split
from goldloop.tables.snapshot import read_snapshot
from tests.e2e.commands import Loop
from tests.e2e.people import answer_all, said_by_truth, some_digits
from tests.images import encoded
from tests.unit.test_image_limits import of_many_scans

pytestmark = pytest.mark.servers

N_DIGITS = 150
SETTINGS = {
    "labels": [str(digit) for digit in range(10)],
    "selection": {"budget_per_round": 60, "audit_rate": 0.4},
    "model": {"preset": "tiny", "epochs": 3},
    "gate": {"min_holdout": 3},
}


def write_odd_files(folder: Path, outside: Path) -> None:
    """Write a link out of the folder, a link to nothing, and a small JPEG that decodes for minutes."""
    outside.mkdir()
    (outside / "blob").write_bytes(encoded(Image.new("RGB", (20, 20), (1, 2, 3)), "PNG"))
    (folder / "linked.png").symlink_to(outside / "blob")
    (folder / "nothing.png").symlink_to(folder / "gone.png")
    (folder / "scans.jpg").write_bytes(of_many_scans(2000, (1000, 800)))


def test_files_that_are_odd_move_or_vanish_stop_no_command(
    make_loop: Callable[..., Loop], tmp_path: Path
) -> None:
    """Each command goes on, says what is wrong and what to do, and the sum adds up after each."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    said = said_by_truth(some_digits(folder, N_DIGITS))
    write_odd_files(folder, tmp_path / "outside")
    loop = make_loop("files-of-the-world", **SETTINGS)

    first = loop.run("score", str(folder))
    again = loop.json("score", str(folder))[0]
    quarantined = {file["uri"].rsplit("/", 1)[-1]: file for file in loop.json("quarantine")}

    assert "find FOLDER -type l > links.txt" in first.err
    assert "`goldloop quarantine` shows each file and why" in first.err
    assert (again["n_files"], again["n_known"], again["n_unopened"]) == (0, N_DIGITS + 1, 2)
    assert {name: file["reason"] for name, file in quarantined.items()} == {
        "linked.png": "unreadable",
        "nothing.png": "unreadable",
        "scans.jpg": "bomb",
    }
    assert "2,0" in quarantined["scans.jpg"]["detail"]
    assert str(tmp_path / "outside" / "blob") in quarantined["linked.png"]["detail"]
    assert "it is a symbolic link to" in loop.run("quarantine").out  # which breaks long paths into lines
    status = loop.json("status")["files"]
    assert (status["n_files"], status["is_conserved"]) == (N_DIGITS + 3, True)

    moved = tmp_path / "moved"
    folder.rename(moved)
    lost = loop.run("push")
    loop.run("score", str(moved))
    pushed = loop.json("push")
    assert "if the files have moved, run `goldloop score` on their new place" in lost.err
    assert (pushed["lost"], pushed["n_pushed"] > 20) == ([], True)

    answer_all(loop.servers.label_studio, loop.queue(), said.__getitem__)
    loop.run("pull")
    train = [record.sample_id for record in loop.parts.gold.records() if record.split is Split.TRAIN]
    holdout = [record.sample_id for record in loop.parts.gold.records() if record.split is Split.HOLDOUT]
    files = {sample_id_of(path.read_bytes()): path for path in moved.glob("*.png") if path.is_file()}
    damaged, gone = train[0] if train else holdout[0], holdout[-1]
    for sample_id in (damaged, gone):
        kept = loop.parts.modality.store.file(sample_id)
        assert kept is not None
        kept.write_bytes(b"half")
    files[gone].unlink()

    ended = loop.run("retrain")

    assert "1 labelled samples were missing or damaged in the workspace and were fetched again" in ended.err
    assert re.search(r"1 of \d+ labelled samples are left out", ended.err)
    assert gone[:12] in ended.err
    assert loop.parts.modality.store.load(damaged).payload is not None


def test_swatches_and_dark_pictures_reach_annotators_one_by_one(
    make_loop: Callable[..., Loop], tmp_path: Path
) -> None:
    """Ninety colours are ninety groups, and annotators are shown 12 bits of 16 as the model sees them."""
    (folder := tmp_path / "swatches").mkdir()
    for number in range(90):
        colour = np.random.default_rng(number).integers(0, 256, 3)
        picture = Image.new("RGB", (40, 40), tuple(int(part) for part in colour))
        (folder / f"{number}.png").write_bytes(encoded(picture, "PNG"))
    ramp = np.tile(np.linspace(0, 4095, 40), (40, 1)).astype(np.uint16)
    (folder / "dark.tif").write_bytes(encoded(Image.fromarray(ramp), "TIFF"))
    loop = make_loop("swatches", labels=["warm", "cold"], selection={"budget_per_round": 91})
    loop.run("score", str(folder))
    loop.run("push")

    plans = [task.plan for task in read_snapshot(loop.parts.tables).tasks.values()]
    shown = loop.root / "images" / "display"
    (dark,) = [path for path in shown.rglob("*.png") if path.is_file()]

    assert len(plans) > 60
    assert len({plan.group for plan in plans}) == len(plans)
    assert not any(plan.split is Split.WITHHELD for plan in plans)
    with Image.open(dark) as picture:
        assert picture.convert("L").getextrema() == (0, 255)
