"""Limits of one picture: a small file that costs minutes or gigabytes is set aside with its reason."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from goldloop.core.errors import UnreadableSampleError
from goldloop.modalities.image import limits
from goldloop.modalities.image.decode import Reason, decode_picture
from tests.images import encoded, noise


def of_many_scans(n: int, size: tuple[int, int] = (64, 48)) -> bytes:
    """Return a progressive JPEG in which one scan that changes nothing is repeated `n` times."""
    whole = encoded(noise(1, size), "JPEG", progressive=True)
    starts = [match.start() for match in re.finditer(rb"\xff\xda", whole)]
    last = whole[starts[-1] : -2]
    return whole[:-2] + last * n + whole[-2:]


def refusal(content: bytes) -> UnreadableSampleError:
    """Return why `content` is not decoded."""
    with pytest.raises(UnreadableSampleError) as refused:
        decode_picture(content, shortest_side=256)
    return refused.value


@pytest.mark.parametrize("size", [(64, 48), (3000, 2000)])
def test_a_jpeg_of_many_scans_is_set_aside(size: tuple[int, int]) -> None:
    """It goes through all its pixels at every scan: 660 KB took four minutes."""
    error = refusal(of_many_scans(2000, size))

    assert error.reason == Reason.BOMB
    assert re.search(
        r"goes through its [\d,]+ pixels in 2,0\d\d scans, the limits are 100 scans", error.detail
    )
    assert error.detail.endswith("save it again as a plain JPEG")


def test_few_scans_of_very_many_pixels_are_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is the product, too."""
    monkeypatch.setattr(limits, "MAX_SCANNED_PIXELS", 64 * 48 * 40)

    assert refusal(of_many_scans(35)).reason == Reason.BOMB
    assert decode_picture(of_many_scans(20)).size == (64, 48)


def test_what_only_looks_like_scans_is_no_limit() -> None:
    """A preview in the header, and bytes behind the picture, may hold the mark of a scan."""
    plain = encoded(noise(2), "JPEG", progressive=True)
    mark = b"\xff\xda" * 5000
    preview = plain[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(mark)) + mark + plain[2:]

    for content in (preview, plain + mark):
        assert decode_picture(content).rgb.tobytes() == decode_picture(plain).rgb.tobytes()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "JPEG2000", "PPM"])
def test_what_would_take_too_much_memory_is_set_aside(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The header says how much; nothing is decoded."""
    content = encoded(noise(3, (200, 100)), form)
    monkeypatch.setattr(limits, "MAX_MEMORY", 2**16)

    error = refusal(content)

    assert error.reason == Reason.BOMB
    assert re.fullmatch(r"decoding takes about \d MiB of memory, the limit is 0 MiB; .*", error.detail)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "PPM"])
def test_what_takes_too_long_is_set_aside(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder gets no further bytes once the processor time is used up."""
    content = encoded(noise(3, (200, 100)), form)
    monkeypatch.setattr(limits, "MAX_CPU_S", -1.0)

    error = refusal(content)

    assert (error.reason, error.detail[:26]) == (Reason.BOMB, "decoding takes more than -")


def transparent_png(side: int, n_bits: int) -> bytes:
    """Return a PNG with alpha in which all values are 0."""
    line = zlib.compress(bytes((1 + side * n_bits // 2) * side), 9)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, n_bits, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", line) + chunk(b"IEND", b"")


PEAK = """
import sys
from pathlib import Path
from goldloop.modalities.image.forms import Form
from goldloop.modalities.image.reader import ImageReader

def kilobytes(name):
    return int(Path("/proc/self/status").read_text().split(name + ":")[1].split()[0])

reader = ImageReader(Form(32))
reader.decode(Path(sys.argv[2]).read_bytes())
Path("/proc/self/clear_refs").write_text("5")
before = kilobytes("VmRSS")
reader.decode(Path(sys.argv[1]).read_bytes())
print((kilobytes("VmHWM") - before) * 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measures memory as Linux tells it")
@pytest.mark.parametrize("kind", ["8 bits and alpha", "16 bits and alpha", "16 bits", "floats"])
def test_decoding_a_large_picture_takes_little_more_than_the_picture(kind: str, tmp_path: Path) -> None:
    """A PNG of 776 KB took 2.3 GB, because every step of the conversion was a further copy."""
    side = 3000
    zeros = Image.fromarray(np.zeros((side, side), np.uint16 if kind == "16 bits" else np.float32))
    content = {
        "8 bits and alpha": lambda: transparent_png(side, 8),
        "16 bits and alpha": lambda: transparent_png(side, 16),
        "16 bits": lambda: encoded(zeros, "TIFF", compression="tiff_adobe_deflate"),
        "floats": lambda: encoded(zeros, "TIFF", compression="tiff_adobe_deflate"),
    }[kind]()
    (tmp_path / "large").write_bytes(content)
    (tmp_path / "small").write_bytes(encoded(noise(1), "PNG"))
    command = [sys.executable, "-c", PEAK, str(tmp_path / "large"), str(tmp_path / "small")]

    ended = subprocess.run(command, capture_output=True, text=True, check=True)

    assert int(ended.stdout) / side**2 < 16
