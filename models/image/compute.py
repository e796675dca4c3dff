"""Where and with how many threads torch computes, and with which seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from models.image.presets import Preset


def device_of(preset: Preset) -> torch.device:
    """Return the accelerator for presets that gain from it, else the CPU, where a seed decides every bit."""
    return torch.device("cuda" if preset.threads is None and torch.cuda.is_available() else "cpu")


@contextmanager
def threads_of(preset: Preset) -> Iterator[None]:
    """Compute with the preset's number of threads inside the block; None leaves torch's own choice."""
    before = torch.get_num_threads()
    if preset.threads is not None and preset.threads != before:
        torch.set_num_threads(preset.threads)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


@contextmanager
def seeded(seed: int) -> Iterator[torch.Generator]:
    """Yield a generator with `seed`; torch's own starts from it too, and is put back afterwards."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)
