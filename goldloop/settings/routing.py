"""Settings of routing: the policy, the prices, and the budget of a round."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from goldloop.settings.section import Section


class PolicySettings(Section):
    """Which samples go to annotators."""

    kind: Annotated[
        Literal["band", "target", "cost"],
        Field(
            description="Rule that routes samples. band: annotators review an interval of confidence; "
            "target: accept what audits certify as accurate enough; cost: choose the "
            "smallest expected cost under [cost]."
        ),
    ] = "band"
    band: Annotated[
        tuple[float, float],
        Field(description="Interval of calibrated confidence that annotators review, both ends included."),
    ] = (0.40, 0.70)
    below: Annotated[
        Literal["hold", "review", "full"], Field(description="Lane of samples below the band.")
    ] = "hold"
    below_share: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="Share of the round's budget, after the audit, for a random draw of held samples.",
        ),
    ] = 0.10
    target: Annotated[
        float, Field(gt=0.5, lt=1, description="Accuracy of the accepted samples under the target policy.")
    ] = 0.98
    delta: Annotated[
        float,
        Field(gt=0, lt=0.5, description="Largest probability that a certified threshold misses the target."),
    ] = 0.05
    max_error: Annotated[
        float,
        Field(
            gt=0,
            lt=1,
            description="Largest tolerated share of errors among samples that band or cost accept. "
            "When audits show more by evidence, the accepted samples return to "
            "annotators.",
        ),
    ] = 0.05

    @field_validator("band")
    @classmethod
    def _is_interval(cls, band: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= band[0] < band[1] <= 1:
            raise ValueError(f"needs 0 <= low < high <= 1, got {list(band)}")
        return band


class CostSettings(Section):
    """Prices of errors and of annotators' time; the cost policy and the reports use them."""

    currency: Annotated[
        str, Field(min_length=1, max_length=8, description="Currency printed with every amount.")
    ] = "EUR"
    minute: Annotated[float, Field(ge=0, description="Price of one minute of an annotator's time.")] = 0.50
    error: Annotated[
        float,
        Field(
            ge=0,
            description="Cost of a wrong label, unless errors gives another cost for the pair of labels.",
        ),
    ] = 2.0
    errors: Annotated[
        dict[str, dict[str, float]],
        Field(
            description="Cost of each confusion: the outer key is the true label, the inner key the "
            "label given instead."
        ),
    ] = {}  # noqa: RUF012 - pydantic copies it for each instance
    quick_s: Annotated[
        float, Field(gt=0, description="Seconds of a quick review, used until goldloop has measured it.")
    ] = 30.0
    full_s: Annotated[
        float,
        Field(
            gt=0,
            description="Seconds of a full review, all answers together, used until goldloop has "
            "measured it.",
        ),
    ] = 90.0
    quick_accuracy: Annotated[
        float,
        Field(gt=0, le=1, description="Accuracy of a quick review, used until goldloop has measured it."),
    ] = 0.95
    full_accuracy: Annotated[
        float,
        Field(gt=0, le=1, description="Accuracy of a full review, used until goldloop has measured it."),
    ] = 0.99


class SelectionSettings(Section):
    """How goldloop spends the answers of one round."""

    budget_per_round: Annotated[
        int, Field(ge=1, description="Number of answers that goldloop asks for in a round.")
    ] = 200
    overlap: Annotated[
        int,
        Field(
            ge=1,
            le=20,
            description="Number of different annotators who answer each task at first; [consensus] "
            "asks for more where needed.",
        ),
    ] = 1
    audit_rate: Annotated[
        float, Field(ge=0, lt=1, description="Share of all arriving samples reserved for the blind audit.")
    ] = 0.10
    audit_share: Annotated[
        float, Field(gt=0, le=1, description="Largest share of the round's budget for the audit.")
    ] = 0.40
    audit_design: Annotated[
        Literal["uniform", "poisson"],
        Field(
            description="How the audit is drawn. uniform: every arriving sample with the same "
            "probability, best for the target policy; poisson: more often where the model "
            "is less sure, best for estimates."
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
