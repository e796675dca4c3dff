"""What became of imported labels: which are gold or doubted, and how often annotators agree with them.

Annotators answer about imported samples for two reasons. The audit draws them at random from the reserve, so
that its share of equal labels is that of the file. All others were chosen, most of them because their label
is doubtful, so that theirs is lower.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from goldloop.core.annotations import Answer
from goldloop.core.imported_labels import ImportedLabel, known_imports
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.labeling.context import LoopState, read_state
from goldloop.loop.ports import LoopPorts
from goldloop.loop.relabel import Relabel, relabels_of
from goldloop.stats.measures import Measure, share
from goldloop.tables.gold_store import read_label_issues

_INFORMED = (Purpose.ONBOARDING, Purpose.ADJUDICATION, Purpose.APPEAL)
"""Tasks whose annotators are tested, or see what others said."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The share of samples in which the first blind answer is the label of a file.

    `audited` is that of random audits, `chosen` that of samples which goldloop sent for another reason.
    """

    audited: Measure
    chosen: Measure


@dataclass(frozen=True, slots=True)
class ListedImport:
    """A file that was imported: how many rows it gave, how many are gold now, of how many labels.

    The newest search for label errors doubts `n_doubted` of its samples, and annotators agree as `agreement`
    says.
    """

    source: str
    format: str
    imported_at: datetime
    n_rows: int
    n_gold: int
    n_labels: int
    n_doubted: int
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class ImportTotals:
    """All imports together: `n_rows` rows of `n_files` files, which label `n_samples` samples.

    Of the samples `n_gold` have their label of the file as gold. `doubted` counts those whose label the
    newest search doubts by what became of them.
    """

    n_rows: int
    n_files: int
    n_samples: int
    n_gold: int
    doubted: Mapping[str, int]
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What speaks for and against the labels of files: first blind answers, gold by imports, and doubts."""

    audited: Mapping[SampleId, str]
    chosen: Mapping[SampleId, str]
    gold: Mapping[SampleId, str]
    doubts: Sequence[Relabel]

    def agreement(self, said: Mapping[SampleId, str]) -> Agreement:
        """Return how often annotators agree with what a file said of samples."""
        return Agreement(_equal(said, self.audited), _equal(said, self.chosen))

    def n_gold(self, said: Mapping[SampleId, str]) -> int:
        """Return how many samples have as gold what a file said."""
        return sum(self.gold.get(sample_id) == label for sample_id, label in said.items())

    def doubted(self, said: Mapping[SampleId, str]) -> Counter[str]:
        """Return what became of the samples whose label is doubted and is what a file said."""
        return Counter(one.state for one in self.doubts if said.get(one.issue.sample_id) == one.issue.label)


def list_imports(ports: LoopPorts, state: LoopState | None = None) -> list[ListedImport]:
    """Return the files that were imported, in the order in which they came."""
    state = state or read_state(ports.tables, ports.settings)
    evidence = _read_evidence(ports, state)
    passes: dict[tuple[str, str, datetime], list[ImportedLabel]] = {}
    for one in state.snapshot.imported:
        passes.setdefault((one.source, one.format, one.imported_at), []).append(one)
    listed = []
    for key, rows in passes.items():
        said = _said(rows)
        listed.append(
            ListedImport(
                *key,
                n_rows=len(rows),
                n_gold=evidence.n_gold(said),
                n_labels=len({one.label for one in rows}),
                n_doubted=evidence.doubted(said).total(),
                agreement=evidence.agreement(said),
            )
        )
    return listed


def total_imports(ports: LoopPorts, state: LoopState) -> ImportTotals | None:
    """Return what became of all imports; None where nothing was imported."""
    imported = state.snapshot.imported
    if not imported:
        return None
    evidence, said = _read_evidence(ports, state), _said(imported)
    return ImportTotals(
        n_rows=len(imported),
        n_files=len({one.source for one in imported}),
        n_samples=len({one.sample_id for one in imported}),
        n_gold=evidence.n_gold(said),
        doubted=evidence.doubted(said),
        agreement=evidence.agreement(said),
    )


def _read_evidence(ports: LoopPorts, state: LoopState) -> _Evidence:
    issues = read_label_issues(ports.tables.label_errors) if ports.tables.label_errors.version() else []
    blind = [one for one in state.outcomes.answers if not one.is_shown and one.purpose not in _INFORMED]
    return _Evidence(
        audited=_first(one for one in blind if one.purpose is Purpose.AUDIT),
        chosen=_first(one for one in blind if one.purpose is not Purpose.AUDIT),
        gold={one.sample_id: one.label for one in state.snapshot.gold.records if one.source == "import"},
        doubts=relabels_of(issues, state.snapshot),
    )


def _first(answers: Iterable[Answer]) -> dict[SampleId, str]:
    """Return the first label that an annotator gave each sample."""
    found: dict[SampleId, str] = {}
    for one in sorted(answers, key=lambda one: (one.created_at, one.annotation_id)):
        if one.label is not None:
            found.setdefault(one.sample_id, one.label)
    return found


def _said(rows: Sequence[ImportedLabel]) -> dict[SampleId, str]:
    """Return what files say of each sample; nothing of those of which they say two things equally often."""
    return {sample_id: one.label for sample_id, one in known_imports(rows).items()}


def _equal(said: Mapping[SampleId, str], answers: Mapping[SampleId, str]) -> Measure:
    both = [sample_id for sample_id in answers if sample_id in said]
    return share(sum(said[sample_id] == answers[sample_id] for sample_id in both), len(both))
