"""Live suggestions: what the champion says of a task at the moment at which somebody opens it.

A suggestion pulls annotators towards it, so goldloop plans and records who sees one before anybody answers
(docs/decisions/0010-anchoring.md). A live suggestion is therefore given only where the plan says that the
annotator sees a suggestion, and only if it is the one that the plan records.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from goldloop.core.table_ports import Tables
from goldloop.core.tasks import Purpose, Suggestion
from goldloop.tables.model_log import read_models
from goldloop.tables.predictions import read_predictions
from goldloop.tables.task_log import read_shown_version, read_statuses


@dataclass(frozen=True, slots=True)
class LiveSuggestions:
    """The champion's suggestions for the tasks of one workspace; it only reads."""

    tables: Tables

    def version(self) -> str | None:
        """Return the model whose suggestions annotators see, which made the newest planned ones, if any."""
        return read_shown_version(self.tables)

    def suggest(self, keys: Collection[str]) -> dict[str, Suggestion]:
        """Return the champion's suggestion for those of the tasks `keys` that may show one.

        A task may show one if its plan shows one, it is live, and the champion, whose suggestions annotators
        see at present, gives the sample the label that the plan records. An audit, a full review, a second
        answer, a hidden suggestion and a task that goldloop did not make have none. The score is the
        champion's calibrated probability; the hint is the one that the task shows.
        """
        champion = read_models(self.tables).champion
        if champion is None or champion.version != read_shown_version(self.tables):
            return {}
        statuses = read_statuses(self.tables, set(keys))
        shown = {
            key: status.plan.shown_suggestion
            for key, status in statuses.items()
            if status.is_live and status.purpose is Purpose.REVIEW
        }
        found = read_predictions(self.tables, {statuses[key].sample_id for key, one in shown.items() if one})
        suggestions = {}
        for key, recorded in shown.items():
            prediction = found.get(statuses[key].sample_id)
            if recorded is None or prediction is None or prediction.model_version != champion.version:
                continue
            if prediction.label == recorded.label and prediction.confidence is not None:
                suggestions[key] = Suggestion(
                    recorded.label, prediction.confidence, champion.version, recorded.hint
                )
        return suggestions
