"""The section [records] of goldloop.toml: the fields of records, and which say stake, entity and time."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from goldloop.core.labels import normalised
from goldloop.core.record_form import FieldForm, FieldKind, RecordForm
from goldloop.settings.sections import Section

Words = Annotated[str, Field(min_length=1, max_length=200)]

REASONS: dict[str, tuple[str, ...]] = {
    "genuine": (
        "fits the customer's history",
        "travelling",
        "customer confirmed",
        "model misled by one field",
    ),
    "fraud": (
        "stolen number",
        "account taken over",
        "cloned card",
        "merchant compromised",
        "customer's own (first party)",
    ),
}
"""What settled it, or of which kind it is, for labels of these names where the settings name no reasons."""

Column = Annotated[str, Field(min_length=1, max_length=100)]


class RecordField(Section):
    """A field of a record."""

    kind: FieldKind
    """number; category: one of some words; flag: true or false; time: ISO 8601; name: tells one thing from
    another, such as a merchant, and is shown, never learnt from."""
    words: str = ""
    """What stands on the screen in place of the column's name."""
    unit: str = ""
    """Unit of a number, such as EUR."""


class RecordSettings(Section):
    """The fields of records."""

    fields: dict[Column, RecordField] = Field(default_factory=dict)
    """Columns beside `id`, each with its kind, for example amount = "number" or amount = {kind = "number",
    words = "Amount", unit = "EUR"}."""
    ignore: tuple[Column, ...] = ()
    """Columns that are passed over, such as what was known only later; any other column is refused."""
    stake: Column | None = None
    """Number that is at stake in a record, such as its amount; every record must have it."""
    entity: Column | None = None
    """Name of whom the record is about, such as the customer: goldloop keeps a pseudonym, and the records of
    one entity never train a model and judge one."""
    time: Column | None = None
    """Time of the record."""
    reasons: dict[str, tuple[Words, ...]] = Field(default_factory=dict)
    """What analysts are asked beside a label, by label: what settled it for the first label, of which kind it
    is for the others; unset: goldloop's own for the labels genuine and fraud."""
    let_through: Annotated[float, Field(ge=0, le=0.1)] = 0.0
    """Share of the records that the policy would stop or review which pass at random, to measure what they
    are; the dearer the more seldom. 0 is off, 0.01 to 0.02 are enough."""
    presume_genuine: bool = True
    """Whether records that were let through and have no chargeback teach a model the first of two labels, by
    their age; turn it off where `goldloop outcomes` gets the chargebacks of only a part of the records."""

    @field_validator("fields", mode="before")
    @classmethod
    def _kinds_alone(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        return {name: {"kind": one} if isinstance(one, str) else one for name, one in fields.items()}

    @field_validator("reasons")
    @classmethod
    def _normalised_labels(cls, reasons: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {normalised(label): texts for label, texts in reasons.items()}

    @model_validator(mode="after")
    def _no_doubles(self) -> Self:
        for label, texts in self.reasons.items():
            double = next((text for text in texts if texts.count(text) > 1), None)
            if double is not None:
                raise ValueError(f"{double!r} is twice in records.reasons of {label!r}; remove one")
        return self

    @model_validator(mode="after")
    def _roles_are_fields(self) -> Self:
        if "id" in self.fields:
            raise ValueError("records.fields names `id`, which every record has; remove it")
        doubled = next((name for name in self.ignore if name in self.fields), None)
        if doubled is not None:
            raise ValueError(f"records.ignore and records.fields both name {doubled!r}; remove one")
        roles = {"stake": FieldKind.NUMBER, "entity": FieldKind.NAME, "time": FieldKind.TIME}
        for role, kind in roles.items():
            name = getattr(self, role)
            field = self.fields.get(name) if name else None
            if name and (field is None or field.kind is not kind):
                held = f"of kind {field.kind}" if field else "no field"
                raise ValueError(
                    f"records.{role} names {name!r}, which is {held}; name a field of kind {kind}"
                )
        return self

    @property
    def form(self) -> RecordForm:
        """The form of the records."""
        fields = {
            name: FieldForm(one.kind, one.words or name.replace("_", " "), one.unit)
            for name, one in self.fields.items()
        }
        return RecordForm(fields, self.ignore, self.stake, self.entity, self.time)
