"""Imports: labels that exist come in, as train samples whose origin is kept.

They are nobody's answers: they measure no annotator, are no audit, and annotators who say other than the file
decide. Label errors are searched among them as among all gold of train.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from goldloop.core.chance import permanent_random
from goldloop.core.imported_labels import ImportedLabel, imports_by_sample, known_imports
from goldloop.core.reported_outcomes import Placement, ReportedOutcome
from goldloop.core.samples import ArrivedSample, SampleId
from goldloop.core.splits import HOLDOUT_SHARE, Split
from goldloop.formats.export import Format
from goldloop.formats.label_names import labels_of
from goldloop.formats.labelled import TRAIN, WITHHELD, LabelledSample, RefusedRow
from goldloop.formats.read import read_labelled
from goldloop.labeling.context import LoopState, read_state
from goldloop.labeling.placements import placements_of
from goldloop.loop.import_arrivals import arrive
from goldloop.loop.outcomes import commit_gold, people_say
from goldloop.loop.ports import LoopPorts
from goldloop.tables.imported_labels import save_imported


@dataclass(frozen=True, slots=True)
class ImportWish:
    """How a file is to be imported.

    `label_map` maps names in the file to labels; an empty label leaves rows out. `is_random` says that the
    samples are a random draw of those that arrive. `ignores_splits` lets samples train that the file has for
    validation or test. `origin` names what the labels come from, "" for the file itself.
    """

    form: Format
    label_map: Mapping[str, str] = field(default_factory=dict)
    is_random: bool = False
    ignores_splits: bool = False
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """A sample of which a file says the label `label`, and annotators `people`."""

    sample_id: SampleId
    place: str
    label: str
    people: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of the rows of a file.

    Of `n_rows` rows with a label, `n_added` are new, `n_known` were imported before, and `refused` give no
    label that could be taken. `n_left_out` rows have a label that the map leaves out. `n_arrived` samples
    came with the file. `splits` counts the samples of the file by split; `n_held_out` of those withheld are
    for validation or test in the file. `n_tied` samples have as many rows
    of one label as of another, and get none. `differences` are samples of which annotators say another label,
    which decides. `gold_version` is None where no label changed.
    """

    n_rows: int
    n_left_out: int
    n_arrived: int
    refused: tuple[RefusedRow, ...]
    n_added: int = 0
    n_known: int = 0
    splits: Mapping[str, int] = field(default_factory=dict)
    n_held_out: int = 0
    n_tied: int = 0
    differences: tuple[Difference, ...] = ()
    gold_version: int | None = None
    n_gold_changes: int = 0


def import_labels(ports: LoopPorts, source: Path, wish: ImportWish) -> ImportReport:
    """Read the labels in `source`, read in the samples that come with them, and commit the gold that follows.

    What was imported before adds nothing. A row that cannot be used is refused with the reason and the others
    count; all labels are kept in one commit. Calling it again, as after a kill, goes on.

    Raises:
        SourceError: the file cannot be read or is not of this format; nothing is kept.
        LabelError: it has labels that the label set and `wish.label_map` lack; nothing is kept.
        BusyError: samples have to be read in, and another process scores.
    """
    label_of = labels_of(source, wish.form, wish.label_map, ports.settings.label_set)
    refused = list[RefusedRow]()
    counts = Counter[str]()

    def rows() -> Iterator[LabelledSample]:
        for row in read_labelled(source, wish.form):
            counts["rows"] += 1
            if isinstance(row, RefusedRow):
                refused.append(row)
            elif label_of[row.label] is None:
                counts["left out"] += 1
            else:
                yield row

    arrived = arrive(ports, rows(), source)
    report = ImportReport(
        n_rows=counts["rows"],
        n_left_out=counts["left out"],
        n_arrived=arrived.n_new,
        refused=(*refused, *arrived.refused),
    )
    return _kept(ports, _told(arrived.found, label_of, source, wish, at=ports.clock()), wish, report)


def _kept(
    ports: LoopPorts, told: Sequence[ImportedLabel], wish: ImportWish, report: ImportReport
) -> ImportReport:
    """Commit what rows said of samples, and the gold that follows; return the report of both."""
    state = read_state(ports.tables, ports.settings)
    added = save_imported(
        ports.tables.imported_labels, lambda known: _placed(ports, state, told, wish, known)
    )
    state = read_state(ports.tables, ports.settings, state)
    version = commit_gold(ports, state, command="import")
    mine = {one.sample_id for one in told}
    placed = imports_by_sample(one for one in state.snapshot.imported if one.sample_id in mine)
    decided = known_imports(one for rows in placed.values() for one in rows)
    return replace(
        report,
        n_added=len(added),
        n_known=len(told) - len(added),
        splits=Counter(str(one.placement.split) for one in decided.values()),
        n_held_out=sum(_is_held_out(rows[0]) for rows in placed.values()),
        n_tied=len(placed) - len(decided),
        differences=tuple(_differences(state, told)),
        gold_version=version.version if version else None,
        n_gold_changes=version.n_added + version.n_changed + version.n_removed if version else 0,
    )


