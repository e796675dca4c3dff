"""The data of a quarter: its population, the answers about it, and how old it is, from the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from goldloop.audit.audited import Traffic
from goldloop.core.annotations import Answer
from goldloop.core.lanes import Lane
from goldloop.core.reported_outcomes import KnownOutcome, known_outcomes
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.costs.population import PEOPLE, UNKNOWN, Population
from goldloop.costs.report import Quarter
from goldloop.costs.review_effort import people_costs
from goldloop.gold.records import GoldRecord
from goldloop.labeling.context import LoopState
from goldloop.loop.maturity import chargeback_delays, sample_times
from goldloop.loop.ports import LoopPorts
from goldloop.routing.fit import PRIOR_ANSWERS, Answered, cost_policy
from goldloop.settings import Settings
from goldloop.stats.delays import DAY_S
from goldloop.stats.metrics import Flags, Floats
from goldloop.tables.predictions import FirstDecision, read_first_decisions
from goldloop.tables.traffic import read_traffic


@dataclass(frozen=True, slots=True)
class QuarterData:
    """What a quarter's figures are computed from; `sample_ids` (N,) are in the order of `population`.

    `is_mature` (N,) tells which samples are old enough to be believed; None where the delay is not known.
    """

    quarter: Quarter
    sample_ids: tuple[SampleId, ...]
    population: Population
    answers: Sequence[Answer]
    is_mature: Flags | None


def first_day(quarter: Quarter) -> datetime:
    """Return the moment at which `quarter` begins, in UTC."""
    return datetime(quarter.year, 3 * quarter.number - 2, 1, tzinfo=UTC)


def before(quarter: Quarter) -> Quarter:
    """Return the quarter before `quarter`."""
    if quarter.number == 1:
        return Quarter(quarter.year - 1, 4)
    return Quarter(quarter.year, quarter.number - 1)


def quarters_of_samples(ports: LoopPorts) -> list[Quarter]:
    """Return the quarters that hold the time of a scored sample, oldest first."""
    traffic = read_traffic(ports.tables, ports.settings.label_set)
    times = sample_times(ports.tables, ports.settings, ports.modality, traffic.sample_ids)
    return sorted(set(map(Quarter.of, times.values())), key=str)


def read_quarters(ports: LoopPorts, state: LoopState, quarters: Sequence[Quarter]) -> list[QuarterData]:
    """Return the data of each of `quarters`: of the samples whose own time, or else arrival, lies in it."""
    tables, settings = ports.tables, ports.settings
    traffic = read_traffic(tables, settings.label_set)
    times = sample_times(tables, settings, ports.modality, traffic.sample_ids)
    first, known = read_first_decisions(tables), known_outcomes(state.snapshot.reported)
    shares, mature = _maturity(ports, state, traffic.sample_ids, times)
    found = []
    for quarter in quarters:
        rows = np.array([Quarter.of(times[one]) == quarter for one in traffic.sample_ids], dtype=bool)
        mine = traffic.where(rows)
        weeks = [(times[one] - first_day(quarter)).days // 7 for one in mine.sample_ids]
        population = _population(
            mine,
            state=state,
            settings=settings,
            first=first,
            known=known,
            weeks=weeks,
            reported_shares=shares[rows],
        )
        ids = set(mine.sample_ids)
        answers = [answer for answer in state.outcomes.answers if answer.sample_id in ids]
        is_mature = None if mature is None else mature[rows]
        found.append(QuarterData(quarter, mine.sample_ids, population, answers, is_mature))
    return found


def _maturity(
    ports: LoopPorts, state: LoopState, sample_ids: Sequence[SampleId], times: Mapping[SampleId, datetime]
) -> tuple[Floats, Flags | None]:
    """Return which share of reports comes by each sample's age (N,), and which samples are mature."""
    reports, nothing = state.snapshot.reported, (np.zeros(len(sample_ids)), None)
    if not reports:
        return nothing
    found = chargeback_delays(ports.tables, ports.settings, ports.modality, reports)
    delays = found.delays
    if delays is None:
        return nothing
    ages = np.array([(found.as_of - times[one]).total_seconds() / DAY_S for one in sample_ids])
    return delays.share_by(ages), ages >= delays.mature_age


def _population(
    traffic: Traffic,
    *,
    state: LoopState,
    settings: Settings,
    first: Mapping[SampleId, FirstDecision],
    known: Mapping[SampleId, KnownOutcome],
    weeks: Sequence[int],
    reported_shares: Floats,
) -> Population:
    labels = settings.label_set
    gold = {record.sample_id: record for record in state.snapshot.gold.records}
    audits = {key: one for key, one in gold.items() if _is_audit(one)}
    ids = traffic.sample_ids
    is_audited = np.array([one in audits for one in ids], dtype=bool)
    said = [_said(gold[one]) if one in gold else None for one in ids]
    is_labelled = np.isin(traffic.lanes, PEOPLE) & np.array([one is not None for one in said], dtype=bool)
    answered = np.array([labels.column(one) if one else UNKNOWN for one in said], dtype=np.intp)
    right = [
        known[one].label if one in known else audits[one].label if one in audits else None for one in ids
    ]
    firsts = [first.get(one, FirstDecision(one)) for one in ids]
    requests = state.snapshot.requests.requests
    people = people_costs(state.outcomes, requests, labels)
    policy, _ = cost_policy(settings, people)
    lanes = (str(Lane.REVIEW), str(Lane.FULL))
    return Population(
        stakes=traffic.stakes,
        probs=traffic.probs,
        lanes=traffic.lanes,
        taken=np.where(is_labelled, answered, traffic.decided),
        truth=np.array([labels.column(one) if one else UNKNOWN for one in right], dtype=np.intp),
        is_labelled=is_labelled,
        is_reported=np.array([one in known for one in ids], dtype=bool),
        is_audited=is_audited,
        clusters=np.array([one.entity or one.sample_id for one in firsts], dtype=np.str_),
        weeks=np.array(weeks, dtype=np.intp),
        reported_shares=reported_shares,
        rates=dict(zip(lanes, (policy.quick.answers, policy.full.answers), strict=True)),
        rate_counts=dict(
            zip(lanes, [_counted(one, len(labels)) for one in (people.quick, people.blind)], strict=True)
        ),
    )


def _counted(known: Answered | None, n_labels: int) -> Floats:
    """Return on how many answers the rates of each true label rest (n_labels,), with those of the prior."""
    counts = np.zeros((n_labels, n_labels)) if known is None else np.asarray(known.counts)
    found: Floats = counts.sum(axis=1) + PRIOR_ANSWERS
    return found


def _is_audit(record: GoldRecord) -> bool:
    return record.purpose is Purpose.AUDIT and bool(record.inclusion_probability)


def _said(record: GoldRecord) -> str | None:
    """Return what people said of a sample before an outcome or an appeal said something else."""
    if record.source == "people":
        return record.label
    votes = record.votes
    return max(sorted(votes), key=lambda label: votes[label]) if votes else None
