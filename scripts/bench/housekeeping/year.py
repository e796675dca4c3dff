"""A year of pulls in simulated time, by the writers of goldloop on real Delta tables, without servers."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from goldloop.adapters.delta import open_tables
from goldloop.core.annotations import AnnotationStatus, StoredAnnotation
from goldloop.core.compaction import Compaction, TableSize
from goldloop.core.samples import BatchId, SampleId, sample_id_of
from goldloop.core.splits import Split
from goldloop.core.table_ports import Tables
from goldloop.core.tasks import AnswerRequest, Purpose, RequestReason
from goldloop.gold.records import GoldRecord
from goldloop.tables.answers import add_requests, merge_annotations
from goldloop.tables.gold_store import Gold, GoldStore
from goldloop.tables.named_versions import named_versions

PULL = timedelta(minutes=15)
WEEK = 672  # pulls a week
LABELS = ("cat", "dog")
N_FIRST = 300  # samples in gold at the start
PULLS_A_SAMPLE = 40  # a new sample has its first answer in every such pull


class SimulatedYear:
    """The tables of a workspace whose annotators give three answers between two pulls.

    One of the three is new, two replace earlier ones. Every label that changes makes a gold version.
    """

    def __init__(self, folder: Path, *, seed: int, week: int = WEEK) -> None:
        """Open the tables and give every first sample an answer; a round comes after `week` pulls."""
        self.folder, self.tables = folder, open_tables(folder)
        self.n_pulls = 0
        self._rng = np.random.default_rng(seed)
        self._labels = {sample_of(number): LABELS[number % 2] for number in range(N_FIRST)}
        self._answers: list[StoredAnnotation] = []
        self._moments = deque([datetime.now(UTC)], maxlen=week)
        self._gold: Gold | None = None
        self._merge([self._new_answer(sample_id) for sample_id in self._labels])
        self._commit_gold()

    def pull(self) -> None:
        """Merge three answers, commit the gold that follows, and request one more answer."""
        self.n_pulls += 1
        if self.n_pulls % PULLS_A_SAMPLE == 0:
            self._labels[sample_of(len(self._labels))] = LABELS[0]
        samples = list(self._labels)
        chosen = self._rng.choice(len(self._answers), 2, replace=False)
        at = _at(self.n_pulls)
        edits = [replace(self._answers[number], updated_at=at) for number in chosen]
        self._merge([self._new_answer(samples[-1]), *edits])
        for answer in edits:
            sample_id = SampleId(answer.key.partition("/")[2])
            self._labels[sample_id] = LABELS[1 - LABELS.index(self._labels[sample_id])]
        self._commit_gold()
        request(self.tables, samples[int(self._rng.integers(len(samples)))], at)
        self._moments.append(datetime.now(UTC))

    def round(self, number: int) -> list[Compaction]:
        """Close a round, which names the newest gold version, and compact every table."""
        newest = GoldStore(self.tables.gold).newest()
        self.tables.rounds.append(
            [{"round": number, "gold_version": newest.version, "gold_digest": newest.digest}]
        )
        return self.compact()

    def compact(self) -> list[Compaction]:
        """Compact every table, as the first pull of a day does.

        A week of simulated time ends now: it began at the real moment of the pull a week ago.
        """
        named, before = named_versions(self.tables), self._moments[0]
        tables = self.tables.named.values()
        return [table.compact(named, before=before, at=datetime.now(UTC)) for table in tables]

    def _new_answer(self, sample_id: SampleId) -> StoredAnnotation:
        answer = answer_of(len(self._answers), sample_id, _at(self.n_pulls))
        self._answers.append(answer)
        return answer

    def _merge(self, answers: list[StoredAnnotation]) -> None:
        merge_annotations(self.tables.annotations, lambda _: answers, {answer.key for answer in answers})

    def _commit_gold(self) -> None:
        records = [record_of(sample_id, label) for sample_id, label in self._labels.items()]
        store = GoldStore(self.tables.gold)
        version = store.commit(lambda: records, reason=lambda _: "simulated", base=self._gold)
        if version is not None:
            self._gold = Gold(version, tuple(records))


def _at(n_pulls: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + n_pulls * PULL


def request(tables: Tables, sample_id: SampleId, at: datetime) -> None:
    """Request one more answer about a sample."""
    wanted = [AnswerRequest(f"review/{sample_id}", 2, RequestReason.UNSURE)]
    base = tables.answer_requests.version()
    add_requests(tables.answer_requests, lambda: wanted, round_=0, at=at, base=base)


def sample_of(number: int) -> SampleId:
    """Return the id of a sample."""
    return sample_id_of(str(number).encode())


def answer_of(number: int, sample_id: SampleId, at: datetime) -> StoredAnnotation:
    """Return an answer about a sample."""
    return StoredAnnotation(
        annotation_id=number,
        task_id=number,
        key=f"review/{sample_id}",
        annotator=str(number % 5),
        status=AnnotationStatus.ANSWER,
        label=LABELS[0],
        problem=None,
        reason=None,
        lead_time_s=3.0,
        created_at=at,
        updated_at=at,
        task_updated_at=at,
        shown_label=LABELS[0],
        shown_score=0.6,
        shown_model_version="1",
    )


def record_of(sample_id: SampleId, label: str) -> GoldRecord:
    """Return the gold record of a sample."""
    return GoldRecord(
        sample_id=sample_id,
        label=label,
        split=Split.TRAIN,
        group=sample_id,
        purpose=Purpose.REVIEW,
        method="posterior/1",
        support=1,
        n_votes=1,
        votes={label: 1},
        posterior={label: 0.95},
        batch=BatchId("b"),
        lane="review",
        policy="band[0.4,0.7]",
        inclusion_probability=None,
        model_version="1",
        suggested_label=label,
        annotators=("1",),
        annotation_ids=(1,),
        labelled_at=_at(0),
    )


def sizes_of(tables: Tables) -> dict[str, TableSize]:
    """Return the size of each table that has rows."""
    moment = _at(0)
    found = (table.compact((), before=moment, at=moment, is_dry_run=True) for table in tables.named.values())
    return {one.table: one.before for one in found if one.before.n_stored}
