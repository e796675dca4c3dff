"""Settings: every value a user may set, frozen, valid once constructed, without any secret."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from goldloop.core.errors import LabelError
from goldloop.core.labels import LabelSet
from goldloop.core.presets import AUTO, PresetChoice
from goldloop.core.questions import DEFERRAL, Questions
from goldloop.core.record_form import NO_FIELDS, RecordForm
from goldloop.settings.capacity import CapacitySettings
from goldloop.settings.content import ContentSettings
from goldloop.settings.costs import CostSettings, ErrorCost
from goldloop.settings.kinds import BANDS, FEATURE_PRESETS, PRESETS, RENAMED_PRESETS
from goldloop.settings.metrics import MetricsSettings
from goldloop.settings.moderation import ModerationSettings
from goldloop.settings.notifications import NotificationSettings
from goldloop.settings.records import REASONS, RecordSettings
from goldloop.settings.sections import (
    AnnotatorSettings,
    ConsensusSettings,
    GateSettings,
    HousekeepingSettings,
    ModelSettings,
    PolicySettings,
    ScheduleSettings,
    Section,
    SelectionSettings,
    ServiceSettings,
    SuggestionSettings,
)
from goldloop.settings.sheets import SheetSettings


def _with_reasons(section: Any, labels: Any) -> Any:
    """Return the section [records] with goldloop's reasons for labels that it knows, where it names none."""
    if not isinstance(section, dict) or "reasons" in section or not isinstance(labels, (list, tuple)):
        return section
    return section | {"reasons": {label: REASONS[label] for label in labels if label in REASONS}}


@cache
def _label_set(names: tuple[str, ...]) -> LabelSet:
    """Return the label set of `names`, checked once: `label_set` is read for every sample."""
    return LabelSet(names)


