"""A small loop over text samples: reader, scorer and store in memory, tables for real."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from goldloop.adapters.delta import open_tables
from goldloop.consensus.outcomes import OutcomeReader, Outcomes
from goldloop.core.errors import UnreadableSampleError
from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scores
from goldloop.core.samples import Arrival, BatchId, Decoded, FileRef, SampleId, sample_id_of
from goldloop.core.tasks import NewTask, Purpose
from goldloop.labeling.follow_up import FollowUpReport, plan_follow_ups, withdraw_settled
from goldloop.labeling.pull import PullReport, derive_gold, pull_annotations, retract_tasks
from goldloop.labeling.push import PushReport, push_planned
from goldloop.labeling.reconcile import reconcile
from goldloop.routing.policies import Band, Policy
from goldloop.scoring.score import score_pool, score_source
from goldloop.scoring.writer import AuditProbabilities, Model, ScoreReport
from goldloop.selection.plan import plan_round
from goldloop.settings import (
    AnnotatorSettings,
    ConsensusSettings,
    SelectionSettings,
    Settings,
    SuggestionSettings,
)
from goldloop.tables.answer_requests import AnswerRequests
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.task_log import TaskLog
from tests.fakes import FakeLabelingQueue

LABELS = LabelSet(("ham", "spam"))
BAND = Band(0.4, 0.7)


ONE_ANSWER = ConsensusSettings(method="majority", max_answers=1, audit_answers=1, repeat_share=0)
PATIENT = ConsensusSettings(method="majority", max_answers=3, audit_answers=2, repeat_share=0.5)
"""Two blind answers for the audit, up to three for the rest, then an adjudicator."""
NO_CONTROLS = AnnotatorSettings(honeypot_rate=0, onboarding_tasks=0)
ALWAYS_SHOWN = SuggestionSettings(hidden_share=0)
"""One person's word is enough; what follows from several is asked for by tests that are about that."""


class Killed(BaseException):
    """What a SIGKILL looks like from inside: nothing after it runs."""


class FakeClock:
    """Aware UTC moments, one millisecond apart, moved on by `sleep`."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the next moment."""
        self.now += timedelta(milliseconds=1)
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


class TextReader:
    """Reads samples from a dict of uri -> text; a text `!reason` is a file in quarantine for that reason."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts
        self.reads: list[str] = []

    def files(self, source: str) -> Iterator[FileRef]:
        """Yield all texts, whatever the source."""
        for uri, text in sorted(self.texts.items()):
            yield FileRef(uri, len(text), text)

    def arrivals(self, source: str, *, is_known: Callable[[FileRef], bool]) -> Iterator[Arrival]:
        """Yield the unknown texts."""
        return (self.read(file) for file in self.files(source) if not is_known(file))

    def again(self, samples: Iterable[tuple[SampleId, FileRef]]) -> Iterator[Arrival]:
        """Yield the texts of `samples`."""
        return (self.read(file) for _, file in samples)

    def read(self, file: FileRef) -> Arrival:
        """Return the text, or its reason."""
        self.reads.append(file.uri)
        text = self.texts.get(file.uri, "!unreadable")
        sample_id = sample_id_of(text.encode())
        if text.startswith("!"):
            return Arrival(file, sample_id, reason=text[1:], detail=f"{file.uri} is {text[1:]}")
        return Arrival(file, sample_id, Decoded(text))


class LengthScorer:
    """Says `spam` with probability len(text) / 100; the longer the text the surer."""

    labels = LABELS

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return the scores of a minibatch of texts."""
        spam = np.array([min(len(text), 100) / 100 for text in payloads])
        return Scores(np.stack([1 - spam, spam], axis=1), np.zeros((len(payloads), 1), dtype=np.float32))


class TextStore:
    """Keeps texts by sample_id."""

    def __init__(self, reader: TextReader) -> None:
        self.reader = reader
        self.kept: dict[SampleId, str] = {}

    def keep(self, sample_id: SampleId, uri: str) -> str:
        """Keep the text at `uri` if it still is that sample."""
        text = self.reader.texts.get(uri, "")
        if sample_id_of(text.encode()) != sample_id:
            raise UnreadableSampleError("unreadable", f"{uri} is gone or changed")
        self.kept[sample_id] = text
        return f"{sample_id}.txt"

    def load(self, sample_id: SampleId) -> Decoded:
        """Return a kept text."""
        return Decoded(self.kept[sample_id])


