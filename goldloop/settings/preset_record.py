"""The preset that goldloop chose for a workspace; goldloop.toml is left to its user.

preset.json holds the choice, preset-comparison.json how it did on the first labels.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from goldloop.core.disk import write_first, write_whole
from goldloop.core.errors import SettingsError
from goldloop.core.presets import CANDIDATES, PresetChoice, PresetComparison

FILE_NAME = "preset.json"
COMPARISON_NAME = "preset-comparison.json"
Record = TypeVar("Record", PresetChoice, PresetComparison)


@dataclass(frozen=True, slots=True)
class PresetFile:
    """The record of the workspace in the folder `root`. Satisfies `goldloop.core.presets.PresetRecord`."""

    root: Path

    def read(self) -> PresetChoice | None:
        """Return the choice; None before it is made.

        Raises:
            SettingsError: the record is damaged, or names a preset that goldloop does not choose.
        """
        choice = _read(
            self.root / FILE_NAME,
            PresetChoice,
            "restore it, or set `preset` in [model] of goldloop.toml to the preset that `goldloop status` "
            "named, and delete it",
        )
        if choice is not None and choice.preset not in CANDIDATES:
            raise SettingsError(
                f"{self.root / FILE_NAME} names the preset {choice.preset!r}, which this goldloop does not "
                f"choose; use the goldloop that wrote it, or set `preset` in [model] of goldloop.toml to "
                f"{' or '.join(CANDIDATES)}"
            )
        return choice

    def save(self, choice: PresetChoice) -> PresetChoice:
        """Keep a first choice; return the one that counts, an earlier one where there is one."""
        write_first(self.root / FILE_NAME, _json(choice))
        return self.read() or choice

    def read_comparison(self) -> PresetComparison | None:
        """Return how the choice did on labels; None before it was compared.

        Raises:
            SettingsError: the record is damaged.
        """
        path = self.root / COMPARISON_NAME
        return _read(path, PresetComparison, "delete it; the next `goldloop retrain` compares again")

    def save_comparison(self, comparison: PresetComparison) -> None:
        """Keep how the choice did on labels."""
        write_whole(self.root / COMPARISON_NAME, _json(comparison))


def _read(path: Path, record: type[Record], next_step: str) -> Record | None:
    try:
        return record(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{path} is no record of a preset ({error}); {next_step}") from error


def _json(record: Any) -> str:
    return json.dumps(asdict(record), indent=1) + "\n"
