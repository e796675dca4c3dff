"""The simulated year itself: 52 rounds of score, check, route, select, ask, estimate and retrain.

Everything that decides or estimates is goldloop's own; what is simulated is the traffic, the people, and that
tables are arrays here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
from _year_model import Regression, train
from _year_people import Desk, Found, flat
from _year_world import N_WEEKS, Floats, People, Week, World

from goldloop.annotators.profiles import people
from goldloop.audit.audited import Audited, Traffic
from goldloop.audit.designs import Design, audit_probabilities, usual_unsureness
from goldloop.audit.estimates import estimate_accuracy
from goldloop.audit.guard import guard
from goldloop.core.candidates import Candidate, Choice
from goldloop.core.lanes import Lane
from goldloop.core.probs import margin
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.splits import Split, wanted_split
from goldloop.core.tasks import Purpose
from goldloop.costs.review_effort import BLIND, blind_counts, checked_counts
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

START = datetime(2026, 1, 5, tzinfo=UTC)
NO_LIMIT = 10**6  # answers: what a policy sends to people is answered in the same week
FIRST_ANSWERS = 500  # of the round before the first model
RECENT_ANSWERS = 1500  # blind ones, by which people's mistakes are counted for the cost policy
MEMORY = 12  # weeks of answers by which people are judged


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to: `estimate` of the accuracy on its traffic beside the `truth`.

    `spent` and `lost` are what people's time and wrong labels really cost, in currency. Counted with the true
    labels: wrong ones let through and in gold, the machine's, those that people, sent by the policy, put
    right, and as many as single blind answers to everything are expected to get wrong.
    """

    number: int
    estimate: Estimate | None
    truth: float
    check: Check
    flagged: tuple[str, ...]
    lanes: dict[str, int]
    policy: str
    is_promoted: bool
    spent: float
    lost: float
    n_let_through: int
    n_wrong_gold: int
    n_machine_wrong: int
    n_caught: int
    n_would_err: float


@dataclass
class Gathered:
    """Samples with their label by people, in parallel lists that grow week by week."""

    ids: list[SampleId] = field(default_factory=list)
    features: list[npt.NDArray[np.float32]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    probs: list[Floats] = field(default_factory=list)
    lanes: list[str] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)

    def audited(self, probs: Floats | None = None) -> Audited:
        """Return the samples as first scored, or as another model's `probs` have them."""
        return Audited(
            sample_ids=tuple(self.ids),
            truth=np.array(self.labels, dtype=np.intp),
            probs=np.array(self.probs) if probs is None else probs,
            weights=np.array(self.weights),
            lanes=np.array(self.lanes, dtype="<U6"),
            rounds=np.array(self.rounds, dtype=np.intp),
        )


