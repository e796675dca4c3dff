"""Outcomes: what became of samples later, read from a file; they decide labels before anybody's vote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from goldloop.consensus.evidence import SampleEvidence
from goldloop.consensus.gold_outcomes import gold_records, reason_of
from goldloop.core.reported_outcomes import ReportedOutcome, known_outcomes
from goldloop.core.samples import SampleId
from goldloop.gold.records import GoldRecord, GoldVersion
from goldloop.labeling.context import LoopState, read_state
from goldloop.labeling.reported_outcomes import Bound, bind_outcomes
from goldloop.loop.maturity import Maturity, read_maturity
from goldloop.loop.ports import LoopPorts
from goldloop.modalities.rows.outcomes import OutcomeForm, RefusedRow, read_outcomes
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.outcomes import save_reported

PEOPLE = "people"
"""Who had said another label, where it was no outcome."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """An outcome that says another `label` than `before`, which an outcome of the kind `by` or people said.

    `sample` is its sample_id, or its name while no such sample has arrived.
    """

    sample: str
    name: str
    label: str
    kind: str
    before: str
    by: str


@dataclass(frozen=True, slots=True)
class OutcomesReport:
    """What became of the rows of a file of outcomes.

    Of `n_rows` rows, `n_added` are new, `n_known` were there before, and `refused` cannot be used.
    `n_waiting` outcomes of this file have no sample yet, of which `ambiguous` names several samples;
    they find it when it arrives. `contradictions` are samples whose outcome says other than an earlier
    outcome or than people. `lost` tells of samples whose content is gone, so that they are no gold.
    `gold_version` is None where no label changed.
    """

    n_rows: int
    n_added: int
    n_known: int
    n_waiting: int
    refused: tuple[RefusedRow, ...]
    ambiguous: tuple[str, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    lost: tuple[str, ...] = ()
    n_honest_disputes: int = 0
    gold_version: int | None = None
    n_gold_changes: int = 0
    maturity: Maturity | None = None

    @property
    def n_contradictions(self) -> Mapping[str, int]:
        """How many outcomes contradict what was said before, by who had said it."""
        return Counter(one.by for one in self.contradictions)


def add_outcomes(ports: LoopPorts, source: str) -> OutcomesReport:
    """Read the file of outcomes at `source`, keep what it says, and commit the gold that follows.

    Rows that are known already add nothing. A row that cannot be used is refused with the reason and the
    others count; all rows are kept in one commit. An outcome of a sample that has not arrived is kept and
    waits for it. Calling it again, as after a kill, goes on.

    Raises:
        SourceError: the file cannot be read, lacks a column or has one that is not known; nothing is kept.
    """
    form = OutcomeForm(ports.settings.label_set, ports.clock())
    rows = list(read_outcomes(source, form))
    reports = [row for row in rows if isinstance(row, ReportedOutcome)]
    before = read_state(ports.tables, ports.settings)
    added = save_reported(ports.tables.outcomes, reports)
    bound, state = _bind(ports, before)
    version = commit_gold(ports, state, command="outcomes")
    mine, new = {report.digest for report in reports}, {report.digest for report in added}
    present = [report for report in state.snapshot.reported if report.digest in mine]
    return OutcomesReport(
        n_rows=len(rows),
        n_added=len(added),
        n_known=len(reports) - len(added),
        n_waiting=sum(report.sample_id is None for report in present),
        refused=tuple(row for row in rows if isinstance(row, RefusedRow)),
        ambiguous=tuple(name for name in bound.ambiguous if name in {one.name for one in reports}),
        contradictions=tuple(_contradictions(before, [one for one in present if one.digest in new])),
        lost=bound.lost,
        n_honest_disputes=sum(report.is_honest_dispute for report in reports),
        gold_version=version.version if version else None,
        n_gold_changes=version.n_added + version.n_changed + version.n_removed if version else 0,
        maturity=read_maturity(ports, state.snapshot.reported),
    )


def _bind(ports: LoopPorts, before: LoopState) -> tuple[Bound, LoopState]:
    """Bind what was added to samples; return what was bound, and the state then."""
    state = read_state(ports.tables, ports.settings, before)
    bound = bind_outcomes(ports.tables, ports.settings, ports.modality, state.snapshot)
    return bound, read_state(ports.tables, ports.settings, state) if bound.n else state


def commit_gold(ports: LoopPorts, state: LoopState, *, command: str) -> GoldVersion | None:
    """Commit the gold of all answers, outcomes and imported labels; None if it is the present one.

    `command` is why, for the gold log.
    """
    current: LoopState | None = None

    def records() -> list[GoldRecord]:
        nonlocal current
        current = state if current is None else read_state(ports.tables, ports.settings, current)
        return gold_records(current.outcomes)

    return GoldStore(ports.tables.gold).commit(
        records, reason=lambda changes: reason_of(changes, command=command), base=state.snapshot.gold
    )


def _contradictions(before: LoopState, new: Iterable[ReportedOutcome]) -> Iterator[Contradiction]:
    """Yield where the `new` reports say other than was said before, by outcomes or by people."""
    known = known_outcomes(before.snapshot.reported)
    said: dict[str, tuple[str, str]] = {key: (one.label, str(one.kind)) for key, one in known.items()}
    voted = {one.evidence.sample_id: one.evidence for one in before.outcomes.samples}
    for report in new:
        key, label = report.sample_id or report.name, report.label
        if label is None:
            continue
        earlier, evidence = said.get(key), voted.get(SampleId(key))
        people = people_say(evidence) if evidence else None
        for word, by in (earlier, (people, PEOPLE)) if earlier else ((people, PEOPLE),):
            if word is not None and word != label:
                yield Contradiction(key, report.name, label, str(report.kind), word, by)
        said[key] = (label, str(report.kind))


def people_say(evidence: SampleEvidence) -> str | None:
    """Return the label by people alone: the decision on a dispute or appeal, else that of most votes."""
    if evidence.decision is not None:
        return evidence.decision.label
    counts = Counter(vote.label for vote in evidence.votes).most_common(2)
    is_tied = len(counts) > 1 and counts[0][1] == counts[1][1]
    return None if not counts or is_tied else counts[0][0]
