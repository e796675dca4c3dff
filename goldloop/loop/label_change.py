"""Label change: what another label set means for gold, answers, predictions and open tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from goldloop.consensus.gold_outcomes import gold_records
from goldloop.core.annotations import AnnotationStatus
from goldloop.core.errors import LabelError
from goldloop.core.table_ports import Tables
from goldloop.gold.records import gold_diff
from goldloop.labeling.context import read_state
from goldloop.settings import Settings
from goldloop.settings.label_record import LabelChange
from goldloop.tables.predictions import n_without_names


@dataclass(frozen=True, slots=True)
class LabelEffect:
    """The effect of a changed label set.

    `gold` counts the gold labels that stay, change and are lost; `lost_answers` counts, by label, the answers
    with a label that is removed. `n_unnamed` rows of probabilities are older than the names of their columns.
    """

    change: LabelChange
    gold: Mapping[str, int]
    lost_answers: Mapping[str, int]
    n_unnamed: int
    n_open_tasks: int

    def check(self) -> None:
        """Check that nothing is lost.

        Raises:
            LabelError: annotators have used a label that is removed, or the columns of old rows would move.
        """
        if self.lost_answers:
            used = ", ".join(f"{label!r} by {n}" for label, n in self.lost_answers.items())
            raise LabelError(
                f"answers use labels that are removed: {used}. Put these labels back: goldloop cannot rename "
                "or merge labels. For that, run `goldloop gold export` and begin a new workspace."
            )
        if self.n_unnamed and not self.change.is_appended:
            raise LabelError(
                f"{self.n_unnamed} stored predictions are from an earlier release, which did not name their "
                "columns. Leave the labels in their order, and add new labels at the end."
            )


def label_effect(tables: Tables, settings: Settings, change: LabelChange) -> LabelEffect:
    """Return the effect of `change` on a workspace, whose `settings` have the changed labels already."""
    state = read_state(tables, settings)
    snapshot, removed = state.snapshot, set(change.removed)
    diff = gold_diff(snapshot.gold.records, gold_records(state.outcomes))
    kinds = Counter(entry.kind for entry in diff)
    n_moved = kinds["changed"] + kinds["removed"]
    answers = Counter(
        annotation.label
        for annotation in snapshot.annotations
        if annotation.status is AnnotationStatus.ANSWER and annotation.label in removed
    )
    answers.update(one.label for one in snapshot.reported if one.label in removed)
    answers.update(one.label for one in snapshot.imported if one.label in removed)
    return LabelEffect(
        change=change,
        gold={
            "stay": len(snapshot.gold.records) - n_moved,
            "change": kinds["changed"],
            "lost": kinds["removed"],
        },
        lost_answers={str(label): n for label, n in sorted(answers.items(), key=str)},
        n_unnamed=n_without_names(tables),
        n_open_tasks=len(snapshot.live),
    )
