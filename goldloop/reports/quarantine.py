"""The quarantine: which files goldloop set aside, why, and what the user can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from goldloop.reports.section import Row
from goldloop.scoring.writer import ScoreReport
from goldloop.tables.arrivals import Quarantined

NEXT_STEP = (
    "Correct or replace a file, then run `goldloop score` on its source again: goldloop reads files that "
    "changed, and tries unreadable files again."
)


def quarantine_line(reasons: Mapping[str, int]) -> str:
    """Return how many files are in quarantine for each reason, and which command shows them."""
    counts = ", ".join(f"{reason} {n}" for reason, n in reasons.items())
    return f"{counts}; `goldloop quarantine` shows each file and why" if counts else "empty"


def quarantine_examples(reports: Sequence[ScoreReport]) -> list[str]:
    """Return a file of each reason for which scoring set files aside, and which command shows the others."""
    examples = {reason: example for report in reports for reason, example in report.examples.items()}
    lines = [f"quarantine, {reason}: {_printable(example)}" for reason, example in sorted(examples.items())]
    return [*lines, "`goldloop quarantine` shows each file and why"] if lines else []


def quarantine_rows(quarantined: Sequence[Quarantined]) -> list[Row]:
    """Return a row for each file or row in quarantine."""
    return [
        {
            "file": _printable(file.uri),
            "reason": file.reason,
            "why": _printable(file.detail or "") + ("; replaced since" if file.is_replaced else ""),
            "batch": file.batch,
            "since": f"{file.arrived_at:%Y-%m-%d %H:%M}",
        }
        for file in quarantined
    ]


def _printable(text: str) -> str:
    """Return `text` with control characters, which a terminal would obey, as escapes."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
