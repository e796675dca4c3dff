"""The kinds of samples there are, each opened where a workspace keeps its content."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from secrets import token_bytes

from goldloop.core.modality import Modality
from goldloop.core.record_form import NO_FIELDS, RecordForm
from goldloop.modalities.image.forms import Form


def open_modality(
    kind: str,
    root: Path,
    preset: str,
    forms: Mapping[str, Form],
    featured: Callable[[str, Modality], Modality] = lambda _, samples: samples,
    *,
    author_key: Callable[[], bytes] = lambda: token_bytes(32),
    keep_apart: str = "author",
    record_form: RecordForm = NO_FIELDS,
) -> Modality:
    """Return the samples of `kind` in the workspace folder `root`, decoded in the form of `preset`.

    `forms` are those of pictures, by preset; `record_form` is that of records. `featured` turns samples into
    the features that models of a preset take, where it has a frozen backbone. `author_key` returns the secret
    under which names get pseudonyms; `keep_apart` is the column, author or thread_id, whose texts never train
    and judge at once, where a text has both.
    """
    if kind == "image":
        from goldloop.modalities.image.modality import ImageModality

        return ImageModality(root / "images", forms[preset], forms, featured)
    from goldloop.modalities.rows.pseudonyms import Pseudonyms

    if kind == "records":
        from goldloop.modalities.record.modality import RecordModality

        return RecordModality(root / "records.sqlite", record_form, Pseudonyms(author_key))
    from goldloop.modalities.text.modality import TextModality

    return TextModality(root / "texts.sqlite", Pseudonyms(author_key), featured, keep_apart=keep_apart)
