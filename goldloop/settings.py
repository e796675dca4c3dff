"""Settings: everything a workspace is told, frozen, valid once constructed, with no secret in it."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from goldloop.errors import LabelError
from goldloop.labels import LabelSet

PRESETS = ("tiny", "resnet18", "convnext_tiny")
_CRON_FIELD = re.compile(r"^[\d*/,\-A-Za-z#L?]+$")


class Section(BaseModel):
    """A part of the settings, frozen; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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
        Literal["hold", "review", "deep"], Field(description="Lane of what lies below the band.")
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


class SelectionSettings(Section):
    """How the people's time of one round is spent."""

    budget_per_round: Annotated[int, Field(ge=1, description="Annotations asked of people per round.")] = 200
    overlap: Annotated[
        int, Field(ge=1, le=20, description="Different people asked at first; more where [consensus] asks.")
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
            description="uniform: every arriving sample is audited with the same probability; poisson: the "
            "unsurer the model, the likelier, which saves labels once there is a model."
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
    ] = {}
    quick_s: Annotated[
        float, Field(gt=0, description="Seconds of a quick look, until people's own times are known.")
    ] = 30.0
    deep_s: Annotated[
        float, Field(gt=0, description="Seconds of a deep review, all answers, until times are known.")
    ] = 90.0
    quick_accuracy: Annotated[
        float, Field(gt=0, le=1, description="Of a quick look, until people's own is known.")
    ] = 0.95
    deep_accuracy: Annotated[
        float, Field(gt=0, le=1, description="Of a deep review, until people's own is known.")
    ] = 0.99


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


class PeopleSettings(Section):
    """How the people who answer are measured; all of it is pseudonymous."""

    control_rate: Annotated[
        float, Field(ge=0, le=0.5, description="Share of the answers that are given to known-answer tasks.")
    ] = 0.05
    onboarding_tasks: Annotated[
        int, Field(ge=0, le=200, description="Known-answer tasks that somebody new begins with; 0: none.")
    ] = 20
    seniors: Annotated[
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


class ModelSettings(Section):
    """Which classifier is trained."""

    preset: Annotated[
        Literal["tiny", "resnet18", "convnext_tiny"],
        Field(description="tiny (up to 64 px), resnet18 or convnext_tiny (224 px)."),
    ] = "tiny"
    weights: Annotated[
        Literal["auto", "pretrained", "scratch"],
        Field(description="auto: pretrained when they can be had, else from scratch, saying so."),
    ] = "auto"
    seed: Annotated[int, Field(ge=0, description="Seed of training.")] = 0
    epochs: Annotated[int | None, Field(ge=1, description="Training epochs; unset: the preset's own.")] = None


class GateSettings(Section):
    """When a challenger becomes champion."""

    rule: Annotated[
        Literal["non_inferiority", "superiority"],
        Field(
            description="non_inferiority: no worse than by the margin, by evidence; superiority: better, by "
            "evidence."
        ),
    ] = "non_inferiority"

    margin: Annotated[
        float,
        Field(
            ge=0,
            le=0.5,
            description="Largest loss of accuracy the interval of the paired difference may still admit.",
        ),
    ] = 0.03
    min_holdout: Annotated[int, Field(ge=1, description="Fewest holdout samples a decision may rest on.")] = (
        30
    )
    max_class_fall: Annotated[
        float,
        Field(gt=0, le=1, description="Largest fall of one label's recall that is put up with, by evidence."),
    ] = 0.10
    max_ece: Annotated[
        float,
        Field(gt=0, le=1, description="Largest calibration error that is put up with, by evidence."),
    ] = 0.10


class ScheduleSettings(Section):
    """When the weekly round runs."""

    cron: Annotated[str, Field(description="Five cron fields; default Monday 06:00.")] = "0 6 * * 1"
    timezone: Annotated[str, Field(description="IANA time zone of the cron.")] = "UTC"

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, cron: str) -> str:
        fields = cron.split()
        if len(fields) != 5 or not all(_CRON_FIELD.match(one) for one in fields):
            raise ValueError(f"needs five cron fields such as '0 6 * * 1', got {cron!r}")
        return cron

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"needs an IANA time zone such as 'Europe/Berlin', got {timezone!r}") from None
        return timezone


class ServiceSettings(Section):
    """Servers that already run elsewhere; an address left out means `goldloop up` starts that server here."""

    label_studio_url: Annotated[
        str | None, Field(description="Label Studio, for example https://labels.example.com.")
    ] = None
    prefect_url: Annotated[str | None, Field(description="Prefect server, without /api.")] = None
    mlflow_url: Annotated[str | None, Field(description="MLflow tracking server.")] = None

    @field_validator("label_studio_url", "prefect_url", "mlflow_url")
    @classmethod
    def _is_http(cls, url: str | None) -> str | None:
        if url is not None and not re.match(r"^https?://[^/\s]+", url):
            raise ValueError(f"needs an address such as 'http://127.0.0.1:8080', got {url!r}")
        return url.rstrip("/") if url else url


class Settings(Section):
    """Everything a workspace is told, valid once constructed."""

    name: Annotated[
        str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{1,39}$", description="Names the project and the model.")
    ]
    labels: Annotated[tuple[str, ...], Field(description="The label set, in column order.")]
    policy: PolicySettings = PolicySettings()
    cost: CostSettings = CostSettings()
    selection: SelectionSettings = SelectionSettings()
    consensus: ConsensusSettings = ConsensusSettings()
    people: PeopleSettings = PeopleSettings()
    suggestions: SuggestionSettings = SuggestionSettings()
    model: ModelSettings = ModelSettings()
    gate: GateSettings = GateSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    services: ServiceSettings = ServiceSettings()

    @field_validator("labels")
    @classmethod
    def _usable_labels(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        try:
            LabelSet(labels)
        except LabelError as error:
            raise ValueError(str(error)) from error
        return labels

    @model_validator(mode="after")
    def _errors_between_labels(self) -> Self:
        for true, row in self.cost.errors.items():
            for taken_for, cost in row.items():
                if true not in self.labels or taken_for not in self.labels or not 0 <= cost < float("inf"):
                    raise ValueError(
                        f"cost.errors needs amounts of at least 0 between labels {list(self.labels)}, got "
                        f"{true!r} taken for {taken_for!r}: {cost}"
                    )
        return self

    @property
    def label_set(self) -> LabelSet:
        """The label set, in column order."""
        return LabelSet(self.labels)


ALONE: dict[str, dict[str, object]] = {
    "consensus": {"method": "majority", "max_answers": 1, "audit_answers": 1, "repeat_share": 0.0},
    "people": {"control_rate": 0.0, "onboarding_tasks": 0},
    "suggestions": {"hidden_share": 0.0},
}
"""Settings for a workspace with one annotator: their word is gold, and nobody is there to compare it with."""
