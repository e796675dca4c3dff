"""Hooks of mkdocs.yml: pages of the site that do not lie in docs/, and their links.

README, changelog and the like stay where people look for them in a repository; the site shows them too.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
    "docs/decisions": "decisions/index.md",
}
"""Page of the site by the path that links name, both relative to their roots."""

_LINK = re.compile(r"\[([^\[\]]*)\]\((?!\w+:|#)([^)#\s]+)(#[^)]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that lie outside of docs/."""
    for path, page in PAGES.items():
        content = decisions() if path == "docs/decisions" else (ROOT / path).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Return `markdown` with links between pages as the site has them."""
    sources = {shown: path for path, shown in PAGES.items()}
    place = sources.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    if place == "docs/decisions":
        return markdown

    def moved(link: re.Match[str]) -> str:
        found = site_link(link[2], place, page.file.src_uri)
        return link[1] if found is None else f"[{link[1]}]({found}{link[3] or ''})"

    return _LINK.sub(moved, markdown)


def site_link(target: str, place: str, page: str) -> str | None:
    """Return the link to `target` on the page `page`, which stands at `place` in the repository.

    None stands for a file of the repository that the site does not show, such as code.

    >>> site_link("../SECURITY.md", "docs/security.md", "security.md")
    'reporting.md'
    >>> site_link("docs/decisions/0001-plan-claim-push.md", "README.md", "index.md")
    'decisions/0001-plan-claim-push.md'
    """
    path = posixpath.normpath(posixpath.join(posixpath.dirname(place), target))
    if path not in PAGES and not path.startswith("docs/") and (ROOT / path).exists():
        return None
    shown = PAGES.get(path, path.removeprefix("docs/"))
    return posixpath.relpath(shown, posixpath.dirname(page) or ".")


def decisions() -> str:
    """Return the page that lists every decision by its title."""
    lines = [
        "# Decisions",
        "",
        "Why goldloop is built as it is: the context, what was decided, and what follows.",
        "",
    ]
    for path in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        lines.append(f"- [{title.replace('. ', ' ', 1)}]({path.name})")
    return "\n".join(lines) + "\n"
