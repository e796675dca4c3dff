"""Questions: what annotators are asked beside the label, and what they may look up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFERRAL = "investigate further"
"""What an annotator picks in place of a label to have others look at a sample in a full review."""


@dataclass(frozen=True, slots=True)
class Questions:
    """What annotators are asked beside the label; without any, only why they skip.

    A sample whose label is not `acceptable` gets one of `severities` and one of the `rules` of its label.
    `reasons` name what can make any sample unclear. `policy` is Markdown that annotators may look up.
    The page veils the sample until the annotator lifts the veil if it `is_veiled`. `prompts` stand above the
    rules of a label. A page that `may_defer` offers DEFERRAL beside the labels. `pace_s` is how many seconds
    a quick review takes, None where the page shows no time. `n_on_sheet` is how many samples a sheet shows,
    None where nobody is asked on sheets.
    """

    acceptable: str | None = None
    severities: tuple[str, ...] = ()
    rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    policy: str = ""
    is_veiled: bool = False
    prompts: Mapping[str, str] = field(default_factory=dict)
    may_defer: bool = False
    pace_s: float | None = None
    n_on_sheet: int | None = None

    @property
    def has_grounds(self) -> bool:
        """Whether annotators give more than a label and a reason for a skip."""
        return bool(self.reasons or self.severities or self.rules or self.may_defer)

    def prompt(self, label: str) -> str:
        """Return what stands above the rules of `label`."""
        return self.prompts.get(label, f"Which rule of {label}?")


NO_QUESTIONS = Questions()
