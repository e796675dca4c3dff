"""The section [moderation] of goldloop.toml: what moderators of texts are asked beside the label."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from goldloop.core.labels import normalised
from goldloop.settings.sections import Section

Words = Annotated[str, Field(min_length=1, max_length=200)]


class ModerationSettings(Section):
    """What moderators are asked beside the label."""

    acceptable: str | None = None
    """Label of texts that break no rule, which needs neither severity nor rule; unset: the first label."""
    severities: tuple[Words, ...] = ("mild", "strong", "very strong")
    """Severities, the mildest first; empty asks for none."""
    rules: dict[str, tuple[Words, ...]] = Field(default_factory=dict)
    """Rules by label, for example {spam = ["S1 sells something", "S2 the same post again"]}."""
    reasons: tuple[Words, ...] = (
        "quoted or reported, not meant",
        "irony",
        "reclaimed by the group itself",
        "needs more context",
        "rules do not cover it",
    )
    """What can make a text unclear; a moderator may name several."""
    policy: str | None = None
    """Markdown file in the workspace with the policy, which moderators read with H."""
    veil: bool = True
    """Whether a text is veiled until the mouse is over it or X lifts the veil."""
    max_severe_minutes: Annotated[float | None, Field(gt=0)] = None
    """Minutes a day of severe content, worse than the mildest severity by the annotator's own answers, after
    which an annotator gets no further task whose likely label is not the acceptable one; unset: no limit."""
    opt_out: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Labels that an annotator, by number, does not want to see, for example {7 = ["hate speech"]}."""

    keep_apart: Literal["author", "thread_id"] = "author"
    """Column of the posts whose texts never train a model and judge one at once, where a post has both; a
    change holds for posts that arrive after it."""

    def is_severe(self, severity: str | None) -> bool:
        """Return whether `severity` is worse than the mildest of several; a single one is severe."""
        return severity is not None and (len(self.severities) < 2 or severity != self.severities[0])

    @field_validator("rules")
    @classmethod
    def _normalised_labels(cls, rules: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {normalised(label): texts for label, texts in rules.items()}

    @field_validator("opt_out")
    @classmethod
    def _normalised_wishes(cls, wishes: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {annotator: tuple(map(normalised, labels)) for annotator, labels in wishes.items()}

    @model_validator(mode="after")
    def _no_doubles(self) -> Self:
        lists = {"severities": self.severities, "reasons": self.reasons}
        lists |= {f"rules of {label!r}": texts for label, texts in self.rules.items()}
        for name, texts in lists.items():
            double = next((text for text in texts if texts.count(text) > 1), None)
            if double is not None:
                raise ValueError(f"{double!r} is twice in the {name}; remove one")
        return self
