"""Scoring: each file in one place, resumed where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from goldloop.core.ports import Scores
from goldloop.core.samples import Arrival, Decoded, FileRef, sample_id_of
from goldloop.modalities.kinds import open_modality
from goldloop.scoring import writer as score_writer
from goldloop.scoring.score import score_source
from goldloop.scoring.writer import NO_MODEL, Model, ScoreReport
from goldloop.tables.counts import conservation
from models.image.presets import FORMS
from tests.loop import FakeClock, Killed, Loop, texts
from tests.memory_texts import LengthScorer
from tests.texts import write_rows

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def test_every_file_is_in_exactly_one_place(tmp_path: Path) -> None:
    """Lanes, quarantine and duplicates add up to the files that arrived."""
    files = texts(60) | {"mem/bad1": "!empty", "mem/bad2": "!not an image", "mem/twin": texts(60)["mem/0003"]}
    loop = Loop(tmp_path, files)

    report = loop.score()
    where = conservation(loop.tables)

    assert where.is_conserved
    assert where.n_files == report.n_files == 63
    assert (where.quarantine, where.duplicate) == (2, 1)
    assert where.reasons == {"empty": 1, "not an image": 1}
    assert where.auto
    assert where.review
    assert not where.hold  # two labels: confidence is at least 0.5
    assert "= 63 files" in str(where)


def test_each_pass_is_compared_with_what_the_model_saw_before(tmp_path: Path) -> None:
    """The first has nothing to be compared with; of later ones the report says what moved."""
    loop = Loop(tmp_path, {f"mem/{number}": f"{number:060d}" for number in range(200)})
    first = loop.score()
    loop.texts |= {f"mem/long{number}": f"{number:098d}" for number in range(200)}
    second = loop.score()

    assert first.drift is not None
    assert (first.drift.n, first.drift.drifts, bool(first.drift.unknown)) == (200, (), True)
    assert second.drift is not None
    assert (second.drift.n, second.drift.n_reference) == (200, 200)
    assert "confidence" in {one.kind for one in second.drift.drifts}
    assert len(loop.tables.batches.read()) == 2


def test_without_a_model_there_is_nothing_to_compare(tmp_path: Path) -> None:
    """A cold start sums nothing up."""
    loop = Loop(tmp_path, texts(60))

    assert loop.score(Model()).drift is None
    assert not len(loop.tables.batches.read())


def test_scoring_again_reads_nothing_again(tmp_path: Path) -> None:
    """Known files are passed over; new and replaced ones are read."""
    loop = Loop(tmp_path, texts(30))
    loop.score()
    loop.reader.reads.clear()
    loop.texts["mem/new"] = "a new text"
    loop.texts["mem/0001"] = "replaced"

    report = loop.score()

    assert sorted(loop.reader.reads) == ["mem/0001", "mem/new"]
    assert (report.n_files, report.n_known) == (2, 29)
    assert conservation(loop.tables).n_files == 32


def test_an_unreadable_file_is_tried_again_and_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose permissions were mended is scored by the next pass."""
    loop = Loop(tmp_path, texts(5) | {"mem/locked": "!unreadable"})
    loop.score()
    assert conservation(loop.tables).quarantine == 1

    read = loop.reader.read

    def read_mended(file: FileRef) -> Arrival:
        if file.uri != "mem/locked":
            return read(file)
        return Arrival(file, sample_id_of(b"mended"), Decoded("mended"))

    monkeypatch.setattr(loop.reader, "read", read_mended)
    loop.score()

    where = conservation(loop.tables)
    assert (where.n_files, where.quarantine) == (6, 0)
    assert where.is_conserved


@pytest.mark.parametrize("commits", [0, 1, 2, 3, 4, 5])
def test_a_killed_pass_resumes_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    """Whichever commit is the last before the kill, the resumed pass ends as an undisturbed one."""
    monkeypatch.setattr(score_writer, "COMMIT_EVERY", 10)
    monkeypatch.setattr(score_writer, "COMMIT_AFTER_S", 0.0)
    whole = Loop(tmp_path / "whole", texts(35))
    whole.score()
    loop = Loop(tmp_path / "killed", texts(35))
    left = commits

    def dying(append: Callable[..., Any], *args: Any, **options: Any) -> Any:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        return append(*args, **options)

    with monkeypatch.context() as patch:
        for table, name in ((loop.tables.samples, "append_once"), (loop.tables.predictions, "append")):
            patch.setattr(table, name, partial(dying, getattr(table, name)))
        with pytest.raises(Killed):
            loop.score()
    assert conservation(loop.tables).n_missing == (10 if commits % 2 else 0)

    loop.score()
    loop.score_pool()

    where = conservation(loop.tables)
    assert where == conservation(whole.tables)
    assert loop.tables.predictions.read().num_rows == 35


def commit_sizes(monkeypatch: pytest.MonkeyPatch, table: Any) -> list[int]:
    """Return a list that gets the number of rows of each commit to `table`, if any, from now on."""
    sizes: list[int] = []

    def counted(append: Callable[..., Any], *args: Any, **options: Any) -> Any:
        before = len(table.scan())
        done = append(*args, **options)
        sizes.extend([len(table.scan()) - before] if len(table.scan()) > before else [])
        return done

    for name in ("append", "append_once"):
        monkeypatch.setattr(table, name, partial(counted, getattr(table, name)))
    return sizes


