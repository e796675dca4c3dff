"""Settings of asking: when a label counts, and how people and suggestions are measured."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from goldloop.settings.section import Section


class ConsensusSettings(Section):
    """When a label counts as gold, and who is asked until it does."""

    method: Annotated[
        Literal["posterior", "dawid_skene", "majority"],
        Field(
            description="posterior: votes weighed by who gave them, with the model's word; "
            "dawid_skene: votes weighed; majority: votes counted."
        ),
    ] = "posterior"
    target: Annotated[
        float, Field(gt=0.5, lt=1, description="Probability that a label needs to become gold.")
    ] = 0.90
    max_answers: Annotated[
        int, Field(ge=1, le=20, description="Answers of different people before an adjudicator decides.")
    ] = 3
    audit_answers: Annotated[
        int,
        Field(ge=1, le=20, description="Independent blind answers to each audit sample; 1 if you are alone."),
    ] = 2
    repeat_share: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="Share of the budget kept for further answers, adjudication, controls and rechecks.",
        ),
    ] = 0.25

    @model_validator(mode="after")
    def _audit_fits(self) -> Self:
        if self.audit_answers > self.max_answers:
            raise ValueError(
                f"audit_answers {self.audit_answers} contradicts max_answers {self.max_answers}; "
                "raise max_answers or lower audit_answers"
            )
        return self


class AnnotatorSettings(Section):
    """How the people who answer are measured; all of it is pseudonymous."""

    honeypot_rate: Annotated[
        float, Field(ge=0, le=0.5, description="Share of the answers that are given to known-answer tasks.")
    ] = 0.05
    onboarding_tasks: Annotated[
        int, Field(ge=0, le=200, description="Known-answer tasks that somebody new begins with; 0: none.")
    ] = 20
    adjudicators: Annotated[
        tuple[str, ...],
        Field(description="Annotators whose decisions count, by number; empty: those of anybody."),
    ] = ()
    bar: Annotated[
        float,
        Field(gt=0, lt=1, description="Accuracy on known answers; who is below it by evidence is flagged."),
    ] = 0.70


class SuggestionSettings(Section):
    """Whether annotators see what the model suggests, and how its pull on them is measured."""

    hidden_share: Annotated[
        float,
        Field(
            ge=0,
            le=0.5,
            description="Share of the review tasks that hides the suggestion; as many that show it are "
            "rechecked blind.",
        ),
    ] = 0.10
    max_gap: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="How much oftener a wrong suggestion may be answered when it is shown; beyond that "
            "suggestions are switched off.",
        ),
    ] = 0.10
