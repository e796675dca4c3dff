"""Cases: what follow-ups and reports need to know of one sample that annotators were asked about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from goldloop.annotators.honeypots import Honeypot, known_answer
from goldloop.consensus.answer_roles import APPEAL_ANSWERS
from goldloop.consensus.evidence import SampleEvidence
from goldloop.consensus.next_step import Step
from goldloop.consensus.outcomes import SampleOutcome
from goldloop.core.chance import Arm
from goldloop.core.samples import SampleId
from goldloop.core.tasks import AnswerRequest, Purpose, RequestReason, split_key, task_key
from goldloop.selection.plan import n_answers_of
from goldloop.settings import Settings
from goldloop.sheets.composition import is_twin

_GAIN_DIGITS = 12  # two gains that differ by less come from sums in another order


@dataclass(frozen=True, slots=True)
class Case:
    """What one sample calls for; `round` is that of its first task.

    `promised` answers are requested whatever they cost, and so is a full review that somebody asked for
    (`is_deferred`). The budget pays for an adjudication (`is_disputed`), a `check`, a blind second task
    (`is_rechecked`), and an answer where the label is `unsure`, which brings `gain`. A sample whose label is
    known may be a `honeypot`, by the request `test`, unless people know it from elsewhere (`is_elsewhere`) or
    its `decider` is one of them.
    """

    sample_id: SampleId
    round: int
    purpose: Purpose
    step: Step
    is_begun: bool
    voters: tuple[str, ...]
    promised: tuple[AnswerRequest, ...] = ()
    is_deferred: bool = False
    is_disputed: bool = False
    check: AnswerRequest | None = None
    is_rechecked: bool = False
    unsure: AnswerRequest | None = None
    gain: float = 0.0
    honeypot: Honeypot | None = None
    test: AnswerRequest | None = None
    is_elsewhere: bool = False
    decider: str | None = None

    @property
    def is_undecided_audit(self) -> bool:
        """Whether an audit sample still waits for answers."""
        return self.step is Step.WAIT and self.purpose is Purpose.AUDIT

    @property
    def calls(self) -> bool:
        """Whether the sample calls for anything, or may be a honeypot."""
        return bool(
            self.promised
            or self.is_deferred
            or self.is_disputed
            or self.check
            or self.is_rechecked
            or self.unsure
            or self.honeypot
            or self.is_undecided_audit
        )


def n_tested(requests: Iterable[AnswerRequest]) -> Counter[SampleId]:
    """Return how often each sample was requested as a honeypot."""
    return Counter(split_key(one.key)[0] for one in requests if one.reason is RequestReason.HONEYPOT)


def case_of(
    outcome: SampleOutcome,
    gain: float,
    *,
    live: Collection[str],
    n_wanted: Mapping[str, int],
    n_tested: Mapping[SampleId, int],
    settings: Settings,
) -> Case:
    """Return the case of a sample; `live` are the keys of live tasks, `n_wanted` answers by key.

    `gain` is what one more answer is expected to bring, `n_tested` how often samples were honeypots.
    """
    evidence = outcome.evidence
    asks_blind = task_key(evidence.sample_id, Purpose.RECHECK) not in live and _asks_blind(outcome, settings)
    sample_id, purpose, n_uncounted = evidence.sample_id, evidence.purpose, evidence.uncounted.count
    key = evidence.plan.key
    is_checked = purpose is Purpose.REVIEW and bool(evidence.votes)
    n_checked = evidence.n_first + n_uncounted(key)
    honeypot = known_answer(outcome, n_tested.get(sample_id, 0))
    n_test = max(evidence.n_asked, len(evidence.votes)) + n_uncounted(key) + 1
    return Case(
        sample_id=sample_id,
        round=evidence.plan.round,
        purpose=purpose,
        step=outcome.step,
        is_begun=bool(evidence.votes or evidence.skips),
        voters=tuple(vote.annotator for vote in evidence.votes),
        promised=tuple(_promised(evidence, n_wanted, settings)),
        is_deferred=evidence.is_deferred and task_key(sample_id, Purpose.FULL) not in live,
        is_disputed=outcome.step is Step.ADJUDICATE and task_key(sample_id, Purpose.ADJUDICATION) not in live,
        check=AnswerRequest(key, n_checked, RequestReason.CHECK)
        if is_checked and evidence.arm is Arm.HIDDEN and n_wanted.get(key, 1) < n_checked
        else None,
        is_rechecked=asks_blind,
        unsure=_unsure(evidence, n_wanted) if outcome.step is Step.ASK and not asks_blind else None,
        gain=round(gain, _GAIN_DIGITS),
        honeypot=honeypot,
        test=AnswerRequest(key, n_test, RequestReason.HONEYPOT) if honeypot else None,
        is_elsewhere=len(evidence.keys) > 1,
        decider=evidence.decision.annotator if evidence.decision else None,
    )


def _asks_blind(outcome: SampleOutcome, settings: Settings) -> bool:
    """Return whether the sample calls for a blind task of its own, beside the one that shows a suggestion.

    Nobody is asked about one sample of a sheet: who clicked it, or is not sure, wants a closer look, and
    chance gives one to some of the others. So does who clicked a label that a single answer gave.
    """
    evidence = outcome.evidence
    if evidence.is_clicked:
        return True
    if evidence.purpose is Purpose.REVIEW:
        return bool(evidence.votes) and evidence.arm is Arm.SHOWN
    if evidence.purpose is not Purpose.SHEET:
        return False
    sheets, seed = settings.sheets, settings.selection.seed
    is_second = bool(evidence.votes) and is_twin(
        evidence.sample_id, twin_share=sheets.second_looks, seed=seed
    )
    return is_second or outcome.step is Step.ASK


def _promised(
    evidence: SampleEvidence, n_wanted: Mapping[str, int], settings: Settings
) -> Iterable[AnswerRequest]:
    """Yield first answers, the replacement of answers that do not count, and those of full reviews."""
    appeal = task_key(evidence.sample_id, Purpose.APPEAL)
    n = APPEAL_ANSWERS + evidence.uncounted.count(appeal)
    if appeal in evidence.keys and n > n_wanted.get(appeal, 1):  # two of people who have not decided it
        yield AnswerRequest(appeal, n, RequestReason.FIRST)
    full, n_full = task_key(evidence.sample_id, Purpose.FULL), n_answers_of(Purpose.FULL, settings)
    if evidence.is_deferred and full not in evidence.keys and n_full > n_wanted.get(full, 1):
        yield AnswerRequest(full, n_full, RequestReason.FIRST)  # of the task that is planned with it
    n_first = n_answers_of(evidence.purpose, settings)
    if n_first > n_wanted.get(evidence.plan.key, 1):
        yield AnswerRequest(evidence.plan.key, n_first, RequestReason.FIRST)
    for key in dict.fromkeys(evidence.uncounted):
        if key == appeal:
            continue
        n = (n_first if key == evidence.plan.key else 1) + evidence.uncounted.count(key)
        if n > n_wanted.get(key, 1):
            yield AnswerRequest(key, n, RequestReason.UNCOUNTED)


def _unsure(evidence: SampleEvidence, n_wanted: Mapping[str, int]) -> AnswerRequest:
    recheck = task_key(evidence.sample_id, Purpose.RECHECK)
    key = recheck if recheck in evidence.keys else evidence.plan.key  # prefer the blind task
    n_given = sum(task_key(vote.sample_id, vote.purpose) == key for vote in evidence.votes)
    return AnswerRequest(key, max(n_wanted.get(key, 1), n_given) + 1, RequestReason.UNSURE)
