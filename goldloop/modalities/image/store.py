"""The content store: the bytes of samples people were shown, by SHA-256, and copies for browsers."""

from __future__ import annotations

import io
import os
import secrets
import stat
from pathlib import Path

from PIL import Image

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.samples import Decoded, SampleId, sample_id_of
from goldloop.modalities.content import read_content
from goldloop.modalities.image.decode import Picture, Reason, decode_picture, plain_format
from goldloop.modalities.image.pixels import is_turned
from goldloop.modalities.image.reader import ImageReader

EXTENSIONS = {
    "JPEG": "jpg",
    "PNG": "png",
    "GIF": "gif",
    "WEBP": "webp",
    "BMP": "bmp",
    "TIFF": "tif",
    "AVIF": "avif",
    "JPEG2000": "jp2",
    "PPM": "ppm",
}
_SHOWN_BY_BROWSERS = {"JPEG", "PNG", "GIF", "WEBP", "BMP", "AVIF"}
_SHOWN_MODES = {"1", "L", "P", "RGB", "LA", "PA", "RGBA"}
DISPLAY_SIDE = 2048
"""Longest side of a picture sent to an annotator's browser, in pixels; larger ones get a reduced copy."""


class ImageStore:
    """Originals as `ab/<sha256>.<real format>`, display copies as `display/ab/<sha256>.png|jpg`.

    Implements `goldloop.core.ports.ContentStore`. This class writes each file (mode 0644) beside its place
    and then moves it, so that a reader sees all of it or nothing.
    """

    def __init__(self, root: Path, reader: ImageReader) -> None:
        self.root = root
        self.reader = reader

    def keep(self, sample_id: SampleId, uri: str) -> str:
        """Copy the sample at `uri` into the store; return the relative path of what a browser shows.

        A sample that is kept already is returned without looking at `uri`. Transparency is shown on white and
        animations as their first frame, because that is what the model sees.

        Raises:
            UnreadableSampleError: the file is gone, or its bytes are no longer those of `sample_id`.
        """
        content = self._kept(sample_id)
        is_new = content is None
        if content is None:
            content = read_content(uri, max_bytes=self.reader.max_bytes)
            if sample_id_of(content) != sample_id:
                raise UnreadableSampleError(
                    Reason.UNREADABLE,
                    f"{uri} has changed since it was scored as {sample_id[:12]}...; score the batch again",
                )
        display = self._display(sample_id)
        if display is not None and not is_new:
            return display
        plain = plain_format(content, longest_side=DISPLAY_SIDE)
        picture = None if plain else decode_picture(content, max_pixels=self.reader.max_pixels)
        original = f"{sample_id[:2]}/{sample_id}.{EXTENSIONS[picture.format if picture else str(plain)]}"
        if is_new:
            self._write(original, content)
        if picture is None or _is_shown_as_is(picture):
            return original
        suffix, copy = _display_copy(picture.rgb)
        path = f"display/{sample_id[:2]}/{sample_id}.{suffix}"
        self._write(path, copy)
        return path

    def load(self, sample_id: SampleId) -> Decoded:
        """Return a kept sample, decoded exactly as on arrival.

        Raises:
            UnreadableSampleError: it is not in the store, or its file was altered.
        """
        content = self._kept(sample_id)
        if content is None:
            raise UnreadableSampleError(
                Reason.UNREADABLE,
                f"no intact file of sample {sample_id} in {self.root}; push it again to restore it",
            )
        return self.reader.decode(content)

    def file(self, sample_id: SampleId) -> Path | None:
        """Return where the original of a kept sample lies, or None when it is not in the store."""
        stem = os.path.join(self.root, sample_id[:2], sample_id)  # noqa: PTH118 - eleven looks a push, pathlib is slow
        paths = (f"{stem}.{extension}" for extension in EXTENSIONS.values())
        return next((Path(path) for path in paths if _is_regular(path)), None)

    def _kept(self, sample_id: SampleId) -> bytes | None:
        """Return the stored bytes if they are there and still those of `sample_id`."""
        path = self.file(sample_id)
        if path is None:
            return None
        content = path.read_bytes()
        return content if sample_id_of(content) == sample_id else None

    def _display(self, sample_id: SampleId) -> str | None:
        for suffix in ("png", "jpg"):
            path = f"display/{sample_id[:2]}/{sample_id}.{suffix}"
            if _is_regular(f"{self.root}/{path}"):
                return path
        return None

    def _write(self, path: str, content: bytes) -> None:
        target = f"{self.root}/{path}"
        folder, name = os.path.split(target)
        beside = f"{folder}/.{name}.{secrets.token_hex(6)}"
        try:
            file = _created(beside)
        except FileNotFoundError:
            Path(folder).mkdir(parents=True, exist_ok=True)
            file = _created(beside)
        try:
            with os.fdopen(file, "wb") as stream:
                stream.write(content)
                os.fchmod(file, 0o644)
            os.replace(beside, target)  # noqa: PTH105 - as above
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise


def _created(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)


def _is_regular(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _is_shown_as_is(picture: Picture) -> bool:
    """Return whether every current browser shows the original as the model sees it, at a sensible size."""
    source = picture.source
    if (
        picture.format not in _SHOWN_BY_BROWSERS
        or source.mode not in _SHOWN_MODES
        or max(picture.size) > DISPLAY_SIDE
    ):
        return False
    if picture.format != "JPEG" and (getattr(source, "is_animated", False) or is_turned(source)):
        return False
    return not source.has_transparency_data or source.convert("RGBA").getchannel("A").getextrema() == (
        255,
        255,
    )


def _display_copy(rgb: Image.Image) -> tuple[str, bytes]:
    buffer = io.BytesIO()
    if max(rgb.size) > DISPLAY_SIDE:
        rgb.thumbnail((DISPLAY_SIDE, DISPLAY_SIDE))
        rgb.save(buffer, "JPEG", quality=90)
        return "jpg", buffer.getvalue()
    rgb.save(buffer, "PNG")
    return "png", buffer.getvalue()
