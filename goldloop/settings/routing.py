"""Settings of routing: where samples go, what that costs, and how people's time is spent."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from goldloop.settings.section import Section


class PolicySettings(Section):
    """Which samples go to people."""

    kind: Annotated[
        Literal["band", "target", "cost"],
        Field(
            description="band: people see a band of confidence; target: what audits show to be right often "
            "enough is accepted; cost: whatever [cost] expects to be cheapest."
        ),
    ] = "band"
    band: Annotated[
        tuple[float, float], Field(description="Calibrated confidence people review, both ends included.")
    ] = (0.40, 0.70)
    below: Annotated[
        Literal["hold", "review", "full"], Field(description="Lane of what lies below the band.")
    ] = "hold"
    below_share: Annotated[
        float, Field(ge=0, lt=1, description="Share of a round's budget, after the audit, for what is held.")
    ] = 0.10
    target: Annotated[
        float, Field(gt=0.5, lt=1, description="Accuracy of what the target policy accepts.")
    ] = 0.98
    delta: Annotated[
        float, Field(gt=0, lt=0.5, description="Chance of missing the target that is put up with.")
    ] = 0.05
    max_error: Annotated[
        float,
        Field(
            gt=0,
            lt=1,
            description="Share of errors among what band or cost accept, beyond which, by evidence of the "
            "audit, it returns to people.",
        ),
    ] = 0.05

    @field_validator("band")
    @classmethod
    def _is_interval(cls, band: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= band[0] < band[1] <= 1:
            raise ValueError(f"needs 0 <= low < high <= 1, got {list(band)}")
        return band


class CostSettings(Section):
    """What errors and people's time cost; the cost policy routes by it, and reports count with it."""

    currency: Annotated[str, Field(min_length=1, max_length=8, description="Printed with every amount.")] = (
        "EUR"
    )
    minute: Annotated[float, Field(ge=0, description="Price of a minute of an annotator's time.")] = 0.50
    error: Annotated[float, Field(ge=0, description="What a wrong label costs, unless errors says more.")] = (
        2.0
    )
    errors: Annotated[
        dict[str, dict[str, float]],
        Field(description="What taking one label (outer key) for another (inner key) costs."),
    ] = {}  # noqa: RUF012 - pydantic copies it for each instance
    quick_s: Annotated[
        float, Field(gt=0, description="Seconds of a quick review, until people's own times are known.")
    ] = 30.0
    full_s: Annotated[
        float, Field(gt=0, description="Seconds of a full review, all answers, until times are known.")
    ] = 90.0
    quick_accuracy: Annotated[
        float, Field(gt=0, le=1, description="Of a quick review, until people's own is known.")
    ] = 0.95
    full_accuracy: Annotated[
        float, Field(gt=0, le=1, description="Of a full review, until people's own is known.")
    ] = 0.99


class SelectionSettings(Section):
    """How the people's time of one round is spent."""

    budget_per_round: Annotated[int, Field(ge=1, description="Annotations asked of people per round.")] = 200
    overlap: Annotated[
        int,
        Field(
            ge=1,
            le=20,
            description="Different people asked at first; more where [consensus] answer_requests.",
        ),
    ] = 1
    audit_rate: Annotated[
        float, Field(ge=0, lt=1, description="Share of all arriving samples reserved for the blind audit.")
    ] = 0.10
    audit_share: Annotated[
        float, Field(gt=0, le=1, description="Largest share of a round's budget that the audit may take.")
    ] = 0.40
    audit_design: Annotated[
        Literal["uniform", "poisson"],
        Field(
            description="uniform: every arriving sample is audited with the same probability, best for the "
            "target policy; poisson: the unsurer the model, the likelier, best for estimates."
        ),
    ] = "uniform"
    seed: Annotated[int, Field(ge=0, description="Seed of every random draw.")] = 0

    @model_validator(mode="after")
    def _one_task_fits(self) -> Self:
        if self.overlap > self.budget_per_round:
            raise ValueError(
                f"overlap {self.overlap} contradicts budget_per_round {self.budget_per_round}: "
                "not even one task fits; raise the budget or lower the overlap"
            )
        return self
