"""Relabeling: models not trained on a sample find doubtful labels, and annotators decide blind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldloop.core.errors import EmptyPoolError
from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scores
from goldloop.core.samples import Decoded, SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import NewTask, Purpose
from goldloop.loop.relabel import find_label_errors, read_relabels, send_label_errors
from goldloop.settings.sections import SelectionSettings
from goldloop.tables.gold_store import save_label_issues
from goldloop.training.ports import TrainedModel
from tests.loop import PATIENT, Loop, texts
from tests.memory_texts import LABELS


class LengthTrainer:
    """Learns from which length on texts are spam; keeps what each training saw."""

    cross_fits = False

    def __init__(self) -> None:
        self.seen: list[set[SampleId]] = []
        self._limits: dict[Path, int] = {}

    def train(
        self,
        train: Sequence[tuple[SampleId, int]],
        validation: Sequence[tuple[SampleId, int]],
        *,
        labels: LabelSet,
        load: Callable[[SampleId], Decoded],
        folder: Path,
        advance: Callable[[float], None],
        validation_weights: Sequence[float] | None = None,
        folds: Sequence[int] | None = None,
    ) -> TrainedModel:
        """Put the limit where the fewest of the samples are on its wrong side."""
        self.seen.append({sample_id for sample_id, _ in train})
        known = [(len(load(sample_id).payload), column == 1) for sample_id, column in train]
        self._limits[folder] = min(
            range(101), key=lambda limit: sum((length > limit) != is_spam for length, is_spam in known)
        )
        advance(1.0)
        return TrainedModel(folder, {})

    def scorer(self, folder: Path) -> Any:
        """Return a scorer that is sure on both sides of the limit."""
        limit = self._limits[folder]

        class Scorer:
            preset, labels = "length", LABELS

            def __call__(self, payloads: Sequence[Any]) -> Scores:
                spam = np.array([0.95 if len(text) > limit else 0.05 for text in payloads])
                return Scores(np.stack([1 - spam, spam], axis=1), np.zeros((len(payloads), 1), np.float32))

        return Scorer()


def truth(task: NewTask, texts_by_id: dict[SampleId, str]) -> str:
    """Return the true label of a text: long ones are spam."""
    return "spam" if len(texts_by_id[task.sample_id]) > 55 else "ham"


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """Return a loop after its first model, whose first annotator mistook three texts that train the next."""
    selection = SelectionSettings(budget_per_round=120, strategy="margin")
    loop = Loop(tmp_path, texts(300), selection, consensus=PATIENT)
    loop.score()
    loop.close_round()
    loop.push()
    mistakes = iter(range(3))

    def says(task: NewTask) -> str:
        is_short = len(loop.store.kept[task.sample_id]) < 48
        is_wrong = task.purpose is Purpose.REVIEW and is_short and next(mistakes, None) is not None
        return "spam" if is_wrong else truth(task, loop.store.kept)

    loop.work({"1": says})
    loop.work({"2": lambda task: truth(task, loop.store.kept)})
    loop.pull()
    return loop


def searched(loop: Loop, trainer: LengthTrainer) -> int:
    """Search gold for label issues and save them; return how many."""
    return find_label_errors(replace(loop.ports(), open_trainer=lambda _: trainer))  # type: ignore[arg-type, return-value]


def sent(loop: Loop, n: int) -> int:
    """Plan rechecks of the first `n` label issues; return how many were planned."""
    return send_label_errors(loop.ports(), n)


def test_mistakes_in_gold_are_found_sent_blind_and_corrected(loop: Loop) -> None:
    """The three wrong labels are the label issues; the annotators' new answers correct gold."""
    wrong = {
        record.sample_id: record.label
        for record in loop.gold.records()
        if record.label != ("spam" if len(loop.store.kept[record.sample_id]) > 55 else "ham")
    }
    assert len(wrong) == 3
    assert searched(loop, LengthTrainer()) == 3
    looks = read_relabels(loop.ports())
    assert {relabel.issue.sample_id for relabel in looks} == wrong.keys()
    assert [relabel.state for relabel in looks] == ["not sent"] * 3

    assert sent(loop, 2) == 2
    assert sent(loop, 5) == 1, "each is sent once"
    rechecks = [task.pushed for task in loop.queue.tasks.values() if task.pushed.purpose is Purpose.RECHECK]
    assert {task.sample_id for task in rechecks} == wrong.keys()
    assert all(task.suggestion is None for task in rechecks)
    assert {relabel.state for relabel in read_relabels(loop.ports())} == {"waiting for annotators"}

    for _ in range(2):  # a second look that differs is followed by a third
        loop.work({who: lambda task: truth(task, loop.store.kept) for who in ("2", "3")})
        loop.pull()
    loop.work({"9": lambda task: truth(task, loop.store.kept)}, purpose=Purpose.ADJUDICATION)
    loop.pull()
    reasons = " ".join(version.reason for version in loop.gold.log())
    assert "3 put in doubt by a second look" in reasons
    assert "3 settled by a second look" in reasons
    present = {record.sample_id: record.label for record in loop.gold.records()}
    assert all(present[sample_id] != label for sample_id, label in wrong.items())
    assert {relabel.state for relabel in read_relabels(loop.ports())} == {"corrected to ham"}


def test_an_audit_sample_gets_no_recheck_because_a_model_disagrees(loop: Loop) -> None:
    """No model of the search learns from, or doubts, validation or holdout; none learns from its own fold."""
    trainer = LengthTrainer()
    searched(loop, trainer)
    train = {record.sample_id for record in loop.gold.records() if record.split is Split.TRAIN}
    assert set().union(*trainer.seen) == train
    assert all(len(rows) < len(train) for rows in trainer.seen)
    assert set.intersection(*trainer.seen) == set(), "every sample was left out once"


def test_a_new_search_replaces_the_list(loop: Loop) -> None:
    """The list holds the issues of the newest search, also when it found none."""
    searched(loop, LengthTrainer())
    save_label_issues(loop.tables.label_errors, loop.gold.newest().version, [], at=loop.clock())
    assert read_relabels(loop.ports()) == []


def test_a_search_of_too_little_gold_is_an_error(tmp_path: Path) -> None:
    """Without two labels in what trains there is nothing to compare."""
    loop = Loop(tmp_path, texts(10))
    with pytest.raises(EmptyPoolError, match=r"gold version 0 has 0 train samples .* label more samples"):
        searched(loop, LengthTrainer())
