"""The quarantine: a command shows each file and why, and a file that cannot be opened counts once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from goldloop.cli.main import app
from goldloop.core.samples import Arrival, BatchId, Decoded, FileRef, sample_id_of
from goldloop.modalities.kinds import open_modality
from goldloop.reports.quarantine import quarantine_line, quarantine_rows
from goldloop.reports.steps import score_rows
from goldloop.scoring.score import score_source
from goldloop.scoring.writer import Model, ScoreReport
from goldloop.settings.workspace import Workspace
from goldloop.tables.arrivals import Quarantined, read_quarantine
from goldloop.tables.counts import conservation
from goldloop.wiring import open_workspace
from models.image.presets import FORMS
from tests.images import encoded, noise
from tests.loop import BAND, Loop, texts
from tests.memory_texts import TextReader
from tests.texts import write_rows


class ChangingReader(TextReader):
    """A reader whose files have the stamps and failures that a test gives them."""

    def __init__(self, texts: dict[str, str]) -> None:
        super().__init__(texts)
        self.stamps: dict[str, str] = {}
        self.details: dict[str, str] = {}

    def files(self, source: str) -> list[FileRef]:  # type: ignore[override]
        """Return all texts."""
        return [
            FileRef(uri, len(text), self.stamps.get(uri, text)) for uri, text in sorted(self.texts.items())
        ]

    def read(self, file: FileRef) -> Arrival:
        """Return the text, or that it cannot be opened."""
        if file.uri in self.details:
            nothing = sample_id_of(f"unreadable:{file.uri}".encode())
            return Arrival(file, nothing, reason="unreadable", detail=self.details[file.uri])
        text = self.texts[file.uri]
        return Arrival(file, sample_id_of(text.encode()), Decoded(text))


def changing(folder: Path) -> tuple[Loop, ChangingReader]:
    """Return a loop over five texts and its reader."""
    loop = Loop(folder, texts(5))
    reader = ChangingReader(loop.texts)
    loop.reader = reader
    return loop, reader


def n_rows(loop: Loop) -> int:
    """Return how many rows the table of samples has."""
    return len(loop.tables.samples.read(["uri"]))


def test_the_quarantine_names_each_file_its_reason_and_what_to_do(tmp_path: Path) -> None:
    """In order of arrival; a file that was replaced by a good one says so."""
    loop = Loop(tmp_path, texts(3) | {"mem/bad": "!empty", "mem/cut": "!truncated"})
    loop.score()
    loop.texts["mem/cut"] = "whole now"
    loop.score()

    quarantined = read_quarantine(loop.tables)

    assert [(file.uri, file.reason, file.is_replaced) for file in quarantined] == [
        ("mem/bad", "empty", False),
        ("mem/cut", "truncated", True),
    ]
    assert [row["why"] for row in quarantine_rows(quarantined)] == [
        "mem/bad is empty",
        "mem/cut is truncated; replaced since",
    ]
    assert quarantine_line(conservation(loop.tables).reasons) == (
        "empty 1, truncated 1; `goldloop quarantine` shows each file and why"
    )


def test_a_command_shows_the_quarantine(tmp_path: Path) -> None:
    """As a table, as JSON, and in one sentence when there is nothing."""
    workspace = Workspace.create(tmp_path / "w", labels=["cat", "dog"])
    run = ["quarantine", "-w", str(workspace.root)]
    nothing = CliRunner().invoke(app, run)
    (folder := tmp_path / "pictures").mkdir()
    (folder / "good.png").write_bytes(encoded(noise(1), "PNG"))
    (folder / "paper.jpg").write_bytes(b"%PDF-1.7")
    wiring = open_workspace(workspace.root)
    score_source(
        str(folder),
        reader=wiring.modality.reader,
        model=Model(),
        policy=BAND,
        tables=wiring.tables,
        clock=lambda: datetime.now(UTC),
    )

    table = CliRunner().invoke(app, run)
    told = json.loads(CliRunner().invoke(app, [*run, "--json"]).stdout)
    status = CliRunner().invoke(app, ["status", "-w", str(workspace.root)])

    assert "The quarantine is empty" in nothing.output
    assert "1 in quarantine" in table.stdout
    assert "paper.jpg" in table.stdout
    assert "it is a PDF document" in table.stdout
    assert "run `goldloop score` on its source again" in table.stdout
    assert [(file["uri"], file["reason"]) for file in told] == [(str(folder / "paper.jpg"), "not an image")]
    assert "not an image 1; `goldloop quarantine` shows each file and why" in status.stdout


def test_a_name_cannot_command_the_terminal() -> None:
    """Control characters in names of files are shown as escapes."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    file = Quarantined("/a\x1b[2J\n.png", BatchId("b"), "empty", "x\x07", at, is_replaced=False)

    (row,) = quarantine_rows([file])

    assert (row["file"], row["why"]) == ("/a\\x1b[2J\\n.png", "x\\x07")


def test_a_file_that_cannot_be_opened_is_counted_once_however_often_it_is_tried(tmp_path: Path) -> None:
    """The second pass adds no row, and reports that it tried again instead of a file that was read."""
    loop, reader = changing(tmp_path)
    reader.details["mem/0002"] = "no permission to read the file"
    first = loop.score()
    rows = n_rows(loop)

    again = [loop.score() for _ in range(3)]

    assert (first.n_files, dict(first.quarantined)) == (5, {"unreadable": 1})
    assert [(one.n_files, one.n_known, one.n_unopened, dict(one.quarantined)) for one in again] == [
        (0, 4, 1, {})
    ] * 3
    assert n_rows(loop) == rows
    assert {"what": "still unreadable, tried again", "n": 1}.items() <= score_rows(again)[1].items()


@pytest.mark.parametrize("stamp", ["", "1-1", "2-2"])
def test_a_file_that_cannot_be_opened_counts_once_whatever_its_stamp(tmp_path: Path, stamp: str) -> None:
    """A link to nothing, a locked folder or a file that grows has another stamp each time."""
    loop, reader = changing(tmp_path)
    reader.details["mem/0002"], reader.stamps["mem/0002"] = "gone", ""
    loop.score()
    reader.details["mem/0002"], reader.stamps["mem/0002"] = "it grew", stamp
    loop.score()
    where = conservation(loop.tables)

    assert (where.n_files, where.quarantine, where.is_conserved) == (5, 1, True)
    assert [file.detail for file in read_quarantine(loop.tables)] == ["it grew"]

    reader.details.clear()
    reader.stamps.clear()
    loop.score()
    where = conservation(loop.tables)
    assert (where.n_files, where.quarantine, where.duplicate) == (5, 0, 0)


def test_a_known_file_that_was_locked_for_a_while_leaves_the_quarantine(tmp_path: Path) -> None:
    """Its bytes are known under its stamp; when it opens again nothing is counted twice."""
    loop, reader = changing(tmp_path)
    loop.score()
    before = conservation(loop.tables)
    reader.details["mem/0002"], reader.stamps["mem/0002"] = "a locked folder", ""
    loop.score()
    assert conservation(loop.tables).quarantine == 1
    reader.details.clear()
    reader.stamps.clear()

    report = loop.score()

    assert (report.n_files, report.n_known, report.n_duplicates) == (0, 5, 0)
    assert conservation(loop.tables) == before
    assert loop.score().n_known == 5


def test_a_file_that_another_source_could_open_leaves_the_quarantine(tmp_path: Path) -> None:
    """A link out of a folder is read when a list names it; scoring the folder again changes nothing."""
    (outside := tmp_path / "outside").mkdir()
    (folder := tmp_path / "folder").mkdir()
    (outside / "a.png").write_bytes(encoded(noise(1), "PNG"))
    (folder / "a.png").symlink_to(outside / "a.png")
    listing = tmp_path / "files.txt"
    listing.write_text(f"{folder}/a.png\n")
    modality = open_modality("image", tmp_path / "workspace", "tiny", FORMS)
    loop = Loop(tmp_path / "tables", {})
    loop.reader = modality.reader  # type: ignore[assignment]

    def score(source: Path) -> tuple[int, int, int]:
        score_source(str(source), **loop._scoring(Model()))
        where = conservation(loop.tables)
        return where.n_files, where.quarantine, where.hold

    assert score(folder) == (1, 1, 0)
    assert score(listing) == (1, 0, 1)
    assert score(folder) == (1, 0, 1)
    assert score(listing) == (1, 0, 1)


def test_a_text_file_that_could_not_be_opened_leaves_the_quarantine(tmp_path: Path) -> None:
    """Its rows arrive under addresses of their own; the failed opening of the file counts no longer."""
    modality = open_modality("text", tmp_path / "workspace", "words", FORMS)
    loop = Loop(tmp_path / "tables", {})
    loop.reader = modality.reader  # type: ignore[assignment]
    (folder := tmp_path / "posts").mkdir()
    posts = folder / "posts.csv"
    posts.symlink_to(folder / "gone.csv")

    def score() -> ScoreReport:
        return score_source(str(folder), **loop._scoring(Model()))

    score()
    score()
    where = conservation(loop.tables)
    assert (where.n_files, where.quarantine) == (1, 1)
    posts.unlink()
    write_rows(posts, [(number, f"text number {number}") for number in range(4)])
    score()
    score()

    where = conservation(loop.tables)
    assert (where.n_files, where.quarantine, where.hold) == (4, 0, 4)
