"""The content store: the bytes of samples people were shown, by SHA-256, and copies for browsers."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

from PIL import Image

from goldloop.core.disk import Write, write_whole
from goldloop.core.errors import UnreadableSampleError
from goldloop.core.samples import Decoded, SampleId, sample_id_of
from goldloop.modalities.content import read_content
from goldloop.modalities.image.decode import EXTENSIONS, Reason, decode_picture, plain_format
from goldloop.modalities.image.reader import ImageReader

DISPLAY_SIDE = 2048
"""Longest side of a picture sent to an annotator's browser, in pixels; larger ones get a reduced copy."""


class ImageStore:
    """Originals as `ab/<sha256>.<real format>`, display copies as `display/ab/<sha256>.png|jpg`.

    Satisfies `goldloop.core.ports.ContentStore`.
    """

    def __init__(self, root: Path, reader: ImageReader) -> None:
        self.root = root
        self.reader = reader

    def keep(self, sample_id: SampleId, uri: str, write: Write = write_whole) -> str:
        """Copy the sample at `uri` into the store; return the relative path of what a browser shows.

        A sample that is kept already is returned without looking at `uri`. A browser gets plain JPEG and PNG
        files as they are, of others a copy: transparency on white and animations as their first frame,
        because that is what the model sees.

        Raises:
            UnreadableSampleError: the file is gone, or its bytes are no longer those of `sample_id`.
        """
        content = self._kept(sample_id)
        is_new = content is None
        if content is None:
            content = read_content(uri)
            if sample_id_of(content) != sample_id:
                raise UnreadableSampleError(
                    Reason.UNREADABLE,
                    f"{uri} has changed since it was scored as {sample_id[:12]}...; score the batch again",
                )
        if not is_new and (copy := self._display_copy(sample_id)) is not None:
            return copy
        plain = plain_format(content, longest_side=DISPLAY_SIDE)
        picture = None if plain else decode_picture(content)
        original = f"{sample_id[:2]}/{sample_id}.{EXTENSIONS[picture.format if picture else str(plain)]}"
        if is_new:
            write(self.root / original, content)
        if picture is None:
            return original
        suffix, shown = reduced(picture.rgb, DISPLAY_SIDE, quality=90)
        path = f"display/{sample_id[:2]}/{sample_id}.{suffix}"
        write(self.root / path, shown)
        return path

    def load(self, sample_id: SampleId) -> Decoded:
        """Return a kept sample, decoded exactly as on arrival; an altered file is an error."""
        content = self._kept(sample_id)
        if content is None:
            raise UnreadableSampleError(
                Reason.UNREADABLE,
                f"no intact file of sample {sample_id} in {self.root}",
            )
        return self.reader.decode(content)

    def file(self, sample_id: SampleId) -> Path | None:
        """Return where the original of a kept sample lies, or None when it is not in the store."""
        stem = f"{self.root}/{sample_id[:2]}/{sample_id}"
        paths = (f"{stem}.{extension}" for extension in EXTENSIONS.values())
        return next((Path(path) for path in paths if _is_regular(path)), None)

    def _display_copy(self, sample_id: SampleId) -> str | None:
        paths = (f"display/{sample_id[:2]}/{sample_id}.{suffix}" for suffix in ("png", "jpg"))
        return next((path for path in paths if _is_regular(f"{self.root}/{path}")), None)

    def _kept(self, sample_id: SampleId) -> bytes | None:
        """Return the stored bytes if they are there and still those of `sample_id`."""
        path = self.file(sample_id)
        content = path.read_bytes() if path else b""
        return content if sample_id_of(content) == sample_id else None


def _is_regular(path: str) -> bool:
    """Return whether a file, not a link to one, lies at `path`; a push asks this eleven times for a picture.

    `os.access` answers in half the time of an lstat that fails.
    """
    try:
        return os.access(path, os.F_OK) and stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def reduced(rgb: Image.Image, longest_side: int, *, quality: int) -> tuple[str, bytes]:
    """Return the extension and bytes of a PNG, or of a JPEG made smaller where a side exceeds `longest_side`.

    It makes `rgb` itself smaller.
    """
    form, suffix = ("JPEG", "jpg") if max(rgb.size) > longest_side else ("PNG", "png")
    rgb.thumbnail((longest_side, longest_side))
    buffer = io.BytesIO()
    rgb.save(buffer, form, quality=quality)
    return suffix, buffer.getvalue()
