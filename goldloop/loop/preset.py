"""The preset: chosen from the first pictures, once, where goldloop.toml leaves it to goldloop."""

from __future__ import annotations

from collections.abc import Iterable

from goldloop.core.presets import AUTO, PresetChoice
from goldloop.core.samples import FileRef
from goldloop.loop.ports import LoopPorts
from goldloop.modalities.files import files_of
from goldloop.tables.batches import read_arrived_files


def choose_from_source(ports: LoopPorts, source: str) -> PresetChoice | None:
    """Choose the preset from the pictures of `source`; None where it is settled, or no picture can be read.

    Raises:
        SourceError: the source cannot be listed or is empty.
    """
    return _chosen(ports, files_of(source)) if _is_open(ports) else None


def choose_from_samples(ports: LoopPorts) -> PresetChoice | None:
    """Choose the preset from the pictures that arrived before goldloop.toml left the choice to goldloop."""
    return _chosen(ports, read_arrived_files(ports.tables)) if _is_open(ports) else None


def _is_open(ports: LoopPorts) -> bool:
    return ports.configured.model.preset == AUTO and ports.preset_record.read() is None


def _chosen(ports: LoopPorts, files: Iterable[FileRef]) -> PresetChoice | None:
    choice = ports.choose_preset(files)
    return None if choice is None else ports.preset_record.save(choice)
