"""Review cases: the samples whose label moderators agree on, and what the machine had said of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose
from goldloop.gold.records import GoldRecord
from goldloop.reports.decisions import LoggedDecision

LEAST_AGREEING = 2
"""Moderators who have to agree on a label, unless an adjudicator decided."""


class Verdict(StrEnum):
    """What the machine's likeliest label is beside the one that moderators agree on."""

    RIGHT = "right"
    FALSE_POSITIVE = "false positive"
    FALSE_NEGATIVE = "false negative"
    OTHER_LABEL = "another label"


@dataclass(frozen=True, slots=True)
class ReviewCase:
    """A sample whose label moderators agree on; `machine_label` and `confidence` are from before they saw it.

    `rule` is the one that most of those who gave the label named, None where nobody did. `n_same_rule` of the
    `n_rules` answers that name a rule name this one. `split` is where the sample serves, `left_out` why it
    trains nothing.
    """

    sample_id: SampleId
    sample: str
    verdict: Verdict
    label: str
    machine_label: str
    confidence: float
    rule: str | None
    n_same_rule: int
    n_rules: int
    severity: str | None
    notes: tuple[str, ...]
    n_agree: int
    n_answers: int
    is_adjudicated: bool
    split: Split
    left_out: str | None

    @property
    def trains(self) -> bool:
        """Whether the next model learns from it."""
        return self.split is Split.TRAIN and self.left_out is None


def verdict_of(label: str, machine_label: str, acceptable: str | None) -> Verdict:
    """Return what `machine_label` is beside `label`; a positive is what is not `acceptable`.

    >>> str(verdict_of("spam", "fine", acceptable="fine"))
    'false negative'
    """
    if label == machine_label:
        return Verdict.RIGHT
    if label == acceptable:
        return Verdict.FALSE_POSITIVE
    return Verdict.FALSE_NEGATIVE if machine_label == acceptable else Verdict.OTHER_LABEL


def review_cases(
    log: Sequence[LoggedDecision],
    gold: Iterable[GoldRecord],
    *,
    acceptable: str | None,
    left_out: Mapping[SampleId, str],
) -> list[ReviewCase]:
    """Return a case for each sample of `log` with gold that moderators agree on and a machine's label.

    The surest mistakes of the machine come first, then what it had right. `left_out` holds reasons.
    """
    by_sample: defaultdict[SampleId, list[LoggedDecision]] = defaultdict(list)
    for decision in log:
        by_sample[decision.sample_id].append(decision)
    records = {record.sample_id: record for record in gold}
    cases = [
        _case(records[sample_id], decisions, acceptable, left_out.get(sample_id))
        for sample_id, decisions in by_sample.items()
        if sample_id in records
    ]
    found = [case for case in cases if case is not None]
    return sorted(found, key=lambda case: (case.verdict is Verdict.RIGHT, -case.confidence, case.sample_id))


def _case(
    record: GoldRecord, decisions: Sequence[LoggedDecision], acceptable: str | None, left_out: str | None
) -> ReviewCase | None:
    agreeing = [one for one in decisions if one.decision == record.label]
    is_adjudicated = any(one.purpose == Purpose.ADJUDICATION for one in agreeing)
    machine = next((one for one in decisions if one.machine_label is not None), None)
    n_agree = max((one.n_agree for one in agreeing), default=0)
    if machine is None or not (is_adjudicated or n_agree >= LEAST_AGREEING):
        return None
    # the adjudicator's rule and severity count before the others'
    agreeing.sort(key=lambda one: one.purpose != Purpose.ADJUDICATION)
    rules = [one.rule for one in agreeing if one.rule]
    rule = rules[0] if is_adjudicated and rules else _most_frequent(rules)
    return ReviewCase(
        sample_id=record.sample_id,
        sample=machine.sample,
        verdict=verdict_of(record.label, str(machine.machine_label), acceptable),
        label=record.label,
        machine_label=str(machine.machine_label),
        confidence=machine.confidence or 0.0,
        rule=rule,
        n_same_rule=rules.count(rule) if rule else 0,
        n_rules=len(rules),
        severity=_most_frequent([one.severity for one in agreeing if one.severity]),
        notes=tuple(one.note for one in decisions if one.note),
        n_agree=n_agree,
        n_answers=max(one.n_answers for one in decisions),
        is_adjudicated=is_adjudicated,
        split=record.split,
        left_out=left_out,
    )


def _most_frequent(given: Sequence[str]) -> str | None:
    return Counter(given).most_common(1)[0][0] if given else None
