"""The summary of labeling: read where it is kept, computed where it is not, and kept by whoever knows it."""

from __future__ import annotations

from collections.abc import Callable

from goldloop.labeling.context import LabelingContext, LoopState
from goldloop.labeling.summary import LabelingSummary, keep_summary
from goldloop.labeling.summary import read_summary as read_kept
from goldloop.loop.ports import LoopPorts
from goldloop.tables.snapshot import SNAPSHOT, read_marks


def read_summary(ports: LoopPorts, read_state: Callable[[], LoopState]) -> LabelingSummary:
    """Return the summary of now; `read_state` is called where it is not kept."""
    kept = read_kept(ports.tables, ports.settings, ports.summary)
    if kept is not None:
        return kept
    marks = read_marks(ports.tables, SNAPSHOT)
    return keep_summary(ports.tables, ports.settings, ports.summary, read_state(), marks)


def update_summary(ports: LoopPorts, context: LabelingContext, state: LoopState) -> None:
    """Keep the summary of now, unless it is kept, after a step that knows a `state` of a moment ago."""
    if read_kept(ports.tables, ports.settings, ports.summary) is not None:
        return
    marks = read_marks(ports.tables, SNAPSHOT)
    keep_summary(ports.tables, ports.settings, ports.summary, context.read_state(state), marks)
