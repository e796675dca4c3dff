"""Posts: what the columns of a row say of one text, checked, and what annotators see beside it."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Any

from goldloop.core.errors import UnreadableSampleError
from goldloop.modalities.rows.pseudonyms import Pseudonyms
from goldloop.modalities.rows.row import MAX_ID_CHARS, Reason, canonical, is_unicode

MAX_CHARS = 100_000
"""Limit of a text, and of all texts of its thread together."""
MAX_THREAD = 100  # texts before a text

COLUMNS = ("id", "text")
"""Columns every file must have; further ones are kept as metadata."""

AUTHOR, THREAD, THREAD_ID, AT = "author", "thread", "thread_id", "at"
_SHOWN_CHARS = 100  # of the value of a further column


@dataclass(frozen=True, slots=True)
class Said:
    """A text of a thread, and who wrote it: a letter for each person, or AUTHOR for that of the post."""

    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Post:
    """A text and its `thread`, the texts before it; `metadata` are the other columns, names hashed."""

    text: str
    thread: tuple[Said, ...]
    metadata: Mapping[str, str | int | float]

    def entity(self, keep_apart: str) -> str | None:
        """Return what the samples of its author, or of its thread, share; None where it tells neither.

        `keep_apart` is the column that counts where the text has both, AUTHOR or THREAD_ID.
        """
        found = {
            name: f"{name}:{self.metadata[name]}" for name in (AUTHOR, THREAD_ID) if name in self.metadata
        }
        return found.get(keep_apart) or next(iter(found.values()), None)

    @property
    def context(self) -> Context:
        """What annotators see beside the text."""
        hidden = {*COLUMNS, AUTHOR, THREAD_ID}
        about = {name: str(value) for name, value in self.metadata.items() if name not in hidden}
        return Context(about, self.thread)


@dataclass(frozen=True, slots=True)
class Context:
    """What stands beside a text: further columns `about` it by name, and its thread."""

    about: Mapping[str, str] = field(default_factory=dict)
    thread: tuple[Said, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.about or self.thread)

    @property
    def kept(self) -> str:
        """As the store keeps it, "" for nothing."""
        return json.dumps(asdict(self)) if self else ""

    @property
    def html(self) -> str:
        """A line about the text, and a quotation for each text of the thread; "" for nothing."""
        about = " · ".join(f"{name} {_short(value)}" for name, value in self.about.items())
        line = f"<p>{escape(about)}</p>" if about else ""
        return line + "".join(
            f"<blockquote><b>{escape(one.who)}</b> {_lines(one.text)}</blockquote>" for one in self.thread
        )


def post_of(fields: Mapping[str, Any], pseudonym: Pseudonyms) -> Post:
    """Return what a row says.

    Raises:
        UnreadableSampleError: with the quarantine reason of the first column that is not as it should be.
    """
    text = text_of(fields)
    author, thread_id = (_name(fields.get(column), column) for column in (AUTHOR, THREAD_ID))
    known = {
        AUTHOR: pseudonym(author, AUTHOR) if author else None,
        THREAD_ID: pseudonym(thread_id, THREAD_ID) if thread_id else None,
        AT: _moment(fields.get(AT)),
    }
    plain = {key: _plain(value) for key, value in fields.items() if key not in ("text", THREAD)}
    metadata = {key: value for key, value in (plain | known).items() if value is not None}
    return Post(text, _thread(fields.get(THREAD), author), metadata)


def text_of(fields: Mapping[str, Any]) -> str:
    """Return the text of a row, in Unicode's normal form C.

    Raises:
        UnreadableSampleError: with the quarantine reason of its id or its text.
    """
    row_id, text = (fields.get(column) for column in COLUMNS)
    if row_id is None or row_id == "":
        raise UnreadableSampleError(Reason.MISSING_ID, "the row has no id; give it one")
    if isinstance(row_id, bool) or not isinstance(row_id, (str, int)):
        raise UnreadableSampleError(Reason.WRONG_TYPE, f"the id is {_shown(row_id)}, not a string or integer")
    if text is None or (isinstance(text, str) and not text.strip()):
        raise UnreadableSampleError(Reason.MISSING_FIELD, "the row has no text")
    if not isinstance(text, str):
        raise UnreadableSampleError(Reason.WRONG_TYPE, f"the text is {_shown(text)}, not a string")
    if not is_unicode(canonical(fields)):
        raise UnreadableSampleError(
            Reason.NOT_UTF8, "the row holds bytes or escapes that are no UTF-8; save the file as UTF-8"
        )
    _refuse_long("id", len(str(row_id)), MAX_ID_CHARS)
    _refuse_long("text", len(text), MAX_CHARS)
    return unicodedata.normalize("NFC", text)


def _thread(value: Any, author: str | None) -> tuple[Said, ...]:
    """Return the thread: JSON, a list of texts, or of objects with `text` and perhaps `author`."""
    if value is None or value == "":
        return ()
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError) as error:
        detail = f"the thread is no JSON: {error}; write a list of texts, or of objects with text and author"
        raise UnreadableSampleError(Reason.WRONG_TYPE, detail) from error
    pairs = [_said(one) for one in found] if isinstance(found, list) else [(None, None)]
    texts = [text for _, text in pairs if text is not None]
    if len(texts) < len(pairs):
        detail = f"the thread is {_shown(found)}; write a list of texts, or of objects with text and author"
        raise UnreadableSampleError(Reason.WRONG_TYPE, detail)
    names = [name for name, _ in pairs]
    if not is_unicode("".join((*texts, *filter(None, names)))):
        raise UnreadableSampleError(
            Reason.NOT_UTF8, "the thread holds escapes that are no Unicode characters"
        )
    if len(texts) > MAX_THREAD:
        detail = f"the thread has {len(texts)} texts, the limit is {MAX_THREAD}; keep those before the post"
        raise UnreadableSampleError(Reason.TOO_LONG, detail)
    _refuse_long("thread", sum(map(len, texts)), MAX_CHARS)
    return tuple(Said(who, text) for who, text in zip(_letters(names, author), texts, strict=True))


def _said(one: Any) -> tuple[str | None, str | None]:
    """Return author and text of a text in a thread; None for a text that is none."""
    if isinstance(one, Mapping):
        text = one.get("text")
        return _name(one.get(AUTHOR), "author of the thread"), text if isinstance(text, str) else None
    return None, one if isinstance(one, str) else None


def _letters(names: Sequence[str | None], author: str | None) -> list[str]:
    """Return what stands for each name: A, B, ... in order, AUTHOR for that of the post, "" for none."""
    letters = {author: AUTHOR} if author else {}
    for name in names:
        if name and name not in letters:
            number = len(letters) - bool(author)
            letters[name] = chr(ord("A") + number) if number < 26 else f"A{number}"
    return [letters[name] if name else "" for name in names]


def _name(value: Any, column: str) -> str | None:
    """Return the name in a column, None where there is none."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise UnreadableSampleError(
            Reason.WRONG_TYPE, f"the {column} is {_shown(value)}, not a string or integer"
        )
    return str(value)


def _moment(value: Any) -> str | None:
    """Return the time of a post as ISO 8601 in UTC; without an offset it is taken for UTC."""
    if value is None or value == "":
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        detail = f"the time `at` is {_shown(value)}; write ISO 8601, such as 2026-03-01T09:30:00Z"
        raise UnreadableSampleError(Reason.WRONG_TYPE, detail) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _refuse_long(name: str, n_chars: int, limit: int) -> None:
    if n_chars > limit:
        detail = f"the {name} has {n_chars:,} characters, the limit is {limit:,}"
        raise UnreadableSampleError(Reason.TOO_LONG, detail)


def _plain(value: Any) -> str | int | float | None:
    if value is None or isinstance(value, (str, int, float)):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _short(value: str | int | float) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…"


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _shown(value: Any) -> str:
    return f"{value!r:.40} ({type(value).__name__})"
