"""Text of users is shown as it is: in the terminal, in Markdown, on the page, and in Prefect's artifacts."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldloop.cli import common
from goldloop.cli.common import show_section, show_table
from goldloop.cli.main import main
from goldloop.core.verbatim import markdown_text, visible
from goldloop.reports.formatting import Cell
from goldloop.reports.page import Page, render_page
from goldloop.reports.section import Section, Table, markdown

WORDS = [
    "[/]",
    "[red]x[/red]",
    "[bold",
    ":x:",
    ":warning: 1",
    "a|b",
    "a\\|b",
    "*b* _c_ snake_case __d__",
    "`code`",
    "<b>&amp;</b>",
    "[a](http://b)",
    "~~gone~~",
    "# no heading",
    "1. no list",
    "- no item",
    "caf\u00e9 \N{WOMAN}\N{ZERO WIDTH JOINER}\N{FIRE ENGINE} hat\N{NO-BREAK SPACE}cap",
    "x\\",
]
words = pytest.mark.parametrize("text", WORDS)


def unescaped(markdown_: str) -> str:
    """Return what Markdown shows of text in which every special character is escaped."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown_)


@words
def test_the_terminal_prints_words_as_they_are(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In sentences, titles, headings and cells, on both streams; no markup vanishes, no emoji appears."""
    common.out.print(f"wrote {text}")
    common.err.print(f"error: {text}", style="red")
    show_table([{text: text, "n": 1}], title=text, notes=[text])
    show_section(Section(text, remarks=(Cell(text),), tables=(Table(({"a": text},), text),), notes=(text,)))

    printed = capsys.readouterr()
    assert printed.err == f"error: {text}\n"
    assert printed.out.count(text) == 9


@words
def test_markdown_shows_words_as_they_are(text: str) -> None:
    """Every character that Markdown reads is escaped, and nothing else of the text changes."""
    escaped = markdown_text(text)

    assert unescaped(escaped) == text
    assert not re.search(r"(?<!\\)(?:\\\\)*[*`<>\[\]|~&]", re.sub(r"\\\\", "", escaped))
    assert not re.match(r"[-+#=]|\d+[.)]", escaped)


@words
def test_a_section_in_markdown_shows_words_as_they_are(text: str) -> None:
    """A table keeps its columns whatever stands in its cells, its heading and its title."""
    section = Section(text, (text,), (Cell(text),), (Table(({text: text, "n": 1},), text),), notes=(text,))

    written = markdown(section)

    assert unescaped(written).count(text) == 7
    header, rule, row = [line for line in written.splitlines() if line.startswith("| ")]
    assert rule == "| --- | --- |"
    columns = [len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in (header, rule, row)]
    assert columns == [3, 3, 3]


@words
def test_the_page_shows_words_as_they_are(text: str) -> None:
    """HTML is escaped, and nothing is lost."""
    section = Section("s", (text,), (Cell(text),), (Table(({text: text},), text),), notes=(text,))

    page = render_page(Page(text, datetime(2026, 1, 1, tzinfo=UTC), [section]))

    assert html.unescape(page).count(text) >= 8
    assert "<b>&amp;</b>" not in page


def test_nothing_steers_the_terminal_or_the_page() -> None:
    """Control characters, half characters of file names, and marks that turn text become escapes."""
    path = "a\x1b[2Jb\x07\r\x00\u202eg\udcff\x9b"

    assert visible(path) == r"a\x1b[2Jb\x07\r\x00\u202eg\udcff\x9b"
    assert visible("two\nlines") == "two\nlines"
    page = render_page(Page("t", datetime(2026, 1, 1, tzinfo=UTC), [Section("s", notes=(path,))]))
    assert r"\x1b[2Jb\x07\r\x00\u202eg\udcff" in page
    assert page.encode("utf-8")


def test_prefect_gets_words_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its page reads the cells of a table and the description as Markdown."""
    from flows import publish

    left: dict[str, object] = {}
    monkeypatch.setattr(publish, "create_table_artifact", lambda **artifact: left.update(artifact))

    publish.publish_table("push", [{"what": "warning: [a](http://b) *c*", "n": 3}], "of /tmp/my_*_folder")

    assert left["table"] == [{"what": r"warning: \[a\](http://b) \*c\*", "n": 3}]
    assert left["description"] == r"of /tmp/my\_\*\_folder"


def test_an_error_that_names_a_strange_path_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder called like markup, or in bytes that are no UTF-8, is named and does not crash the message."""
    folder = tmp_path / "[/red] :x: \udcff"
    monkeypatch.setattr("sys.argv", ["goldloop", "gold", "log", "-w", str(folder)])

    with pytest.raises(SystemExit):
        main()

    assert r"[/red] :x: \xff" in capsys.readouterr().err
