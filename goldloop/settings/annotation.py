"""Settings of annotation: when a label becomes gold, and how goldloop measures annotators and suggestions."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from goldloop.settings.section import Section


class ConsensusSettings(Section):
    """When a label becomes gold, and how many annotators answer until then."""

    method: Annotated[
        Literal["posterior", "dawid_skene", "majority"],
        Field(
            description="How goldloop derives a label from answers. posterior: weighs each vote by "
            "the annotator's estimated accuracy and adds the model's prediction; "
            "dawid_skene: weighs votes only; majority: counts votes."
        ),
    ] = "posterior"
    target: Annotated[
        float, Field(gt=0.5, lt=1, description="Smallest posterior at which a label becomes gold.")
    ] = 0.90
    max_answers: Annotated[
        int,
        Field(
            ge=1,
            le=20,
            description="Largest number of answers of different annotators to a sample before an "
            "adjudicator decides.",
        ),
    ] = 3
    audit_answers: Annotated[
        int,
        Field(
            ge=1,
            le=20,
            description="Independent blind answers to each audit sample; 1 for a single annotator.",
        ),
    ] = 2
    repeat_share: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="Share of the round's budget reserved for further answers, adjudication, "
            "honeypots and rechecks.",
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
    """How goldloop measures annotators; reports are pseudonymous."""

    honeypot_rate: Annotated[
        float,
        Field(ge=0, le=0.5, description="Honeypots (tasks with a known answer) as a share of all answers."),
    ] = 0.05
    onboarding_tasks: Annotated[
        int,
        Field(
            ge=0,
            le=200,
            description="Tasks with a known answer that a new annotator answers first; 0 turns "
            "onboarding off.",
        ),
    ] = 20
    adjudicators: Annotated[
        tuple[str, ...],
        Field(
            description="Annotator numbers of the adjudicators, the only annotators whose decisions "
            "count; empty: every annotator may decide."
        ),
    ] = ()
    bar: Annotated[
        float,
        Field(
            gt=0,
            lt=1,
            description="Smallest acceptable accuracy; goldloop flags an annotator when the whole 95 "
            "% interval lies below it.",
        ),
    ] = 0.70


class SuggestionSettings(Section):
    """Whether annotators see the suggestion of the model, and how goldloop measures its effect on them."""

    hidden_share: Annotated[
        float,
        Field(
            ge=0,
            le=0.5,
            description="Share of the review tasks that hide the suggestion; an equal share always "
            "shows the suggestion, and both get one more blind answer.",
        ),
    ] = 0.10
    max_gap: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="Largest tolerated adoption gap: how much more often annotators accept a "
            "wrong suggestion when they see it. Above it, suggestions are turned off.",
        ),
    ] = 0.10
