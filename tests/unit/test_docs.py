"""The documentation is true: what it names exists, and what exists is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from goldloop.cli.main import app
from goldloop.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def commands(group: object = None, prefix: str = "goldloop") -> list[str]:
    """Return every command as it is typed."""
    found: list[str] = []
    root = group or typer.main.get_command(app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        found += (
            commands(command, f"{prefix} {name}") if hasattr(command, "commands") else [f"{prefix} {name}"]
        )
    return found


def test_readme_names_every_command() -> None:
    """No command is undocumented."""
    words = set(re.findall(r"[a-z-]+", README))
    assert [one for one in commands() if not set(one.split()) <= words] == []


def test_readme_types_only_commands_that_exist() -> None:
    """Every `goldloop ...` line of the README is a command with known options."""
    known = {tuple(one.split()[1:]) for one in commands()}
    for line in re.findall(r"^goldloop .*$", README, flags=re.M):
        words = line.split("#")[0].split()[1:]
        assert tuple(words[:1]) in known or tuple(words[:2]) in known, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of every page is a file of the project."""
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_architecture_names_files_that_exist() -> None:
    """The map shows the territory."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:goldloop|models|flows|tests|scripts|labelstudio_config)/[\w/.]*)`", text)
    assert paths
    assert [one for one in paths if not (ROOT / one).exists()] == []


def test_cited_sources_are_in_the_bibliography() -> None:
    """Every [key2024] in code and documentation has its entry."""
    bibliography = (ROOT / "docs" / "bibliography.md").read_text(encoding="utf-8")
    files = [*PAGES, *(ROOT / "goldloop").rglob("*.py"), *(ROOT / "models").rglob("*.py")]
    for path in files:
        for key in re.findall(r"\[([a-z]+(?:19|20)\d\d)\]", path.read_text(encoding="utf-8")):
            assert key in bibliography, f"{path.name} cites {key}"


def test_every_setting_is_described() -> None:
    """The schema a user can print explains each setting, or its section does."""
    for name, field in Settings.model_fields.items():
        assert field.description or (getattr(field.annotation, "__doc__", None)), name