@dataclass
class Loop:
    """Everything a loop needs, with the core's functions bound to it."""

    folder: Path
    texts: dict[str, str]
    selection: SelectionSettings = field(default_factory=lambda: SelectionSettings(budget_per_round=20))
    consensus: ConsensusSettings = ONE_ANSWER
    people: AnnotatorSettings = NO_CONTROLS
    suggestions: SuggestionSettings = ALWAYS_SHOWN
    policy: Policy = BAND
    audit_probabilities: AuditProbabilities | None = None
    queue: FakeLabelingQueue = field(default_factory=lambda: FakeLabelingQueue(LABELS))
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.reader = TextReader(self.texts)
        self.store = TextStore(self.reader)
        self.tables = open_tables(self.folder)
        self.task_log = TaskLog(self.tables.tasks)
        self.answer_requests = AnswerRequests(self.tables.answer_requests)
        self.gold = GoldStore(self.tables.gold)
        self.settings = Settings(
            name="texts",
            labels=LABELS.names,
            selection=self.selection,
            consensus=self.consensus,
            annotators=self.people,
            suggestions=self.suggestions,
        )
        self._read_outcomes = OutcomeReader(self.tables, self.task_log, self.answer_requests, self.settings)

    @property
    def model(self) -> Model:
        """The model that scores unless another is named."""
        return Model("1", LengthScorer())

    def score(self, model: Model | None = None) -> ScoreReport:
        """Score the texts."""
        return score_source(
            "texts",
            reader=self.reader,
            model=model or self.model,
            policy=self.policy,
            tables=self.tables,
            clock=self.clock,
            audit_probabilities=self.audit_probabilities,
        )

    def score_pool(self, model: Model | None = None) -> ScoreReport:
        """Score what has no prediction by `model`."""
        return score_pool(
            reader=self.reader,
            model=model or self.model,
            policy=self.policy,
            tables=self.tables,
            clock=self.clock,
            audit_probabilities=self.audit_probabilities,
        )

    def plan(self) -> int:
        """Plan the open round."""
        return plan_round(
            tables=self.tables,
            task_log=self.task_log,
            settings=self.settings,
            is_labelled={one.sample_id for one in self.gold.records()},
            clock=self.clock,
        )

    def push(self, *, owner: str = "me", import_size: int = 500) -> PushReport:
        """Plan, push and follow up."""
        self.reconcile()
        self.plan()
        report = self.push_planned(owner=owner, import_size=import_size)
        report.follow_ups = self.follow_up(owner=owner)
        self.reconcile()
        return report

    def push_planned(self, *, owner: str = "me", import_size: int = 500) -> PushReport:
        """Push what is planned."""
        return push_planned(
            tables=self.tables,
            task_log=self.task_log,
            queue=self.queue,
            store=self.store,
            owner=owner,
            clock=self.clock,
            sleep=self.clock.sleep,
            import_size=import_size,
        )

    def follow_up(self, *, owner: str = "me") -> FollowUpReport:
        """AnswerRequest on where the answers so far call for it."""
        report = plan_follow_ups(
            tables=self.tables,
            task_log=self.task_log,
            answer_requests=self.answer_requests,
            settings=self.settings,
            read_outcomes=self.outcomes,
            clock=self.clock,
        )
        self.push_planned(owner=owner)
        self.answer_requests.tell(self.queue, self.task_log, at=self.clock)
        report.n_withdrawn = withdraw_settled(
            task_log=self.task_log,
            queue=self.queue,
            read_outcomes=self.outcomes,
            owner=owner,
            clock=self.clock,
        )
        return report

    def outcomes(self) -> Outcomes:
        """Return what all evidence says now."""
        return self._read_outcomes()

    def reconcile(self, *, accept_lost: bool = False) -> tuple[int, int, int]:
        """Make task_log and server agree."""
        return reconcile(
            task_log=self.task_log,
            queue=self.queue,
            owner="me",
            clock=self.clock,
            seed=self.selection.seed,
            audit_rate=self.selection.audit_rate,
            batches=lambda ids: dict.fromkeys(ids, BatchId("texts")),
            accept_lost=accept_lost,
        )

    def pull(self) -> PullReport:
        """Pull and make gold."""
        self.reconcile()
        statuses = self.task_log.statuses().values()
        retract_tasks([one.key for one in statuses if not one.is_live], self.tables.annotations)
        report = pull_annotations(self.queue, self.tables.annotations, self.task_log)

        derive_gold(self.gold, self.outcomes, report)
        report.follow_ups = self.follow_up()
        return report

    def work(
        self, says: Mapping[str, Callable[[NewTask], str | None]], *, purpose: Purpose | None = None
    ) -> int:
        """Let people in turn answer what they are shown next until nobody is shown anything; None is a skip.

        Returns the number of answers and skips. `purpose` is that of the project they work in.
        """
        n = 0
        while True:
            shown = {who: self.queue.next_for(who, purpose=purpose) for who in says}
            if not any(task_id is not None for task_id in shown.values()):
                return n
            for who in says:
                task_id = self.queue.next_for(who, purpose=purpose)
                if task_id is None:
                    continue
                said = says[who](self.queue.tasks[task_id].pushed)
                if said is None:
                    self.queue.skip(task_id, who, reason="cannot tell")
                else:
                    self.queue.answer(task_id, who, said)
                n += 1

    def answer_all(self, label: str = "ham", *, annotator: str = "1") -> None:
        """Answer every task that `annotator` has not answered."""
        for task_id, task in list(self.queue.tasks.items()):
            if all(one.annotator != annotator for one in task.answers.values()):
                self.queue.answer(task_id, annotator, label)


def texts(n: int) -> dict[str, str]:
    """Return n distinct texts whose lengths, and so confidences, cover all lanes."""
    return {f"mem/{number:04d}": f"{number:04d}".ljust(4 + number * 37 % 97, "x") for number in range(n)}
