"""Five people of known skill work through five rounds on the real Label Studio; the fifth is a spammer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goldloop.annotators.profiles import AnnotatorProfile as Measured
from goldloop.annotators.profiles import annotator_profiles as measured_people
from goldloop.annotators.profiles import assessed_answers
from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scores
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose, split_key
from goldloop.loop.pull import pull
from goldloop.loop.push import push
from goldloop.routing.policies import Band
from goldloop.scoring.score import score_source
from goldloop.scoring.writer import Model
from goldloop.services import Endpoints, LabelStudioEndpoint
from goldloop.settings.workspace import Workspace
from goldloop.stats.metrics import Estimate, share_estimate
from goldloop.tables.rounds import current_round, save_round
from goldloop.training.promotion import RoundRecord
from goldloop.wiring import Wiring
from scripts.demo_loop.people import Character, Person, hire, work
from scripts.demo_loop.pictures import Picture, digits
from tests.e2e.commands import Loop

pytestmark = pytest.mark.servers

LABELS = tuple("0123456789")
N_ROUNDS, N_PICTURES, N_MODEL, BUDGET, SEED = 5, 700, 60, 80, 0
CREW = (
    Character("expert", 0, 0.99),
    Character("average", 1, 0.93),
    Character("other", 2, 0.91),
    Character("careless", 3, 0.78),
)
SPAMMER = Character("spammer", 4, 0.9, guesses=1.0)
SENIOR = Character("adjudicator", 5, 0.995, skip_rate=0.0)


class WeakScorer:
    """A logistic regression on 60 digits that nobody is asked about: right about three times in four."""

    preset, labels = "tiny", LabelSet(LABELS)

    def __init__(self, pictures: Sequence[Picture], parts: Wiring) -> None:
        from sklearn.linear_model import LogisticRegression

        payloads = [parts.modality.reader.decode(one.path.read_bytes()).payload for one in pictures]
        self._model = LogisticRegression(C=0.3, max_iter=2000)
        self._model.fit(_pixels(payloads), [one.label for one in pictures])

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return the scores of a minibatch of decoded pictures."""
        probs = self._model.predict_proba(_pixels(payloads))
        return Scores(probs, np.zeros((len(payloads), 1), dtype=np.float32))


def _pixels(payloads: Sequence[Any]) -> npt.NDArray[np.float64]:
    return np.stack([np.asarray(one, dtype=np.float64).mean(axis=-1).ravel() / 255 for one in payloads])


@dataclass(frozen=True)
class Project:
    """A workspace, its people and what is true."""

    parts: Wiring
    server: LabelStudioEndpoint
    pictures: dict[SampleId, Picture]

    def work(self, project_id: int, people: Sequence[Person]) -> int:
        """Let people answer in turn until nobody has any task left; return the number of answers."""
        return work(self.server, project_id, people, self.pictures, LABELS, seed=SEED)

    def work_through(self, crew: Sequence[Person], adjudicator: Person) -> None:
        """Let everybody work, pull, and go on until nothing is left to ask in this round."""
        projects = self.parts.queue().projects
        while True:
            n_answers = self.work(projects.main, crew)
            n_answers += self.work(projects.adjudication, [adjudicator])
            pull(self.parts.ports)
            if n_answers == 0:
                return

    def close_round(self) -> None:
        """End the round as a retrain would."""
        newest = self.parts.gold.newest()
        record = RoundRecord(
            round=current_round(self.parts.tables),
            closed_at=datetime.now(UTC),
            gold_version=newest.version,
            gold_digest=newest.digest,
            n_gold=newest.n_records,
            n_annotations=0,
            model_version=None,
            outcome="refused",
            decision=None,
            evaluations={},
            mlflow_run_id=None,
            lanes={},
        )
        save_round(self.parts.tables.rounds, record)

    def measured(self) -> dict[str, Measured]:
        """Return what is known of everybody, by the id that the server gave them."""
        settings, labels = self.parts.workspace.settings, LabelSet(LABELS)
        state = self.parts.read_state()
        judged = assessed_answers(state.outcomes, state.snapshot.requests.requests, labels)
        return {
            one.annotator: one for one in measured_people(judged, labels=labels, bar=settings.annotators.bar)
        }

    def gold_accuracy(self) -> Estimate:
        """Return the share of gold whose label is true."""
        return share_estimate(
            [self.pictures[one.sample_id].label == one.label for one in self.parts.gold.records()]
        )

    def meetings(self) -> dict[tuple[str, SampleId], list[Purpose]]:
        """Return why each person was shown each sample in the main project, by person and sample."""
        found: dict[tuple[str, SampleId], list[Purpose]] = {}
        for row in self.parts.tables.annotations.read(["annotator", "key"]).to_pylist():
            sample_id, purpose = split_key(row["key"])
            if purpose.has_votes:
                found.setdefault((row["annotator"], sample_id), []).append(purpose)
        return found


