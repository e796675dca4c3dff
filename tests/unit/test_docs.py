"""The documentation is true: what it names exists, and what exists is named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer.main

from goldloop.cli.main import app
from goldloop.settings import Settings
from goldloop.settings.kinds import PRESETS
from goldloop.settings.sections import Section

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
LONGEST_LINE = 240
FOLDERS = "goldloop|models|flows|tests|scripts|docs|labelstudio_config"

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def commands(group: object = None, prefix: str = "goldloop") -> list[str]:
    """Return every command as a user types it."""
    typed: list[str] = []
    root = group or typer.main.get_command(app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        typed += (
            commands(command, f"{prefix} {name}") if hasattr(command, "commands") else [f"{prefix} {name}"]
        )
    return typed


def prose(page: Path) -> list[str]:
    """Return the lines of `page` outside code blocks and tables."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return [line for line in text.splitlines() if not line.startswith("|")]


def anchors(page: Path) -> set[str]:
    """Return the fragments that links to the headings of `page` use."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_readme_names_every_command() -> None:
    """No command is undocumented."""
    words = set(re.findall(r"[a-z-]+", README))
    assert [command for command in commands() if not set(command.split()) <= words] == []


@pytest.mark.parametrize("kind", PRESETS)
def test_readme_names_every_setting(kind: str) -> None:
    """No setting of any kind is undocumented: each stands in the row of its section."""
    pattern = r"^\| (?:`\[(\w+)\]`(?: \((?:texts|records)\))?|top) \| (.+) \|$"
    rows = dict(re.findall(pattern, README, flags=re.M))
    for name, value in Settings(name="shop", kind=kind, labels=("a", "b")):  # type: ignore[arg-type]
        if value is None:
            continue  # a section that this kind does not have
        section, keys = (name, type(value).model_fields) if isinstance(value, Section) else ("", [name])
        assert [key for key in keys if f"`{key}`" not in rows[section]] == [], section


def test_readme_types_only_commands_that_exist() -> None:
    """Every `goldloop ...` line in a code block of the README is a command."""
    known = {tuple(command.split()[1:]) for command in commands()}
    blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", README, flags=re.M | re.S))
    lines = re.findall(r"^(?:\$ )?(goldloop .*)$", blocks, flags=re.M)
    assert lines
    for line in lines:
        words = line.split("#")[0].split()[1:]
        assert tuple(words[:1]) in known or tuple(words[:2]) in known, line


@pages
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of every page is a file of the project, and its fragment a heading of that file."""
    for target, _, fragment in re.findall(
        r"\]\((?!https?://)([^)#]*)(#([^)]+))?\)", page.read_text(encoding="utf-8")
    ):
        file = page.parent / target if target else page
        assert file.exists(), f"{page.name} links to {target}"
        assert not fragment or fragment in anchors(file), f"{page.name} links to {target}#{fragment}"


@pages
def test_no_page_names_a_file_that_is_gone(page: Path) -> None:
    """Every path below a folder of the project that a page names exists."""
    paths = re.findall(rf"(?<![\w/.-])((?:{FOLDERS})/[\w./-]*[\w/])", page.read_text(encoding="utf-8"))
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pages
def test_lines_are_short_enough_to_compare(page: Path) -> None:
    """A line holds one sentence, so a change shows the sentence it touches; tables and code are exempt."""
    assert [line for line in prose(page) if len(line) > LONGEST_LINE] == []


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_each_decision_has_its_three_headings(page: Path) -> None:
    """A decision gives its context first, then what was decided, and its consequences last."""
    headings = re.findall(r"^## (\w+)", page.read_text(encoding="utf-8"), flags=re.M)
    assert (headings[:2], headings[-1]) == (["Context", "Decision"], "Consequences")


def test_cited_sources_are_in_the_bibliography() -> None:
    """Every [key2024] in code and documentation has its entry."""
    bibliography = (ROOT / "docs" / "bibliography.md").read_text(encoding="utf-8")
    files = [*PAGES, *(ROOT / "goldloop").rglob("*.py"), *(ROOT / "models").rglob("*.py")]
    for path in files:
        for key in re.findall(r"\[([a-z]+(?:19|20)\d\d)\]", path.read_text(encoding="utf-8")):
            assert f"| {key} |" in bibliography, f"{path.name} cites {key}"


def test_every_setting_is_described() -> None:
    """The schema a user can print explains each setting, or its section does."""
    for name, field in Settings.model_fields.items():
        assert field.description or (getattr(field.annotation, "__doc__", None)), name


def test_the_architecture_shows_the_floors_that_the_import_contract_checks() -> None:
    """Each room stands in the table of rooms on the floor of the layers contract in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    checked = {
        room.strip(): floor for floor, rooms in enumerate(reversed(layers), 1) for room in rooms.split("|")
    }

    shown = {
        room.removesuffix(".py").rstrip("/").replace("/", "."): int(row.split("|")[1])
        for row in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").splitlines()
        if re.match(r"\| \d+ \|", row)
        for room in re.findall(r"`([a-z_/]+(?:\.py)?)`", row.split("|")[2])
    }

    assert shown == checked