class Settings(Section):
    """All settings of a workspace, valid once constructed."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{1,39}$")]
    """Title of the Label Studio projects, and first part of the names of models and deployments."""
    kind: Literal["image", "text", "records"] = "image"
    """Kind of samples: image files; or rows of a CSV, JSONL or Parquet file: texts, or records of fields."""
    labels: tuple[str, ...]
    """Label set, in the column order of every probability."""

    policy: PolicySettings = PolicySettings()
    cost: CostSettings = CostSettings()
    selection: SelectionSettings = SelectionSettings()
    consensus: ConsensusSettings = ConsensusSettings()
    annotators: AnnotatorSettings = AnnotatorSettings()
    suggestions: SuggestionSettings = SuggestionSettings()
    model: ModelSettings = ModelSettings()
    gate: GateSettings = GateSettings()
    sheets: SheetSettings = SheetSettings()
    capacity: CapacitySettings = CapacitySettings()
    moderation: ModerationSettings | None = None
    records: RecordSettings | None = None
    schedule: ScheduleSettings = ScheduleSettings()
    housekeeping: HousekeepingSettings = HousekeepingSettings()
    notifications: NotificationSettings = NotificationSettings()
    metrics: MetricsSettings = MetricsSettings()
    services: ServiceSettings = ServiceSettings()
    content: ContentSettings = ContentSettings()

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_kind(cls, values: Any) -> Any:
        """Return `values` with the defaults of their kind where they name none."""
        if not isinstance(values, dict):
            return values
        kind = values.get("kind", "image")
        if not isinstance(kind, str) or kind not in PRESETS:
            return values
        defaults: dict[str, dict[str, Any]] = {
            "model": {"preset": PRESETS[kind][0]},
            "policy": {"band": BANDS[kind]},
            "gate": {"measure": "loss"} if kind == "records" else {},
        }
        given = {section: values.get(section, {}) for section in defaults}
        found = {name: defaults[name] | one for name, one in given.items() if isinstance(one, dict)}
        preset = found.get("model", {}).get("preset")
        if kind == "text" and isinstance(preset, str):
            found["model"] = found["model"] | {"preset": RENAMED_PRESETS.get(preset, preset)}
        if kind == "text":
            found["moderation"] = values.get("moderation") or {}
        if kind == "records":
            found["records"] = _with_reasons(values.get("records") or {}, values.get("labels"))
        return values | found

    @field_validator("labels")
    @classmethod
    def _usable_labels(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return LabelSet(labels).names
        except LabelError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _preset_fits_kind(self) -> Self:
        if self.model.preset not in PRESETS[self.kind]:
            raise ValueError(
                f"model.preset {self.model.preset!r} is none for kind {self.kind!r}; "
                f"choose one of {', '.join(PRESETS[self.kind])}"
            )
        return self

    @model_validator(mode="after")
    def _checks_fit_kind(self) -> Self:
        if self.kind != "text" and self.gate.max_check_fall < 1:
            raise ValueError(
                f"gate.max_check_fall is {self.gate.max_check_fall:g}, but samples of kind {self.kind!r} "
                "have no behaviour checks; set it to 1.0"
            )
        return self

    @model_validator(mode="after")
    def _named_labels(self) -> Self:
        named = {"policy.thresholds": tuple(self.policy.thresholds), "gate.guarded": self.gate.guarded}
        for key, labels in named.items():
            unknown = [label for label in labels if label not in self.labels]
            if unknown:
                raise ValueError(
                    f"{key} names {unknown[0]!r}, which is no label; choose of {list(self.labels)}"
                )
        return self

    @model_validator(mode="after")
    def _errors_between_labels(self) -> Self:
        for true, row in self.cost.errors.items():
            for taken_for, cost in row.items():
                is_pair = true != taken_for and {true, taken_for} <= set(self.labels)
                if not is_pair or (isinstance(cost, float) and not 0 <= cost < float("inf")):
                    raise ValueError(
                        f"cost.errors needs amounts of at least 0 between two labels of {list(self.labels)}, "
                        f"got {true!r} taken for {taken_for!r}: {cost}"
                    )
        return self

    @model_validator(mode="after")
    def _stake_of_factors(self) -> Self:
        costs = [cost for row in self.cost.errors.values() for cost in row.values()]
        has_factor = any(isinstance(cost, ErrorCost) and cost.factor for cost in costs)
        if has_factor and not (self.records and self.records.stake):
            raise ValueError(
                "cost.errors has a factor of the stake, and no field of records is the stake; name one as "
                "records.stake, or give amounts without a factor"
            )
        return self

    @model_validator(mode="after")
    def _moderation_of_labels(self) -> Self:
        if self.moderation is None:
            return self
        if self.kind != "text":
            raise ValueError(f"moderation is none of kind {self.kind!r}; remove the section [moderation]")
        acceptable, rules = self.moderation.acceptable, self.moderation.rules
        unwanted = [label for labels in self.moderation.opt_out.values() for label in labels]
        named = [label for label in (acceptable, *rules, *unwanted) if label]
        unknown = [label for label in named if label not in self.labels]
        if unknown:
            raise ValueError(
                f"moderation names {unknown[0]!r}, which is no label; choose one of {list(self.labels)}"
            )
        return self

    @model_validator(mode="after")
    def _records_of_kind(self) -> Self:
        if self.records is not None and self.kind != "records":
            raise ValueError(f"records is none of kind {self.kind!r}; remove the section [records]")
        unknown = (
            [label for label in self.records.reasons if label not in self.labels] if self.records else []
        )
        if unknown:
            raise ValueError(
                f"records.reasons names {unknown[0]!r}, which is no label; choose one of {list(self.labels)}"
            )
        if self.records is not None and DEFERRAL in self.labels:
            raise ValueError(
                f"the label {DEFERRAL!r} is what analysts pick to have a record reviewed in full; rename it"
            )
        return self

    @model_validator(mode="after")
    def _content_for_other_machines(self) -> Self:
        if self.content.base is None:
            return self
        if self.kind != "image":
            raise ValueError(
                f"content.base is for pictures; samples of kind {self.kind!r} are in their task: remove it"
            )
        if self.services.label_studio_url is None:
            raise ValueError(
                "content.base is for a Label Studio elsewhere; name it as services.label_studio_url, or "
                "remove content.base: the one that `goldloop up` starts reads the folder images itself"
            )
        return self

    @model_validator(mode="after")
    def _sheets_of_pictures(self) -> Self:
        fault = self.sheets.fault_beside(self.kind, self.content.base, self.consensus.method)
        if fault:
            raise ValueError(fault)
        return self

    @property
    def acceptable_label(self) -> str | None:
        """The label of samples that break no rule; None where moderators are not asked for rules."""
        if self.moderation is None:
            return None
        return self.moderation.acceptable or self.labels[0]

    @property
    def record_form(self) -> RecordForm:
        """The form of records; without fields for other kinds."""
        return replace(self.records.form, usual=self.labels[0]) if self.records else NO_FIELDS

    @property
    def analyst_questions(self) -> Questions:
        """What analysts of records are asked beside the label."""
        reasons = self.records.reasons if self.records else {}
        first, *others = self.labels
        return Questions(
            rules=reasons,
            prompts={first: "What settled it?"} | {label: f"What kind of {label}?" for label in others},
            may_defer=True,
            pace_s=self.cost.quick_s,
        )

    @property
    def feature_presets(self) -> tuple[str, ...]:
        """The presets of this kind of samples whose models take kept features."""
        return tuple(preset for preset in PRESETS[self.kind] if preset in FEATURE_PRESETS)

    @property
    def label_set(self) -> LabelSet:
        """The label set, in column order."""
        return _label_set(self.labels)

    def with_preset(self, read: Callable[[], PresetChoice | None]) -> Settings:
        """Return the settings with the choice that `read` returns where they leave the preset to goldloop.

        Before there is a choice no picture has arrived, and UNDECIDED stands for it.
        """
        if self.model.preset != AUTO:
            return self
        choice = read()
        preset = UNDECIDED if choice is None else choice.preset
        return self.model_copy(update={"model": self.model.model_copy(update={"preset": preset})})


UNDECIDED = "tiny"
"""Preset of a workspace without pictures whose settings leave the preset to goldloop; it decides nothing."""


def decisions_by_cost(labels: Sequence[str]) -> dict[str, dict[str, object]]:
    """Return the settings that decide by cost at each record's stake, for the user to correct.

    Taking a sample for the first label costs what is at stake and a fee, the contrary a contact with a
    customer.
    """
    first, *others = labels
    missed: dict[str, dict[str, object]] = {label: {first: {"plus": 15.0, "factor": 1.0}} for label in others}
    return {
        "policy": {"kind": "cost"},
        "selection": {"strategy": "saving"},
        "cost": {"errors": missed | {first: dict.fromkeys(others, 5.0)}},
    }


ALONE: dict[str, dict[str, object]] = {
    "consensus": {"method": "majority", "max_answers": 1, "audit_answers": 1, "repeat_share": 0.0},
    "annotators": {"honeypot_rate": 0.0, "onboarding_tasks": 0},
    "suggestions": {"hidden_share": 0.0},
}
"""Settings for a workspace with one annotator: their word is gold, and nobody is there to compare it with."""
