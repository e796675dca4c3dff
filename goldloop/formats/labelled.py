"""Labelled samples as files of other programs hold them, in whatever format: read, or to be written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from goldloop.core.errors import SourceError, UnreadableSampleError
from goldloop.core.splits import Split

TRAIN, VALIDATION, TEST, WITHHELD = "train", "validation", "test", "withheld"
"""Splits in files. The holdout is called test, as all libraries call it; none has a word for withheld."""

SPLIT_OF = {
    Split.TRAIN: TRAIN,
    Split.VALIDATION: VALIDATION,
    Split.HOLDOUT: TEST,
    Split.WITHHELD: WITHHELD,
}
"""What a split of gold is called in files."""

_SPLITS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("validation", "valid", "val", "dev"), VALIDATION),
    **dict.fromkeys(("test", "testing", "eval", "evaluation", "holdout"), TEST),
    "withheld": WITHHELD,
}


@dataclass(frozen=True, slots=True)
class LabelledSample:
    """A sample and one label of it.

    `place` says where it stands in its file, for messages. A picture is a `file`, a path or an fsspec URI, or
    the bytes `content`; a text or record has `fields`, its columns by name. `sample_id` is the SHA-256 of a
    sample that goldloop has written. `split` is one of those at the top, None where the file has none.
    `facts` is what goldloop knows of a gold sample beside its label.
    """

    place: str
    label: str
    sample_id: str | None = None
    file: str | None = None
    content: bytes | None = field(default=None, repr=False)
    fields: Mapping[str, Any] = field(default_factory=dict)
    split: str | None = None
    annotator: str | None = None
    labelled_at: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that holds no label which could be taken: where it stands, and what is wrong with it."""

    place: str
    problem: str


Row = LabelledSample | RefusedRow


def split_of(word: Any) -> str | None:
    """Return the split that `word`, such as "val", names; None where it names none."""
    return _SPLITS.get(str(word).strip().lower()) if word else None


def moment_of(value: Any) -> datetime | None:
    """Return the moment that an ISO 8601 text or a number of seconds since 1970 names; None for all else."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except (ValueError, OverflowError, OSError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def text_of(value: Any) -> str | None:
    """Return a name that is a text or a number; None where there is none."""
    is_named = isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).strip()
    return str(value).strip() if is_named else None


def resolved(name: str, folder: Path) -> str:
    """Return the path or URI of a picture that a file in `folder` calls `name`."""
    if "://" in name and not name.startswith("file://"):
        return name
    _, mark, inside = name.partition("/data/local-files/?d=")  # Label Studio's address of a local file
    path = Path((inside if mark else name).removeprefix("file://"))
    found = path if path.is_absolute() and is_there(path) else folder / str(path).lstrip("/")
    return str(found if is_there(found) or not path.is_absolute() else path)


def is_there(path: Path) -> bool:
    """Return whether there is a file or folder at `path`, which may be no name that a disk could hold."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def file_in(source: Path, names: tuple[str, ...]) -> Path:
    """Return `source`, or the one of `names` that the folder `source` holds.

    Raises:
        SourceError: there is none.
    """
    if not source.is_dir():
        return source
    found = next((source / name for name in names if (source / name).is_file()), None)
    if found is None:
        raise SourceError(f"{source} holds none of {', '.join(names)}; name the file itself")
    return found


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        SourceError: it cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read: {error.strerror or error}; name a file that is there"
        ) from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is no JSON: {error}; export it again as JSON") from error


def json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]] | RefusedRow]:
    """Yield the object in each line of a file with where it stands, or why there is none.

    Raises:
        SourceError: the file cannot be read, or is no UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                place = f"{path.name}, line {number}"
                if not line.strip():
                    continue
                try:
                    found = json.loads(line)
                except (ValueError, RecursionError) as error:
                    yield RefusedRow(place, f"it is no JSON: {error}; correct or remove the line")
                    continue
                if isinstance(found, dict):
                    yield place, found
                else:
                    yield RefusedRow(place, f"it is a JSON {type(found).__name__}; write an object a line")
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read: {error.strerror or error}; name a file that is there"
        ) from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not UTF-8 ({error.reason}); save it as UTF-8") from error


def in_source(path: Path, error: UnreadableSampleError) -> SourceError:
    """Return the error that a whole file cannot be read."""
    return SourceError(f"{path}: {error.detail}")