@pytest.fixture
def project(make_loop: Callable[..., Loop], services: Endpoints, tmp_path: Path) -> Project:
    """Return a workspace whose digits have been scored by a weak model."""
    loop = make_loop(
        "five-rounds",
        labels=LABELS,
        selection={"budget_per_round": BUDGET, "audit_rate": 0.3},
        consensus={"repeat_share": 0.4},
        policy={"band": (0.0, 0.999)},
        annotators={"honeypot_rate": 0.1},
        suggestions={"hidden_share": 0.2},
    )
    found = digits(tmp_path / "digits", seed=SEED)
    known = sorted([*found.pool, *found.test], key=lambda one: one.path)
    parts = Wiring(Workspace.open(loop.root))
    pool, training = known[:N_PICTURES], known[N_PICTURES : N_PICTURES + N_MODEL]
    model = Model("weak", WeakScorer(training, parts))
    for one in known[N_PICTURES:]:
        one.path.unlink()
    score_source(
        str(tmp_path / "digits"),
        reader=parts.modality.reader,
        model=model,
        policy=Band(0.4, 0.7),
        tables=parts.tables,
        clock=lambda: datetime.now(UTC),
    )
    return Project(parts, services.label_studio, {one.sample_id: one for one in pool})


def test_five_rounds_with_a_spammer(project: Project, services: Endpoints) -> None:
    """The spammer is flagged within 100 answers, gold gets no worse, nobody meets a sample twice."""
    *honest, spammer, adjudicator = hire(
        services.label_studio, [*CREW, SPAMMER, SENIOR], domain="five-rounds.invalid"
    )
    crew, accuracies, flagged_after = honest, [], None
    for round_ in range(N_ROUNDS):
        push(project.parts.ports)
        if round_ == 1:  # the spammer joins, and begins with known answers
            crew = [*honest, spammer]
            assert project.work(project.parts.queue().projects.onboarding, [spammer]) >= 10
            pull(project.parts.ports)
        project.work_through(crew, adjudicator)
        accuracies.append(project.gold_accuracy())
        measured = project.measured()
        assert not any(measured[one.account.user_id].is_flagged for one in honest[:3])  # all but the careless
        spam = measured.get(spammer.account.user_id)
        if spam and spam.is_flagged and flagged_after is None:
            flagged_after = spam.n_answers
        project.close_round()

    assert flagged_after is not None
    assert flagged_after <= 100
    assert min(one.value for one in accuracies) >= 0.90  # what the target promises
    assert accuracies[-1].high >= accuracies[0].low
    meetings = project.meetings()
    twice = [purposes for purposes in meetings.values() if len(purposes) > 1]
    assert twice == []
    found = [(one.character.accuracy(len(LABELS)), measured[one.account.user_id].accuracy) for one in crew]
    n_held = sum(
        it.estimate is not None and it.estimate.low <= true <= it.estimate.high for true, it in found
    )
    assert n_held >= 4, found