def test_samples_scored_anew_are_committed_many_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit for every minibatch of a pool of a million takes longer than the scoring."""
    monkeypatch.setattr(score_writer, "COMMIT_EVERY", 10)
    loop = Loop(tmp_path, texts(200))
    loop.score()
    sizes = commit_sizes(monkeypatch, loop.tables.predictions)

    loop.score_pool(replace(loop.model, version="2"))

    assert sizes == [160, 40]


@dataclass
class SlowClock(FakeClock):
    """A clock that moves on by `step` each time."""

    step: timedelta
    now: datetime = START

    def __call__(self) -> datetime:
        """Return the next time."""
        self.now += self.step
        return self.now


@pytest.mark.parametrize(
    ("samples_a_second", "expected"), [(0.5, [10, 10, 10, 10]), (4, [21, 19]), (1000, [30, 10])]
)
def test_a_commit_comes_every_few_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples_a_second: float, expected: list[int]
) -> None:
    """A slow model commits COMMIT_EVERY samples, a fast one those of COMMIT_AFTER_S, up to a limit."""
    monkeypatch.setattr(score_writer, "COMMIT_EVERY", 10)
    monkeypatch.setattr(score_writer, "COMMIT_AFTER_S", 5.0)
    monkeypatch.setattr(score_writer, "LARGEST_COMMIT", 3)
    loop = Loop(tmp_path, texts(40), clock=SlowClock(timedelta(seconds=1 / samples_a_second)))
    sizes = commit_sizes(monkeypatch, loop.tables.samples)

    loop.score()

    assert sizes == expected
    assert conservation(loop.tables).is_conserved


def test_a_long_pass_commits_more_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill costs the same share of a long pass as of a short one, and the table has fewer commits."""
    for name, value in {"COMMIT_EVERY": 1, "COMMIT_AFTER_S": 2.0, "COMMIT_SHARE": 0.5}.items():
        monkeypatch.setattr(score_writer, name, value)
    loop = Loop(tmp_path, texts(40), clock=SlowClock(timedelta(seconds=1)))
    sizes = commit_sizes(monkeypatch, loop.tables.samples)

    loop.score()

    assert sizes[:-1] == sorted(sizes[:-1])
    assert sizes[0] < 5 < sizes[-2]
    assert sum(sizes) == 40


def test_without_a_model_everything_is_held(tmp_path: Path) -> None:
    """A cold start scores nothing and says so in the model version."""
    loop = Loop(tmp_path, texts(10))
    report = loop.score(Model())
    assert (report.model_version, dict(report.lanes)) == (NO_MODEL, {"hold": 10})
    assert conservation(loop.tables).hold == 10


def test_a_new_model_rescores_the_backlog(tmp_path: Path) -> None:
    """The newest prediction decides the lane; files that are gone meanwhile are named, not dropped."""
    loop = Loop(tmp_path, texts(10))
    loop.score(Model())
    del loop.texts["mem/0004"]

    report = loop.score_pool(Model("2", LengthScorer()))

    assert report.n_files == 10
    assert [one.split(":")[0] for one in report.lost] == ["mem/0004"]
    assert conservation(loop.tables).hold == 1
    assert loop.score_pool(Model("2", LengthScorer())).n_files == 1


class Shorter(LengthScorer):
    """Takes texts for ten letters shorter than they are."""

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return the scores of a minibatch of texts."""
        return super().__call__([text[10:] for text in payloads])


def test_accepted_labels_are_looked_at_again_by_the_next_model(tmp_path: Path) -> None:
    """What it accepts again, what it calls something else, and what it leaves to annotators; once."""
    by_length = {f"mem/{length}": "x" * length for length in (5, 20, 25, 71, 75, 79, 85, 95, 50)}
    loop = Loop(tmp_path, by_length)
    assert loop.score().second_looks == {}

    report = loop.score_pool(Model("2", Shorter()))

    assert dict(report.second_looks) == {"accepted again": 5, "to annotators": 3}
    assert dict(loop.score_pool(Model("2", Shorter())).second_looks) == {}
    assert dict(loop.score_pool(Model("3", Opposite())).second_looks) == {"label changed": 5}


class Opposite(LengthScorer):
    """Takes ham for spam and spam for ham."""

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return the scores of a minibatch of texts."""
        scores = super().__call__([text[10:] for text in payloads])
        return Scores(scores.probs[:, ::-1], scores.embeddings)


def test_rows_of_a_file_are_scored_one_by_one(tmp_path: Path) -> None:
    """Good rows get lanes, bad ones a reason; a second pass reads what is new, and the pool needs no file."""
    modality = open_modality("text", tmp_path / "workspace", "words", FORMS)
    loop = Loop(tmp_path / "tables", {})
    loop.reader = modality.reader  # type: ignore[assignment]
    rows = [(number, "x" * (number + 1)) for number in range(90)]
    posts = write_rows(tmp_path / "posts.csv", [*rows, ("", "no id"), ("twin", "x")])

    def scored() -> ScoreReport:
        return score_source(
            str(posts),
            reader=modality.reader,
            model=loop.model,
            policy=loop.policy,
            tables=loop.tables,
            clock=loop.clock,
        )

    first = scored()
    write_rows(posts, [*rows, ("", "no id"), ("twin", "x"), ("new", "a new text")])
    second = scored()
    where = conservation(loop.tables)
    posts.unlink()
    again = loop.score_pool(Model("2", LengthScorer()))

    assert (first.n_files, first.n_known, first.n_duplicates) == (92, 0, 1)
    assert dict(first.quarantined) == {"missing id": 1}
    assert (second.n_files, second.n_known) == (1, 92)
    assert where.is_conserved
    assert (where.n_files, where.quarantine, where.duplicate) == (93, 1, 1)
    assert (again.n_files, again.lost) == (91, [])
