"""The suggestions of tasks on the server, which an import can lose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from goldloop.adapters.label_studio.client import LabelStudioClient, translated
from goldloop.adapters.label_studio.payload import prediction_payload
from goldloop.adapters.label_studio.task_list import sweep
from goldloop.core.errors import ServiceError

BATCH_TASKS = 500
"""Tasks per import; larger imports are no faster and hold the server's write lock longer."""


def batches(items: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    """Yield `items` in parts of BATCH_TASKS."""
    for first in range(0, len(items), BATCH_TASKS):
        yield items[first : first + BATCH_TASKS]


def restore_suggestions(server: LabelStudioClient, project_id: int) -> None:
    """Restore the prediction of every task of a project that has a suggestion but no prediction.

    When another request writes to a server on SQLite during an import, the server repeats the import without
    its predictions and reports success, with a prediction_count of 0.

    Raises:
        ServiceError: the server restored only a part.
    """
    rows = sweep(
        server,
        [project_id],
        "id,data,total_predictions",
        ("total_predictions", "equal", "Number", 0),
        ("data.suggested", "empty", "Unknown", "false"),
    )
    lost = [
        prediction_payload(row["data"]) | {"task": row["id"]}
        for row in rows
        if row["data"].get("suggested") and row.get("total_predictions") == 0
    ]
    for batch in batches(lost):
        with translated(server.url, f"restore the suggestions of {len(batch)} tasks"):
            n_made = server.post(f"/api/projects/{project_id}/import/predictions", batch)["created"]
        if n_made != len(batch):
            raise ServiceError(
                f"Label Studio at {server.url} restored {n_made} of {len(batch)} lost suggestions in project "
                f"{project_id}; push again when no other process writes"
            )
