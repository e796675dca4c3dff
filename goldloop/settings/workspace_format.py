"""The format of a workspace: a newer one is refused, an older one is brought up to date when it is opened.

The number stands in workspace.json. It grows when an older goldloop could misread what a newer one writes, or
a newer one could not read what an older one wrote; columns that tables gain need neither, because columns go
by their names.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from goldloop.core.disk import disk_errors, make_folder, write_whole
from goldloop.core.errors import WorkspaceError
from goldloop.core.version import VERSION
from goldloop.settings.identity import FILE_NAME, FORMAT, ensure_identity, save_identity

_SETTINGS = "goldloop.toml"
_GONE = {"policy": ("below_share",)}
"""Settings that goldloop wrote into every goldloop.toml before the first format, and that are gone."""


def bring_up_to_date(root: Path) -> None:
    """Bring the workspace in `root` to the present format, step by step; a killed call is done again.

    A file that a step replaces stays as `NAME.format-N`.

    Raises:
        WorkspaceError: a newer goldloop has written the workspace; nothing was changed.
        StorageError: the disk refused a write.
    """
    if checked_format(root) == FORMAT:
        return
    with disk_errors("upgrade the workspace", root):
        make_folder(root / "locks")
        with FileLock(root / "locks" / "format.lock"):
            for number in range(checked_format(root), FORMAT):
                _STEPS[number](root)


def checked_format(root: Path) -> int:
    """Return the format of the workspace in `root`; 0 if it has no number.

    Raises:
        WorkspaceError: a newer goldloop has written the workspace.
    """
    try:
        content = json.loads((root / FILE_NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return 0  # of a damaged file whoever needs it says what is wrong
    content = content if isinstance(content, dict) else {}
    number = content.get("format", 0)
    if not isinstance(number, int) or number > FORMAT:
        writer = f"goldloop {content['goldloop']}" if content.get("goldloop") else "a newer goldloop"
        raise WorkspaceError(
            f"{root} is a workspace of format {number}, written by {writer}; goldloop {VERSION} reads "
            f"formats up to {FORMAT}. Nothing was changed. Install {writer}, or restore a backup "
            "that this goldloop made"
        )
    return number


def _number(root: Path) -> None:
    """Take the settings out of goldloop.toml that are gone, and give the workspace its id and its number."""
    text = (root / _SETTINGS).read_text(encoding="utf-8")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # whoever reads the settings says what is wrong
    changed = _without_gone(text, values)
    if changed != text:
        write_whole(root / f"{_SETTINGS}.format-0", text)
        write_whole(root / _SETTINGS, changed)
    identity = ensure_identity(root, str(values.get("name") or root.name))
    save_identity(root, replace(identity, format=1, goldloop=VERSION))


def _without_gone(text: str, values: dict[str, Any]) -> str:
    """Return goldloop.toml with the lines of settings that are gone as comments."""
    lines, section = text.splitlines(keepends=True), ""
    for place, line in enumerate(lines):
        if header := re.match(r"\s*\[([\w.-]+)\]", line):
            section = header[1]
        key = line.partition("=")[0].strip()
        if key in _GONE.get(section, ()) and key in values.get(section, {}):
            lines[place] = f"# gone since workspace format 1: {line}"
    return "".join(lines)


_STEPS: tuple[Callable[[Path], None], ...] = (_number,)
"""Step N brings a workspace of format N to format N + 1; its last act is to write the number."""
