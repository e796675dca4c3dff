"""preset.json: the preset that goldloop chose for a workspace; goldloop.toml is left to its user."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from goldloop.core.disk import write_first
from goldloop.core.errors import SettingsError
from goldloop.core.presets import PresetChoice
from goldloop.settings.sections import PRESETS

FILE_NAME = "preset.json"


@dataclass(frozen=True, slots=True)
class PresetFile:
    """The record of the workspace in the folder `root`. Satisfies `goldloop.core.presets.PresetRecord`."""

    root: Path

    def read(self) -> PresetChoice | None:
        """Return the choice; None before it is made.

        Raises:
            SettingsError: the record is damaged, or names a preset that this goldloop does not have.
        """
        path = self.root / FILE_NAME
        try:
            choice = PresetChoice(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise SettingsError(
                f"{path} is no record of a preset ({error}); restore it, or set `preset` in [model] of "
                "goldloop.toml to the preset that `goldloop status` named, and delete it"
            ) from error
        if choice.preset not in PRESETS["image"]:
            raise SettingsError(
                f"{path} names the preset {choice.preset!r}, which this goldloop does not have; use the "
                f"goldloop that wrote it, or set `preset` in [model] to one of {', '.join(PRESETS['image'])}"
            )
        return choice

    def save(self, choice: PresetChoice) -> PresetChoice:
        """Keep a first choice; return the one that counts, an earlier one where there is one."""
        write_first(self.root / FILE_NAME, json.dumps(asdict(choice), indent=1) + "\n")
        return self.read() or choice
