"""The text loop: 500 real texts through score, push, answers, pull, gold, retrain and gate, all in memory."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from goldloop.adapters.feature_files import FeatureFiles
from goldloop.adapters.memory import MemoryLabelingServer, MemoryRegistry, MemoryRuns, memory_tables
from goldloop.core.labels import LabelSet
from goldloop.core.modality import Modality
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.core.splits import Split
from goldloop.core.tasks import NewTask, Purpose
from goldloop.labeling.summary import summary_of
from goldloop.loop.ports import LoopPorts
from goldloop.loop.pull import pull
from goldloop.loop.push import push
from goldloop.loop.round import RoundReport, run_round
from goldloop.loop.score import score_files
from goldloop.modalities.features import Featured, FeaturedModality
from goldloop.modalities.kinds import open_modality
from goldloop.reports.status import read_status
from goldloop.settings import Settings
from goldloop.tables.counts import conservation
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.snapshot import read_snapshot
from models.image.presets import FORMS
from models.kinds import TRAINERS
from models.text.words import embeddings_of, features_of
from tests.loop import FakeClock
from tests.texts import write_rows

LABELS = LabelSet(("not abusive", "abusive"))
N_TEXTS, N_ROUNDS = 500, 4


class Sketches:
    """A backbone whose features are random projections of hashed words, 384 numbers of a text."""

    def features(self, payloads: Sequence[str]) -> np.ndarray:
        """Return the features of texts."""
        rows = embeddings_of(features_of(payloads))
        return np.tile(rows, 6).astype(np.float16)


@dataclass
class TextLoop:
    """A workspace of kind text in memory, with the annotators whose answers the data set holds."""

    folder: Path
    texts: dict[str, str]
    votes: dict[SampleId, dict[str, str]]
    preset: str = "words"
    queue: MemoryLabelingServer = field(default_factory=lambda: MemoryLabelingServer(LABELS))

    def __post_init__(self) -> None:
        settings = Settings(
            name="chats",
            kind="text",
            labels=LABELS.names,
            selection={"budget_per_round": 200, "audit_rate": 0.3},
            model={"preset": self.preset},
        )
        modality = open_modality("text", self.folder, self.preset, FORMS, self._featured)
        trainer = TRAINERS["text"](settings.model)
        registry, runs = MemoryRegistry(self.folder / "models"), MemoryRuns()
        self.ports = LoopPorts(
            configured=settings,
            tables=memory_tables(),
            modality=modality,
            open_queue=lambda: self.queue,
            open_trainer=lambda _: trainer,
            open_registry=lambda: registry,
            open_runs=lambda: runs,
            owner="test",
            clock=FakeClock(),
        )
        self.registry = registry

    def _featured(self, preset: str, texts: Modality) -> Modality:
        kept = FeatureFiles(self.folder / "features", 384)
        featured = Featured(Sketches, kept, takes_content=True)
        return FeaturedModality(texts, featured) if preset == "minilm" else texts

    def work(self) -> int:
        """Give the real answers to the open tasks; return the number of answers."""
        n = 0
        for task_id, task in sorted(self.queue.tasks.items()):
            for annotator, label in self._answers(task.pushed).items():
                if task.is_open and not task.knows(annotator):
                    self.queue.answer(task_id, annotator, label)
                    n += 1
        return n

    def _answers(self, task: NewTask) -> dict[str, str]:
        """Return the real answers to a text; a separate adjudicator decides by their majority."""
        votes = self.votes[task.sample_id]
        if task.purpose is Purpose.ADJUDICATION:
            return {"adjudicator": max(LABELS, key=list(votes.values()).count)}
        return votes

    def round(self) -> RoundReport:
        """Let annotators answer what was pushed and followed up, then run the weekly pass."""
        self.work()
        pull(self.ports)
        self.work()
        return run_round(self.ports)


@pytest.fixture
def loop(real_data: Path, tmp_path: Path) -> TextLoop:
    """Return a loop over 500 turns of real conversations; skipped where the data set is absent."""
    folder = real_data / "conversations_convabuse"
    if not folder.is_dir():
        pytest.skip(f"no real texts in {folder}; name their folder in GOLDLOOP_TEST_DATA")
    with (folder / "items.csv").open(encoding="utf-8", newline="") as file:
        texts = {row["id"]: row["user"].strip() for row in csv.DictReader(file) if row["user"].strip()}
    texts = dict(list(texts.items())[:N_TEXTS])
    votes: dict[SampleId, dict[str, str]] = defaultdict(dict)
    with (folder / "votes.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["id"] in texts:
                label = LABELS[int(row["severity"]) < 0]
                votes[sample_id_of(texts[row["id"]].encode())][row["annotator"]] = label
    return TextLoop(tmp_path, texts, votes)


@pytest.mark.parametrize("preset", ["words", "minilm"])
def test_500_texts_go_through_the_whole_loop(loop: TextLoop, tmp_path: Path, preset: str) -> None:
    """Every text is in one place, gold is human and leak-free, and the gate judges each model."""
    loop = TextLoop(tmp_path / preset, loop.texts, loop.votes, preset)
    source = write_rows(tmp_path / "posts.csv", list(loop.texts.items()))

    scored = score_files(loop.ports, str(source))
    assert scored.n_files == N_TEXTS
    push(loop.ports)
    shown = next(iter(loop.queue.tasks.values())).pushed
    assert loop.ports.modality.task_data(shown, str)["text"] in loop.texts.values()
    reports = [loop.round() for _ in range(N_ROUNDS)]

    where = conservation(loop.ports.tables)
    assert where.is_conserved
    assert where.n_files == N_TEXTS
    records = GoldStore(loop.ports.tables.gold).records()
    assert len(records) > 150
    assert {record.split for record in records} >= {Split.TRAIN, Split.VALIDATION, Split.HOLDOUT}
    assert all(record.annotators for record in records)
    agreed = [record for record in records if len(set(loop.votes[record.sample_id].values())) == 1]
    assert all(record.label in loop.votes[record.sample_id].values() for record in agreed)

    trained = [report.record for report in reports if report.record is not None]
    assert len(trained) >= 2
    assert trained[0].outcome == "promoted"
    assert all(record.decision is not None and record.decision.reasons for record in trained)
    assert loop.registry.version_at("champion") is not None
    assert reports[-1].score.model_version == loop.registry.version_at("champion")
    suggested = [task.pushed for task in loop.queue.tasks.values() if task.pushed.suggestion]
    assert {task.suggestion.label for task in suggested if task.suggestion} <= set(LABELS)


def test_no_author_trains_a_model_and_judges_one(loop: TextLoop, tmp_path: Path) -> None:
    """Through four rounds of chosen, audited and followed-up posts; withheld ones are labelled too."""
    rows = [(key, text, f"user{number % 120}") for number, (key, text) in enumerate(loop.texts.items())]
    score_files(loop.ports, str(write_rows(tmp_path / "posts.csv", rows, ("id", "text", "author"))))
    push(loop.ports)
    for _ in range(N_ROUNDS):
        loop.round()

    records = GoldStore(loop.ports.tables.gold).records()
    sides: dict[str | None, set[Split]] = defaultdict(set)
    for record in records:
        sides[record.entity].add(record.split)
    judged = {entity for entity, found in sides.items() if found & {Split.VALIDATION, Split.HOLDOUT}}
    assert None not in sides
    assert all(len(found - {Split.WITHHELD}) <= 1 for found in sides.values())
    assert len(judged) > 20
    assert {record.split for record in records} == set(Split)
    audits = [record for record in records if record.purpose is Purpose.AUDIT]
    assert {record.inclusion_probability for record in audits} == {0.3}
    status = read_status(
        loop.ports.tables,
        summary_of(loop.ports.labeling().read_state(), loop.ports.settings),
        workspace="chats",
        champion=None,
        champion_problem=None,
        policy=None,
        servers={},
    )
    n_withheld = sum(record.split is Split.WITHHELD for record in records)
    assert f", {n_withheld} withheld), digest" in status.lines()["gold"]


def test_the_same_texts_give_the_same_gold(loop: TextLoop, tmp_path: Path) -> None:
    """A second loop over the same texts and answers ends with the same digest."""
    again = TextLoop(tmp_path / "again", loop.texts, loop.votes)
    digests = []
    for one in (loop, again):
        score_files(one.ports, str(write_rows(tmp_path / "posts.csv", list(loop.texts.items()))))
        push(one.ports)
        one.round()
        digests.append(GoldStore(one.ports.tables.gold).newest().digest)

    assert digests[0] == digests[1]


def test_near_duplicates_by_the_distance_of_texts_share_a_group(tmp_path: Path) -> None:
    """Two reviews that differ in one word (5 bits, more than images allow) are planned into one group."""
    words = "the parcel came two days late and the box was open but everything inside it was whole"
    words += " so I keep it and give three stars for the seller"
    other = words.replace("days", "truly")
    loop = TextLoop(tmp_path, {"a": words, "b": other, "c": "a wholly different message"}, {})
    source = write_rows(tmp_path / "reviews.csv", list(loop.texts.items()))

    score_files(loop.ports, str(source))
    push(loop.ports)

    plans = [task.plan for task in read_snapshot(loop.ports.tables).tasks.values()]
    assert len(plans) == 3
    assert len({plan.group for plan in plans}) == 2
