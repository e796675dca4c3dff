"""What models said of samples, read by the engine: the first prediction of each, and the newest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from goldloop.adapters.memory import memory_tables
from goldloop.core.labels import LabelSet
from goldloop.core.table_ports import Tables
from goldloop.tables.traffic import read_present_lanes, read_traffic

LABELS = LabelSet.of(["ham", "spam"])
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
NAMED, REVERSED = '["ham", "spam"]', '["spam", "ham"]'


def prediction(sample: str, hour: int, spam: float, **cells: Any) -> dict[str, Any]:
    """Return a row of the predictions table."""
    return {
        "sample_id": sample,
        "scored_at": START + timedelta(hours=hour),
        "model_version": "1",
        "lane": "review",
        "label": "spam" if spam > 0.5 else "ham",
        "probs": [1 - spam, spam],
        "label_names": NAMED,
    } | cells


def tables_of(*rows: dict[str, Any], closed: tuple[int, ...] = ()) -> Tables:
    """Return tables with predictions, and rounds that were closed after so many hours."""
    tables = memory_tables()
    tables.predictions.append(rows)
    if closed:
        tables.rounds.append(
            [
                {"round": number, "closed_at": START + timedelta(hours=hour)}
                for number, hour in enumerate(closed)
            ]
        )
    return tables


def test_traffic_is_what_a_model_said_first_and_present_lanes_what_one_said_last() -> None:
    """In order of the samples; predictions from before any model, which have no label, are none."""
    tables = tables_of(
        prediction("b", 2, 0.9, lane="auto"),
        prediction("b", 5, 0.6),
        prediction("a", 0, 0.0, label=None, probs=None, label_names=None),
        prediction("a", 3, 0.25),
        prediction("c", 0, 0.0, label=None, probs=None, label_names=None),
    )

    first, present = read_traffic(tables, LABELS), read_present_lanes(tables, LABELS)

    assert first.sample_ids == present.sample_ids == ("a", "b")
    assert (first.lanes.tolist(), present.lanes.tolist()) == (["review", "auto"], ["review", "review"])
    assert first.probs[:, 1] == pytest.approx([0.25, 0.9])
    assert present.probs[:, 1] == pytest.approx([0.25, 0.6])


def test_a_sample_belongs_to_the_round_that_was_open_when_it_was_scored_first() -> None:
    """A moment at which a round is closed is still of that round, also for a sample that is scored again."""
    tables = tables_of(
        *(prediction(name, hour, 0.9) for name, hour in (("a", 0), ("b", 4), ("c", 5), ("d", 9))),
        prediction("a", 9, 0.9),
        closed=(4, 8),
    )

    assert read_traffic(tables, LABELS).rounds.tolist() == [0, 0, 1, 2]
    assert read_present_lanes(tables, LABELS).rounds.tolist() == [0, 0, 1, 2]


def test_a_sample_with_two_predictions_of_one_moment_counts_once() -> None:
    """Also where it has others, and beside samples that have one."""
    tables = tables_of(
        prediction("a", 0, 0.9), prediction("a", 0, 0.9), prediction("b", 1, 0.2), prediction("a", 3, 0.6)
    )

    assert read_traffic(tables, LABELS).sample_ids == ("a", "b")


def test_probs_belong_to_the_names_that_their_rows_have() -> None:
    """Rows with other names, fewer labels or none lie beside each other; `decided` and stakes go along."""
    tables = tables_of(
        prediction("a", 0, 0.9),
        prediction("b", 0, 0.9, probs=[0.9, 0.1], label_names=REVERSED),
        prediction("c", 0, 0.9, probs=[1.0], label_names='["spam"]', decided="ham", stake=12.5),
        prediction("d", 0, 0.9, label_names=None, decided="gone"),
    )

    traffic = read_traffic(tables, LABELS)

    assert traffic.probs == pytest.approx(np.array([[0.1, 0.9], [0.1, 0.9], [0.0, 1.0], [0.1, 0.9]]))
    assert traffic.decided.tolist() == [1, 1, 0, 1]
    assert traffic.stakes.tolist() == [0.0, 0.0, 12.5, 0.0]


def test_without_predictions_traffic_is_empty() -> None:
    """Before the first model."""
    traffic = read_traffic(tables_of(prediction("a", 0, 0.0, label=None, probs=None)), LABELS)

    assert len(traffic) == 0
    assert traffic.probs.shape == (0, 2)
