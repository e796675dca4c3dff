"""Fixtures of the unit tests: one image reader for all of them."""

from __future__ import annotations

import pytest

from goldloop.modalities.image.forms import Form
from goldloop.modalities.image.reader import ImageReader


@pytest.fixture
def reader() -> ImageReader:
    """Return a reader with the tiny preset's input size."""
    return ImageReader(Form(32))
