"""The log: what happened, as one JSON object a line for machines or one sentence a line for people.

An event has a name such as `flow.completed` and fields. Secrets are taken out of every line that is written,
whoever logged it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, TextIO

from goldloop.core.plain import plain

FORMAT_VARIABLE = "GOLDLOOP_LOG_FORMAT"
"""The environment variable by which the processes of `goldloop serve` know the format."""
FORMATS = ("text", "json")
HIDDEN = "[secret]"

_LOGGER = logging.getLogger("goldloop")
_LOGIN = re.compile(r"(?<=://)[^/\s@]+:[^/\s@]*(?=@)")
_SHORTEST_SECRET = 6  # shorter values would be found in innocent words
_FOREIGN = ("flow_name", "flow_run_name", "task_run_name")  # what Prefect knows of its own messages


def log(level: int, event: str, message: str = "", **fields: Any) -> None:
    """Log that `event` happened; `level` is one of `logging`."""
    _LOGGER.log(level, message or event, extra={"event": event, "fields": fields})


def set_up_log(secrets: Collection[str] = (), *, stream: TextIO | None = None) -> None:
    """Write the log of this process to `stream` (standard error) in the format that the environment names.

    JSON holds everything from INFO on, and warnings of other libraries; text holds warnings and errors of
    goldloop. `secrets` never appear.
    """
    is_json = os.environ.get(FORMAT_VARIABLE) == "json"
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter((JsonLines if is_json else Sentences)(secrets))
    handler.set_name("goldloop")
    for name in ("goldloop", "prefect", "py.warnings"):
        logger = logging.getLogger(name)
        for older in [one for one in logger.handlers if one.get_name() == "goldloop"]:
            logger.removeHandler(older)
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO if is_json else logging.WARNING)
    _LOGGER.propagate = False
    if is_json:
        logging.captureWarnings(True)
        for name in ("prefect", "py.warnings"):
            logging.getLogger(name).addHandler(_from_warnings_on(handler))


def _from_warnings_on(handler: logging.StreamHandler[TextIO]) -> logging.Handler:
    other = logging.StreamHandler(handler.stream)
    other.setFormatter(handler.formatter)
    other.setLevel(logging.WARNING)
    other.set_name("goldloop")
    return other


class Redaction:
    """Takes secrets out of texts."""

    def __init__(self, secrets: Collection[str]) -> None:
        long_enough = {secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}
        words = sorted(map(re.escape, long_enough), key=len, reverse=True)
        self._secrets = re.compile("|".join(words)) if words else None

    def __call__(self, value: Any) -> Any:
        """Return `value`, of plain types, with a mark in the place of every secret, at any depth."""
        if isinstance(value, str):
            text = _LOGIN.sub(HIDDEN, value)
            return self._secrets.sub(HIDDEN, text) if self._secrets else text
        if isinstance(value, dict):
            return {self(key): self(one) for key, one in value.items()}
        return [self(one) for one in value] if isinstance(value, list) else value


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, event, message, process and fields."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__()
        self._without_secrets = Redaction(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        fields = dict(getattr(record, "fields", {}))
        if not hasattr(record, "event"):
            fields["logger"] = record.name
            fields |= {name: getattr(record, name) for name in _FOREIGN if hasattr(record, name)}
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", "message"),
            "message": record.getMessage(),
            "process": record.process,
            "fields": json.loads(json.dumps(plain(fields), default=str)),
        }
        return json.dumps(self._without_secrets(line), ensure_ascii=False)


class Sentences(logging.Formatter):
    """One sentence a line, for people."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__()
        self._without_secrets = Redaction(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        sentence = " ".join(record.getMessage().split())
        return str(self._without_secrets(f"{record.levelname.lower()}: {sentence}"))
