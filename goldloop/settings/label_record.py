"""The label record: the label set that a workspace works with, beside goldloop.toml.

goldloop.toml is edited by hand. The record notices an edit of the labels, which changes what stored answers,
predictions and tasks mean; `goldloop labels` shows the effect of the edit and accepts it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from goldloop.core.disk import write_whole
from goldloop.core.errors import LabelError, SettingsError
from goldloop.core.labels import LabelSet

FILE_NAME = "labels.json"


@dataclass(frozen=True, slots=True)
class LabelChange:
    """The recorded label set and another one, that of goldloop.toml."""

    before: LabelSet
    after: LabelSet

    @property
    def added(self) -> tuple[str, ...]:
        """Labels that the record lacks."""
        return tuple(label for label in self.after if self.before.find(label) is None)

    @property
    def removed(self) -> tuple[str, ...]:
        """Labels that only the record has."""
        return tuple(label for label in self.before if self.after.find(label) is None)

    @property
    def is_appended(self) -> bool:
        """Whether all that is new stands behind the labels of the record."""
        return self.after.names[: len(self.before)] == self.before.names

    def __str__(self) -> str:
        """Return the differences in words."""
        differences = [f"added {list(self.added)}"] if self.added else []
        differences += [f"removed {list(self.removed)}"] if self.removed else []
        kept = [label for label in self.before if label not in self.removed]
        if kept != [label for label in self.after if label not in self.added]:
            differences.append(f"another order, {list(self.after)} in place of {list(self.before)}")
        return "; ".join(differences)


def label_change(root: Path, labels: LabelSet) -> LabelChange | None:
    """Return how `labels` differ from the record in the folder `root`; None where they agree.

    A workspace without a record, from an earlier release, gets one that agrees.

    Raises:
        SettingsError: the record is damaged.
    """
    path = root / FILE_NAME
    try:
        before = LabelSet.of(json.loads(path.read_text(encoding="utf-8"))["labels"])
    except FileNotFoundError:
        save_labels(root, labels)
        return None
    except (ValueError, KeyError, TypeError, LabelError) as error:
        raise SettingsError(
            f"{path} is no record of labels ({error}); restore it, or delete it if the labels in "
            "goldloop.toml have not changed since the last command"
        ) from error
    return None if before == labels else LabelChange(before, labels)


def check_labels(root: Path, labels: LabelSet) -> None:
    """Check that `labels` are those of the record.

    Raises:
        LabelError: they differ; names the differences and both ways on.
    """
    change = label_change(root, labels)
    if change is not None:
        raise LabelError(
            f"the labels in {root / 'goldloop.toml'} have changed: {change}. goldloop has done nothing. Run "
            "`goldloop labels` to see the effect and to accept it, or put the labels back as they were."
        )


def save_labels(root: Path, labels: LabelSet) -> None:
    """Record `labels` as the label set of the workspace in the folder `root`."""
    write_whole(root / FILE_NAME, json.dumps({"labels": labels.names}, ensure_ascii=False, indent=1) + "\n")