class YearLoop:
    """One policy's year: its traffic, its people, its models, and everything it has learnt so far."""

    def __init__(self, world: World, crew: People, settings: Settings, seed: int) -> None:
        self.world, self.settings, self.labels = world, settings, world.labels
        self._seed = seed
        self.desk = Desk(crew, world.labels, np.random.default_rng([seed, 3]), START)
        self.trained, self.validation, self.holdout = Gathered(), Gathered(), Gathered()
        self.audits = Gathered()
        self.traffic: list[Traffic] = []
        self.model: Regression | None = None
        self.policy: Policy | None = None
        self._usual: float | None = None
        self._seen: list[Seen] = []
        self._drifted: list[int] = []
        self.closed: list[datetime] = []
        self.made: list[tuple[int, Choice, Found, int]] = []

    def year(self) -> list[Round]:
        """Return the 52 rounds after the first model."""
        self.start()
        return [self._round(number) for number in range(1, N_WEEKS + 1)]

    # --- a round

    def start(self) -> None:
        """Let people label a random draw of the first week, and train the first model on it."""
        week = self.world.week(0)
        choices = self._select(week, None, None, FIRST_ANSWERS)
        self._work(week, choices, None)
        self._close(0)
        self._retrain("0")

    def _round(self, number: int) -> Round:
        assert self.model is not None
        assert self.policy is not None
        week = self.world.week(number)
        probs = self.model.probs(week.features)
        check = self._check(week, probs)
        lanes = np.array([str(one) for one in route(probs, self.policy)])
        self.traffic.append(
            Traffic(
                week.sample_ids,
                probs,
                lanes,
                np.full(len(week), self.policy.version),
                np.full(len(week), number),
            )
        )
        n_before = len(self.desk.answers)
        choices = self._select(week, probs, lanes, NO_LIMIT)
        found = self._work(week, choices, probs)
        estimate = self._estimate(number)
        answers = self.desk.answers[n_before:]
        said = probs.argmax(axis=1)
        delivered = np.array(
            [found[place].label if place in found else said[place] for place in range(len(week))]
        )
        is_wrong = delivered != week.truth
        is_gold = np.array([place in found for place in range(len(week))])
        looks = {one.candidate.sample_id for one in choices if one.purpose is not Purpose.AUDIT}
        is_looked = np.array([one in looks for one in week.sample_ids])
        flagged = self._flagged(number)
        version = self.policy.version
        self._close(number)
        return Round(
            number=number,
            estimate=estimate,
            truth=float((said == week.truth).mean()),
            check=check,
            flagged=flagged,
            lanes={lane: int((lanes == lane).sum()) for lane in np.unique(lanes).tolist()},
            policy=version,
            is_promoted=self._retrain(str(number)),
            spent=sum(one.lead_time_s or 0 for one in answers) / 60 * self.settings.cost.minute,
            lost=float(is_wrong.sum()) * self.settings.cost.error,
            n_let_through=int((is_wrong & ~is_gold).sum()),
            n_wrong_gold=int((is_wrong & is_gold).sum()),
            n_machine_wrong=int((said != week.truth).sum()),
            n_caught=int((is_looked & (said != week.truth) & ~is_wrong).sum()),
            n_would_err=self.desk.people.expected_errors(week),
        )

    def _close(self, number: int) -> None:
        self.closed.append(START + timedelta(days=7 * (number + 1)))
        self.desk.moment = self.closed[-1]

    def _check(self, week: Week, probs: Floats) -> Check:
        sketch = self._sketch(probs, week.features)
        check = check_drift(sketch, reference_of(self._seen))
        self._seen.append(self._as_seen(sketch, check))
        if check.drifts:
            self._drifted.append(week.number)
        return check

    def _sketch(self, probs: Floats, features: npt.NDArray[np.float32]) -> Sketch:
        builder = SketchBuilder(self.labels)
        builder.add(probs, features)
        return builder.sketch()

    def _as_seen(self, sketch: Sketch, check: Check) -> Seen:
        version = self.model.version if self.model else ""
        return Seen("", version, self.desk.moment, sketch, check)

    def _select(
        self, week: Week, probs: Floats | None, lanes: npt.NDArray[np.str_] | None, n_answers: int
    ) -> list[Choice]:
        selection = self.settings.selection
        chances = np.full(len(week), selection.audit_rate)
        if probs is not None:
            chances = audit_probabilities(
                probs, audit_rate=selection.audit_rate, design=selection.audit_design, usual=self._usual
            )
        margins = None if probs is None else margin(probs)
        pool = [
            Candidate(
                one,
                BatchId(str(week.number)),
                Lane.HOLD if lanes is None else Lane(lanes[place]),
                None if margins is None else float(margins[place]),
                None if probs is None else self.labels[int(probs[place].argmax())],
                float(chances[place]),
            )
            for place, one in enumerate(week.sample_ids)
        ]
        return select(
            pool,
            n_answers=n_answers,
            audit_rate=selection.audit_rate,
            audit_share=1.0,
            seed=selection.seed,
            audit_answers=self.settings.consensus.audit_answers,
            n_arrived=len(week),
            has_model=probs is not None,
        )

    def _work(self, week: Week, choices: list[Choice], probs: Floats | None) -> dict[int, Found]:
        """Let people label what was chosen; return what came of it by place in the week."""
        places = {one: place for place, one in enumerate(week.sample_ids)}
        found: dict[int, Found] = {}
        for choice in choices:
            place = places[choice.candidate.sample_id]
            prior = flat(self.labels) if probs is None else probs[place]
            if choice.purpose is Purpose.AUDIT:
                found[place] = self.desk.strict(week, place, Purpose.AUDIT, flat(self.labels))
            elif choice.purpose is Purpose.FULL:
                found[place] = self.desk.strict(week, place, Purpose.FULL, prior)
            elif choice.purpose is Purpose.REVIEW:
                found[place] = self.desk.quick(week, place, prior)
            else:
                found[place] = self.desk.single(week, place)
            machine = -1 if probs is None else int(probs[place].argmax())
            self.made.append((week.number, choice, found[place], machine))
            self._keep(week, place, choice, found[place], probs)
        return found

    def _keep(self, week: Week, place: int, choice: Choice, found: Found, probs: Floats | None) -> None:
        split = wanted_split(choice.candidate.sample_id, choice.purpose, seed=self.settings.selection.seed)
        into = {Split.TRAIN: self.trained, Split.VALIDATION: self.validation, Split.HOLDOUT: self.holdout}
        targets = [into[split]]
        if choice.purpose is Purpose.AUDIT and probs is not None:
            targets.append(self.audits)
        for one in targets:
            one.ids.append(choice.candidate.sample_id)
            one.features.append(week.features[place])
            one.labels.append(found.label)
            one.weights.append(1 / (choice.inclusion_probability or 1.0))
            one.probs.append(flat(self.labels) if probs is None else probs[place])
            one.lanes.append(str(choice.candidate.lane))
            one.rounds.append(week.number)

    # --- what is learnt from it

    def _estimate(self, number: int) -> Estimate | None:
        audited = self.audits.audited()
        return estimate_accuracy(audited.where(audited.rounds == number), self.traffic[-1])

    def _flagged(self, number: int) -> tuple[str, ...]:
        recent = [one for one in self.desk.judged if one.answer.round > number - MEMORY]
        found = people(recent, labels=self.labels, bar=self.settings.annotators.bar)
        return tuple(one.annotator for one in found if one.is_flagged or one.is_falling)

    def known_people(self) -> KnownPeople:
        """Return how long people took and what they answered, as `goldloop.costs.review_effort` has it."""
        quick = [one.lead_time_s or 0.0 for one in self.desk.answers if one.is_shown]
        blind = [
            one.lead_time_s or 0.0 for one in self.desk.answers if one.purpose in BLIND and not one.is_shown
        ]
        deciding = [
            one.lead_time_s or 0.0 for one in self.desk.answers if one.purpose is Purpose.ADJUDICATION
        ]
        checked = checked_counts(self.desk.observations, self.labels)
        by_others = blind_counts(self.desk.judged[-RECENT_ANSWERS:], BLIND, self.labels)
        return KnownPeople(
            quick=Answered(tuple(quick), tuple(map(tuple, checked.tolist()))) if quick else None,
            blind=Answered(tuple(blind), tuple(map(tuple, by_others.tolist()))),
            adjudicating=Answered(tuple(deciding), tuple(map(tuple, (0 * checked).tolist()))),
        )

    def _retrain(self, version: str) -> bool:
        """Train, judge on holdout, let the gate decide, and settle the policy; return whether it changed."""
        seen = np.array(self.validation.features)
        challenger = train(
            version,
            np.array(self.trained.features),
            np.array(self.trained.labels, dtype=np.intp),
            (seen, np.array(self.validation.labels, dtype=np.intp), np.array(self.validation.weights)),
            n_labels=len(self.labels),
            start=self.model,
        )
        is_promoted = self.model is None or self._gate(challenger)
        if is_promoted:
            self.model = challenger
            counting = rounds_that_count(range(int(version) + 1), self._drifted)
            held = np.array(self.holdout.features)[np.isin(self.holdout.rounds, counting)]
            sketch = self._sketch(challenger.probs(held), held)
            self._seen = [self._as_seen(sketch, check_drift(sketch, None))]
        self._settle()
        if Design(self.settings.selection.audit_design) is Design.POISSON and self.traffic:
            probs = np.concatenate([one.probs for one in self.traffic])
            self._usual = usual_unsureness(probs, audit_rate=self.settings.selection.audit_rate)
        return is_promoted

    def _gate(self, challenger: Regression) -> bool:
        assert self.model is not None
        held = np.array(self.holdout.features)
        truth = np.array(self.holdout.labels, dtype=np.intp)
        weights = np.array(self.holdout.weights)
        judged = {
            name: evaluate(
                model.probs(held),
                truth,
                labels=self.labels,
                model_version=model.version,
                split=str(Split.HOLDOUT),
                gold_version=1,
                gold_digest="",
                weights=weights,
            )
            for name, model in (("challenger", challenger), ("champion", self.model))
        }
        right = [model.probs(held).argmax(axis=1) == truth for model in (challenger, self.model)]
        comparison = compare(*right, truth, labels=self.labels, weights=weights)
        gate = Gate(**self.settings.gate.model_dump())
        return decide(
            gate, champion=judged["champion"], challenger=judged["challenger"], comparison=comparison
        ).is_promoted

    def _settle(self) -> None:
        """Fit the policy for the champion, and recall it where the guard says so, as `settle_policy` does."""
        assert self.model is not None
        judged = self.holdout.audited(self.model.probs(np.array(self.holdout.features)))
        policy = fit_policy(self.settings, judged, self.known_people()).policy
        if not isinstance(policy, Target):
            accepted = judged.where(policy.lanes(judged.probs) == str(Lane.AUTO))
            if len(accepted) and guard(accepted, max_error=self.settings.policy.max_error).is_broken:
                policy = Suspended(policy)
        self.policy = policy
