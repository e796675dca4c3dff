"""Check files: good rows are cases, a bad row is named with what to do, and no case becomes a sample."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from goldloop.adapters.memory import memory_tables
from goldloop.cli.main import app
from goldloop.core.errors import SourceError
from goldloop.core.labels import LabelSet
from goldloop.core.samples import sample_id_of
from goldloop.loop.checks import read_suite
from goldloop.loop.ports import LoopPorts
from goldloop.modalities.kinds import open_modality
from goldloop.reports.checks import write_failures
from goldloop.settings import Settings
from goldloop.settings.workspace import Workspace
from goldloop.training.check_files import CheckSuite
from goldloop.training.checks import CheckCase, FailedCase
from models.image.presets import FORMS
from tests.loop import absent
from tests.texts import write_json, write_rows

LABELS = LabelSet.of(["fine", "hate speech"])
HEADER = ("id", "text", "expected", "group")


def ports(folder: Path, kind: str = "text") -> LoopPorts:
    """Return the ports of an empty workspace whose checks lie in `folder`/checks."""
    (folder / "checks").mkdir(exist_ok=True)
    preset = "words" if kind == "text" else "tiny"
    return LoopPorts(
        configured=Settings(name="posts", kind=kind, labels=LABELS.names, model={"preset": preset}),
        tables=memory_tables(),
        modality=open_modality(kind, folder, preset, FORMS),
        open_queue=absent,
        open_trainer=absent,
        open_registry=absent,
        open_runs=absent,
        owner="me",
        checks_folder=folder / "checks",
    )


def suite(folder: Path) -> CheckSuite:
    """Read the check files in `folder`/checks."""
    made = ports(folder)
    return read_suite(made, made.modality)


@pytest.fixture
def checks(tmp_path: Path) -> Path:
    """Return an empty folder of checks."""
    (tmp_path / "checks").mkdir()
    return tmp_path / "checks"


def test_rows_of_every_format_are_cases(checks: Path) -> None:
    """CSV and JSONL, also in a folder below; the group may be missing, and a number is an id and a group."""
    write_rows(
        checks / "a.csv",
        [("1", "I like cake", "fine", "food"), ("2", "off you go", "hate speech", "")],
        HEADER,
    )
    (checks / "more").mkdir()
    write_json(checks / "more" / "b.jsonl", {"id": 7, "text": "hello", "expected": "fine", "group": 3})

    found = suite(checks.parent)

    assert found.cases == (
        CheckCase("a.csv", "1", "food", "fine", sample_id_of(b"I like cake")),
        CheckCase("a.csv", "2", "", "hate speech", sample_id_of(b"off you go")),
        CheckCase("more/b.jsonl", "7", "3", "fine", sample_id_of(b"hello")),
    )
    assert found.payloads == ("I like cake", "off you go", "hello")
    assert found.sentences() == []


def test_a_case_is_never_kept_as_a_sample(checks: Path) -> None:
    """Reading the checks leaves no file behind: the store of texts is not even made."""
    write_rows(checks / "a.csv", [("1", "I like cake", "fine", "")], HEADER)

    assert len(suite(checks.parent).cases) == 1
    assert sorted(path.name for path in checks.parent.iterdir()) == ["checks"]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (("9", "a text", "hatefull", ""), "9: expects 'hatefull', which is no label; name one of fine, hate"),
        (("9", "a text", " ", ""), "9: it expects nothing; name one of the labels fine, hate speech in the"),
        (("", "a text", "fine", ""), "row 2: missing id: the row has no id; give it one"),
        (("9", "", "fine", ""), "9: missing field: the row has no text"),
        (("9", "a text", "fine", "g" * 101), "9: its group has 101 characters, the limit is 100; shorten it"),
        (("1", "other", "fine", ""), "1: doubled id with other content: an earlier row of this file has"),
        (("9", "good", "hate speech", ""), "9: expects 'hate speech', but a.csv, id 1 has the same text and"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_and_the_others_are_used(
    checks: Path, row: tuple[str, ...], sentence: str
) -> None:
    """File, id, the value seen and what to do; the rows before and behind it are cases."""
    write_rows(checks / "a.csv", [("1", "good", "fine", ""), row, ("z", "better", "fine", "")], HEADER)

    found = suite(checks.parent)

    assert [case.id for case in found.cases] == ["1", "z"]
    (told,) = found.sentences()
    assert told.startswith(("a.csv, id ", "a.csv, row "))
    assert sentence in told
    assert found.n_left_out == {"a.csv": 1}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", "id,text,expected\n", "the file has no rows; add some, or remove the file"),
        ("a.csv", "id,text\n1,a\n", "it expects nothing; name one of the labels"),
        ("a.csv", "text,expected\na,fine\n", "the column 'id' is there 0 times"),
        ("a.xlsx", "PK", "a file .xlsx holds no rows; use .csv, .jsonl, .ndjson, .parquet"),
    ],
)
def test_a_file_without_a_usable_case_is_named(checks: Path, name: str, content: str, sentence: str) -> None:
    """It is said that none of its cases can be used, and why; another file goes on."""
    (checks / name).write_text(content)
    write_rows(checks / "b.csv", [("1", "good", "fine", "")], HEADER)

    found = suite(checks.parent)

    assert [case.file for case in found.cases] == ["b.csv"]
    first, second = found.sentences()
    assert first == f"{name}: none of its cases can be used"
    assert second.startswith(f"{name}")
    assert sentence in second


def test_many_bad_rows_are_named_in_part_and_counted(checks: Path) -> None:
    """A retrain names the first rows of a file and counts the others."""
    rows = [(f"{n}", f"text {n}", "spam" if n else "fine", "") for n in range(9)]
    write_rows(checks / "a.csv", rows, HEADER)

    assert len(suite(checks.parent).sentences()) == 8
    told = suite(checks.parent).sentences(3)
    assert len(told) == 4
    assert told[-1] == "a.csv: left out are 5 more; `goldloop checks` names each"


def test_the_digest_is_that_of_the_cases(checks: Path) -> None:
    """Format and order of the rows do not matter; an expected label, a group or a text does."""
    rows = [("1", "one", "fine", "g"), ("2", "two", "hate speech", "g")]
    digests = []
    for variant in (
        rows,
        rows[::-1],
        [rows[0]],
        [rows[0], ("2", "two", "fine", "g")],
        [rows[0], ("2", "two!", "hate speech", "g")],
    ):
        write_rows(checks / "a.csv", variant, HEADER)
        digests.append(suite(checks.parent).digest)

    assert digests[0] == digests[1]
    assert len(set(digests)) == 4


@pytest.mark.parametrize("files", [(), (".hidden.csv",)])
def test_without_files_there_are_no_checks(checks: Path, files: tuple[str, ...]) -> None:
    """An empty folder is as good as none; hidden files are passed over."""
    for name in files:
        (checks / name).write_text("id,text,expected\n1,a,fine\n")

    assert suite(checks.parent) == CheckSuite()


def test_images_have_no_checks(tmp_path: Path) -> None:
    """A kind whose samples are files refuses, and says why and what to do."""
    made = ports(tmp_path, "image")
    assert read_suite(made, made.modality) == CheckSuite()
    write_rows(tmp_path / "checks" / "a.csv", [("1", "good", "fine", "")], HEADER)

    with pytest.raises(SourceError, match=r"a sample of kind 'image' is a file; remove the folder, or use"):
        read_suite(made, made.modality)


def test_a_limit_needs_a_kind_that_has_checks() -> None:
    """A workspace of images cannot keep a limit on checks, and the settings say so at once."""
    with pytest.raises(
        ValueError, match=r"gate\.max_check_fall is 0\.1, but samples of kind 'image' have no beh"
    ):
        Settings(name="shop", labels=LABELS.names, gate={"max_check_fall": 0.1})


def test_the_command_needs_neither_checks_nor_a_model(tmp_path: Path) -> None:
    """Without files it says where they belong; before a model it counts the cases and names bad rows."""
    workspace = Workspace.create(tmp_path / "posts", kind="text", labels=LABELS.names)
    run = partial(CliRunner().invoke, app)
    words = ["checks", "--workspace", str(workspace.root)]

    none = run(words)
    assert "There are no behaviour checks: put CSV, JSONL or Parquet files with the columns" in none.output
    assert str(workspace.root / "checks") in none.output
    workspace.checks.mkdir()
    rows = [("1", "good", "fine", "tone"), ("2", "bad", "spam", "")]
    write_rows(workspace.checks / "a.csv", rows, HEADER)
    table, script = run(words), json.loads(run([*words, "--json"]).stdout)
    assert "behaviour checks, no model yet: 1 file, 1 case" in table.output
    assert "left out: a.csv, id 2: expects 'spam', which is no label" in table.output
    assert [group["group"] for group in script["report"]["groups"]] == [None, "tone"]
    assert "none failed" in run([*words, "--failures"]).output


def test_failed_cases_are_written_to_a_new_file_only(tmp_path: Path) -> None:
    """An existing file is not overwritten."""
    failed = [FailedCase("a.csv", "1", "", "fine", "hate speech", 0.75)]
    assert write_failures(failed, tmp_path / "failed.csv").read_text("utf-8-sig").splitlines() == [
        "file,id,group,expected,label,probability,champion",
        "a.csv,1,,fine,hate speech,0.75,",
    ]
    with pytest.raises(SourceError, match=r"failed\.csv exists already; name a new file with --to"):
        write_failures(failed, tmp_path / "failed.csv")
