"""goldloop.toml: reads settings, and writes every key with its description."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from goldloop.core.errors import SettingsError
from goldloop.settings import Settings
from goldloop.settings.sections import Section

FILE_NAME = "goldloop.toml"


def checked_settings(values: dict[str, object], origin: str) -> Settings:
    """Return `values` as settings.

    Raises:
        SettingsError: names `origin` and every key that is unknown, missing, contradictory or out of range.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = []
        for fault in error.errors():
            key = ".".join(str(part) for part in fault["loc"] if part != "function-after") or "settings"
            if fault["type"] == "extra_forbidden":
                problems.append(f"unknown key {key!r}; remove it or check its spelling")
            elif fault["type"] == "missing":
                problems.append(f"key {key!r} is missing; add it")
            else:
                problems.append(
                    f"key {key!r}: {fault['msg'].removeprefix('Value error, ')} (seen: {fault['input']!r})"
                )
        raise SettingsError(f"{origin}: " + "; ".join(problems)) from error


def load_settings(path: Path) -> Settings:
    """Return the settings in the TOML file at `path`.

    Raises:
        SettingsError: the file is missing, is no TOML, or holds a bad key.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"{path} does not exist; make a workspace with 'goldloop init DIR --labels a,b'"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}; correct that line") from error
    return checked_settings(values, str(path))


def _toml(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, Section):
        value = value.model_dump(mode="json", exclude_defaults=True)
        value = value["kind"] if list(value) == ["kind"] else value  # a field of a record, in short
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {_toml(one)}" for key, one in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def settings_toml(settings: Settings) -> str:
    """Return `settings` as a commented TOML text that `load_settings` reads back equal."""
    lines = ["# goldloop workspace; unknown keys are refused. Secrets do not belong here.", ""]
    sections: list[str] = []
    for key, info in Settings.model_fields.items():
        value = getattr(settings, key)
        if value is None:
            continue  # a section that this kind of samples does not have
        if not isinstance(value, Section):
            lines.append(f"{key} = {_toml(value)}{_note(info)}")
            continue
        sections += ["", f"# {type(value).__doc__}", f"[{key}]"]
        tables: list[str] = []
        for inner, inner_info in type(value).model_fields.items():
            entry = getattr(value, inner)
            if _is_table(entry):
                tables += ["", f"#{_note(inner_info)[3:]}", f"[{key}.{inner}]"]
                tables += [f"{_key(name)} = {_toml(one)}" for name, one in entry.items()]
                continue
            setting = f"# {inner} =" if entry is None else f"{inner} = {_toml(entry)}"
            sections.append(setting + _note(inner_info))
        sections += tables
    return "\n".join(lines + sections) + "\n"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def _is_table(entry: object) -> bool:
    """Return whether an entry is a table of sections, such as the fields of records."""
    return isinstance(entry, dict) and any(isinstance(one, Section) for one in entry.values())


def _note(info: FieldInfo) -> str:
    return "  # " + " ".join((info.description or "").split())