def _told(
    found: Sequence[tuple[LabelledSample, SampleId]],
    label_of: Mapping[str, str | None],
    source: Path,
    wish: ImportWish,
    *,
    at: datetime,
) -> list[ImportedLabel]:
    """Return what each row says of its sample.

    Known is a row when all that the file says of its sample was imported before.
    """
    said = [(str(label_of[row.label]), row.annotator, str(row.labelled_at or "")) for row, _ in found]
    of_sample: dict[SampleId, list[tuple[str, str | None, str]]] = {}
    for (_, sample_id), one in zip(found, said, strict=True):
        of_sample.setdefault(sample_id, []).append(one)
    n_before = Counter[SampleId]()
    told = []
    for position, ((row, sample_id), one) in enumerate(zip(found, said, strict=True)):
        n_before[sample_id] += 1
        whole = [sample_id, of_sample[sample_id], n_before[sample_id]]
        told.append(
            ImportedLabel(
                digest=hashlib.sha256(json.dumps(whole, ensure_ascii=False).encode()).hexdigest(),
                sample_id=sample_id,
                label=one[0],
                source=wish.origin or str(source),
                format=str(wish.form),
                place=row.place,
                annotator=row.annotator,
                labelled_at=row.labelled_at,
                split=None if wish.ignores_splits else row.split,
                is_random=wish.is_random,
                imported_at=at,
                position=position,
            )
        )
    return told


def _placed(
    ports: LoopPorts,
    state: LoopState,
    told: Sequence[ImportedLabel],
    wish: ImportWish,
    known: Collection[str],
) -> list[ImportedLabel]:
    """Return the labels that are not known yet, each with the placement of its sample, which is for good."""
    new = [one for one in told if one.digest not in known]
    before: dict[SampleId, Placement] = {}
    placed: Sequence[ReportedOutcome | ImportedLabel] = [*state.snapshot.imported, *state.snapshot.reported]
    for one in placed:
        if one.sample_id is not None and one.placement is not None:
            before[one.sample_id] = one.placement
    split_of = {one.sample_id: one.split for one in reversed(new)}
    seed = ports.settings.selection.seed

    def wanted(sample: ArrivedSample, own: Split) -> Split:
        return _wanted(sample, own, split_of[sample.sample_id], seed=seed, is_random=wish.is_random)

    missing = [sample_id for sample_id in split_of if sample_id not in before]
    made = placements_of(ports.tables, ports.settings, ports.modality, state.snapshot, missing, wish=wanted)
    places = {**made, **before}
    return [_with_placement(one, places.get(one.sample_id)) for one in new]


def _with_placement(one: ImportedLabel, placement: Placement | None) -> ImportedLabel:
    return replace(one, placement=placement)


def _wanted(sample: ArrivedSample, own: Split, split: str | None, *, seed: int, is_random: bool) -> Split:
    """Return the split of an imported sample that may have the split `own`, and has `split` in its file.

    It trains. What the file keeps for validation or test is withheld, so that its own test stays one. Of a
    random draw a part goes to validation, which calibrates confidence; the holdout stays with the audit.
    """
    if own is not Split.TRAIN or split == WITHHELD:
        return Split.WITHHELD
    if split not in (None, TRAIN):
        return Split.VALIDATION if is_random else Split.WITHHELD
    if is_random and split is None:
        number = permanent_random(sample.entity or sample.sample_id, seed, "split")
        return Split.TRAIN if number < HOLDOUT_SHARE else Split.VALIDATION
    return Split.TRAIN


def _is_held_out(one: ImportedLabel) -> bool:
    """Return whether a sample is withheld, and its file has it for validation or test."""
    is_withheld = one.placement is not None and one.placement.split is Split.WITHHELD
    return is_withheld and one.split not in (None, TRAIN)


def _differences(state: LoopState, told: Iterable[ImportedLabel]) -> Iterator[Difference]:
    """Yield where annotators say other than the file."""
    for one in told:
        evidence = state.evidence.get(one.sample_id)
        people = people_say(evidence) if evidence else None
        if people is not None and people != one.label:
            yield Difference(one.sample_id, one.place, one.label, people)
