"""The present loop of the simulated year: 52 rounds of score, check, route, select, ask, estimate, retrain.

Everything that decides or estimates is goldloop's own. The order of the steps is typed here; it stands in for
goldloop's weekly routine over tables in memory.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from goldloop.annotators.profiles import annotator_profiles
from goldloop.audit.audited import Traffic
from goldloop.audit.estimates import estimate_accuracy
from goldloop.audit.guard import guard
from goldloop.core.answers import Answer
from goldloop.core.candidates import Candidate, Choice
from goldloop.core.lanes import Lane
from goldloop.core.probs import margin
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.splits import Split, wanted_split
from goldloop.core.tasks import Purpose
from goldloop.costs.inputs import CostInputs, Labelled
from goldloop.costs.review_effort import BLIND, blind_counts, shown_counts
from goldloop.costs.time import working_seconds
from goldloop.drift.checks import Check, check_drift
from goldloop.drift.history import Seen, reference_of
from goldloop.drift.regimes import rounds_that_count
from goldloop.drift.sketches import Sketch, SketchBuilder
from goldloop.routing.fit import Answered, KnownPeople, fit_policy
from goldloop.routing.policies import Policy, Suspended, Target, route
from goldloop.selection.select import select
from goldloop.settings import Settings
from goldloop.stats.comparison import compare
from goldloop.stats.metrics import Estimate
from goldloop.training.gate import Gate
from goldloop.training.promotion import decide, evaluate
from scripts.bench.pictures import Floats
from scripts.bench.year.accounts import Round
from scripts.bench.year.desk import Desk, Gathered
from scripts.bench.year.model import Regression, RegressionTrainer
from scripts.bench.year.people import People
from scripts.bench.year.world import World

START = datetime(2026, 1, 5, tzinfo=UTC)
NO_LIMIT = 10**6  # answers: what a policy sends to people is answered in the same week
FIRST_ANSWERS = 500  # of the round before the first model
RECENT_ANSWERS = 1500  # blind ones, by which people's mistakes are counted for the cost policy
MEMORY = 12  # weeks of answers by which people are judged


class YearLoop:
    """One policy's year: its traffic, its people, its models, and everything it has learnt so far."""

    def __init__(self, world: World, crew: People, settings: Settings, seed: int) -> None:
        self.world, self.settings, self.labels = world, settings, world.labels
        self.model: Regression | None = None
        self._desk = Desk(crew, world.labels, np.random.default_rng([seed, 3]), START)
        self._gathered, self._audits = Gathered(), Gathered()
        self._splits = {split: Gathered() for split in Split}
        self._traffic: list[Traffic] = []
        self._policy: Policy | None = None
        self._version = ""
        self._trainer, self._folder = RegressionTrainer(), TemporaryDirectory()
        self._seen: list[Seen] = []
        self._drifted: list[int] = []
        self._closed: list[datetime] = []

    def start(self) -> None:
        """Let people label a random draw of the first week, and train the first model on it."""
        ids = self._arrived(0)
        self._work(self._select(0, ids, None, None), 0, {})
        self._close(0)
        self._retrain(0)

    def play(self, number: int) -> Round:
        """Play round `number`, from 1 on, and return what it came to."""
        assert self.model is not None
        assert self._policy is not None
        ids = self._arrived(number)
        scores = self.model(self.world.features(ids))
        check = self._check(number, scores.probs, scores.embeddings)
        lanes = np.array([str(lane) for lane in route(scores.probs, self._policy)])
        policies = np.full(len(ids), self._policy.version)
        rounds = np.full(len(ids), number, dtype=np.intp)
        self._traffic.append(Traffic(tuple(ids), scores.probs, lanes, policies, rounds))
        choices = self._select(number, ids, scores.probs, lanes)
        n_before = len(self._desk.answers)
        labels = self._work(choices, number, dict(zip(ids, scores.probs, strict=True)))
        audited = self._audits.audited()
        estimate = estimate_accuracy(audited.where(audited.rounds == number), self._traffic[-1])
        recent = [judged for judged in self._desk.judged if judged.answer.round > number - MEMORY]
        found = annotator_profiles(recent, labels=self.labels, bar=self.settings.annotators.bar)
        self._close(number)
        flagged = tuple(person.annotator for person in found if person.is_flagged or person.is_falling)
        answers = self._desk.answers[n_before:]
        return self._came_to(number, choices, labels, answers, (estimate, check, flagged))

    def _came_to(
        self,
        number: int,
        choices: list[Choice],
        labels: dict[SampleId, int],
        answers: list[Answer],
        reported: tuple[Estimate | None, Check, tuple[str, ...]],
    ) -> Round:
        """Retrain; return what the round came to by the true labels, beside what was `reported`."""
        traffic = self._traffic[-1]
        ids, lanes = traffic.sample_ids, traffic.lanes
        truth, machine = self.world.truth(ids), traffic.probs.argmax(axis=1)
        delivered = np.array(
            [labels.get(sample, int(column)) for sample, column in zip(ids, machine, strict=True)]
        )
        is_gold = np.array([sample_id in labels for sample_id in ids])
        reviewed = {choice.candidate.sample_id for choice in choices if choice.purpose is not Purpose.AUDIT}
        is_caught = (machine != truth) & (delivered == truth) & np.array([one in reviewed for one in ids])
        seconds = sum(answer.lead_time_s or 0 for answer in answers)
        return Round(
            number=number,
            estimate=reported[0],
            truth=float((machine == truth).mean()),
            check=reported[1],
            flagged=reported[2],
            lanes={lane: int((lanes == lane).sum()) for lane in np.unique(lanes).tolist()},
            is_promoted=self._retrain(number),
            spent=seconds / 60 * self.settings.cost.minute,
            lost=float((delivered != truth).sum()) * self.settings.cost.error,
            n_let_through=int(((delivered != truth) & ~is_gold).sum()),
            n_machine_wrong=int((machine != truth).sum()),
            n_caught=int(is_caught.sum()),
            n_would_err=self._desk.people.expected_errors(ids, number),
        )

    def books(self) -> CostInputs:
        """Return the books of the rounds played so far, as goldloop.costs.inputs reads them off tables."""
        parts, gold = self._traffic, set(self._gathered.ids)
        fields = ("probs", "lanes", "policies", "rounds")
        ids = tuple(sample_id for part in parts for sample_id in part.sample_ids)
        return CostInputs(
            answers=self._desk.answers,
            seconds=working_seconds(self._desk.answers),
            assessed=self._desk.judged,
            labelled=Labelled(
                rounds=np.array(self._gathered.rounds, dtype=np.intp),
                purposes=np.array([str(choice.purpose) for choice in self._gathered.choices]),
                label=np.array(self._gathered.labels, dtype=np.intp),
                machine=np.array(self._gathered.machine, dtype=np.intp),
                posterior=np.array(self._gathered.posteriors),
            ),
            traffic=Traffic(
                ids, *(np.concatenate([getattr(part, name) for part in parts]) for name in fields)
            ),
            is_labelled=np.array([sample_id in gold for sample_id in ids]),
            audited=self._audits.audited(),
            closed=tuple(self._closed),
        )

    # --- steps

    def _arrived(self, number: int) -> list[SampleId]:
        return [self.world.read(file).sample_id for file in self.world.files(f"week/{number}")]

    def _close(self, number: int) -> None:
        self._closed.append(START + timedelta(days=7 * (number + 1)))
        self._desk.moment = self._closed[-1]

    def _check(self, number: int, probs: Floats, features: npt.NDArray[np.float32]) -> Check:
        sketch = self._sketch(probs, features)
        check = check_drift(sketch, reference_of(self._seen))
        self._seen.append(Seen("", self._version, self._desk.moment, sketch, check))
        if check.drifts:
            self._drifted.append(number)
        return check

    def _sketch(self, probs: Floats, features: npt.NDArray[np.float32]) -> Sketch:
        builder = SketchBuilder(self.labels)
        builder.add(probs, features)
        return builder.sketch()

    def _select(
        self, number: int, ids: list[SampleId], probs: Floats | None, lanes: npt.NDArray[np.str_] | None
    ) -> list[Choice]:
        selection = self.settings.selection
        pool = [
            Candidate(
                sample_id,
                BatchId(str(number)),
                Lane.HOLD if lanes is None else Lane(lanes[place]),
                None if probs is None else float(margin(probs[place : place + 1])[0]),
                None if probs is None else self.labels[int(probs[place].argmax())],
                selection.audit_rate,
            )
            for place, sample_id in enumerate(ids)
        ]
        return select(
            pool,
            n_answers=FIRST_ANSWERS if probs is None else NO_LIMIT,
            audit_rate=selection.audit_rate,
            audit_share=1.0,
            seed=selection.seed,
            audit_answers=self.settings.consensus.audit_answers,
            n_arrived=len(ids),
            has_model=probs is not None,
        )

    def _work(self, choices: list[Choice], number: int, probs: dict[SampleId, Floats]) -> dict[SampleId, int]:
        """Let people label what was chosen; return the column of each."""
        labels = {}
        for choice in choices:
            sample_id = choice.candidate.sample_id
            said = probs.get(sample_id)
            posterior = self._desk.settle(choice, number, said)
            labels[sample_id] = int(posterior.argmax())
            split = wanted_split(sample_id, choice.purpose, seed=self.settings.selection.seed)
            targets = [self._gathered, self._splits[split]]
            if choice.purpose is Purpose.AUDIT and said is not None:
                targets.append(self._audits)
            for target in targets:
                target.add(choice, number, posterior, said)
        return labels

    def _known_people(self) -> KnownPeople:
        """Return how long people took and what they answered, as goldloop.costs.review_effort has it."""
        answers = self._desk.answers
        quick = [answer.lead_time_s or 0.0 for answer in answers if answer.is_shown]
        blind = [part.lead_time_s or 0.0 for part in answers if part.purpose in BLIND and not part.is_shown]
        deciding = [part.lead_time_s or 0.0 for part in answers if part.purpose is Purpose.ADJUDICATION]
        checked = shown_counts(self._desk.observations, self.labels)
        by_others = blind_counts(self._desk.judged[-RECENT_ANSWERS:], BLIND, self.labels)
        return KnownPeople(
            quick=Answered(tuple(quick), tuple(map(tuple, checked.tolist()))) if quick else None,
            blind=Answered(tuple(blind), tuple(map(tuple, by_others.tolist()))),
            adjudicating=Answered(tuple(deciding), tuple(map(tuple, (0 * checked).tolist()))),
        )

    def _retrain(self, number: int) -> bool:
        """Train, judge on holdout, let the gate decide, and settle the policy; return whether it changed."""
        train, validation, holdout = (
            self._splits[name] for name in (Split.TRAIN, Split.VALIDATION, Split.HOLDOUT)
        )
        folder = Path(self._folder.name)
        self._trainer.train(
            list(zip(train.ids, train.labels, strict=True)),
            list(zip(validation.ids, validation.labels, strict=True)),
            labels=self.labels,
            load=self.world.load,
            folder=folder,
            validation_weights=validation.weights,
        )
        challenger = self._trainer.scorer(folder)
        is_promoted = self.model is None or self._gate(challenger)
        if is_promoted:
            self.model, self._version = challenger, str(number)
            counting = rounds_that_count(range(number + 1), self._drifted)
            held = self.world.features(holdout.ids)[np.isin(holdout.rounds, counting)]
            sketch = self._sketch(challenger(held).probs, held)
            self._seen = [Seen("", self._version, self._desk.moment, sketch, check_drift(sketch, None))]
        self._settle()
        return is_promoted

    def _gate(self, challenger: Regression) -> bool:
        assert self.model is not None
        holdout = self._splits[Split.HOLDOUT]
        features, weights = self.world.features(holdout.ids), np.array(holdout.weights)
        truth = np.array(holdout.labels, dtype=np.intp)
        probs = {"challenger": challenger(features).probs, "champion": self.model(features).probs}
        judged = {
            name: evaluate(
                of_model,
                truth,
                labels=self.labels,
                model_version=name,
                split=str(Split.HOLDOUT),
                gold_version=1,
                gold_digest="",
                weights=weights,
            )
            for name, of_model in probs.items()
        }
        right = [of_model.argmax(axis=1) == truth for of_model in probs.values()]
        comparison = compare(*right, truth, labels=self.labels, weights=weights)
        gate = Gate(**self.settings.gate.model_dump())
        return decide(gate, **judged, comparison=comparison).is_promoted

    def _settle(self) -> None:
        """Fit the policy for the champion, and suspend it where the guard says so."""
        assert self.model is not None
        holdout = self._splits[Split.HOLDOUT]
        judged = holdout.audited(self.model(self.world.features(holdout.ids)).probs)
        policy = fit_policy(self.settings, judged, self._known_people()).policy
        if not isinstance(policy, Target):
            accepted = judged.where(policy.lanes(judged.probs) == str(Lane.AUTO))
            if len(accepted) and guard(accepted, max_error=self.settings.policy.max_error).is_broken:
                policy = Suspended(policy)
        self._policy = policy
