"""A file with a text that goldloop can derive again, beside the indexes of the tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from goldloop.core.disk import write_whole


@dataclass(frozen=True, slots=True)
class DerivedFile:
    """The file `path`, which may be removed. Satisfies `goldloop.core.ports.DerivedText`."""

    path: Path

    def read(self) -> str | None:
        """Return the text; None where there is no readable file."""
        try:
            return self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeError):
            return None

    def save(self, text: str) -> None:
        """Keep `text` in place of what was kept before.

        Raises:
            StorageError: the disk refused it.
        """
        write_whole(self.path, text)
