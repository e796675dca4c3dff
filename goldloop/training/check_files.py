"""Check files: which rows are cases of behaviour checks, and what is wrong with the others."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from goldloop.core.labels import MAX_LABEL_LENGTH, LabelSet, labels_text
from goldloop.core.samples import Arrival, SampleId, file_of
from goldloop.training.checks import CheckCase, digest_of_cases

ID, EXPECTED, GROUP = "id", "expected", "group"
MAX_GROUP_CHARS = MAX_LABEL_LENGTH  # a group is the name of a figure in the experiment tracker
SHOWN_PROBLEMS = 3  # of one file, in the notes of a retrain


@dataclass(frozen=True, slots=True)
class CheckSuite:
    """The usable cases of all check files, in the order of their rows, and `payloads` (n,) for a model.

    `problems` are sentences by file, one for each row that is left out, or one for the whole file.
    """

    cases: tuple[CheckCase, ...] = ()
    payloads: tuple[Any, ...] = ()
    problems: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The digest of the cases."""
        return digest_of_cases(self.cases)

    @property
    def n_left_out(self) -> dict[str, int]:
        """How many rows of each file are no usable case."""
        return {file: len(sentences) for file, sentences in self.problems.items()}

    def sentences(self, most: int | None = None) -> list[str]:
        """Return the problems for people, at most `most` of each file; a file without any case is named."""
        used = Counter(case.file for case in self.cases)
        told = []
        for file, sentences in sorted(self.problems.items()):
            if not used[file]:
                told.append(f"{file}: none of its cases can be used")
            told += sentences[:most]
            if len(sentences) > len(sentences[:most]):
                n_more = len(sentences) - len(sentences[:most])
                told.append(f"{file}: left out are {n_more:,} more; `goldloop checks` names each")
        return told


def suite_of(
    arrivals: Iterable[Arrival], *, folder: str, files: Sequence[str], labels: LabelSet
) -> CheckSuite:
    """Return the cases among `arrivals`, the rows of the `files` in `folder`, all by uri.

    A row needs `expected`, a label of `labels`, and may have a `group`. Two cases of one text have to expect
    the same label; the later one is left out.
    """
    cases: list[CheckCase] = []
    payloads: list[Any] = []
    problems: defaultdict[str, list[str]] = defaultdict(list)
    first: dict[SampleId, CheckCase] = {}
    rowless = {_name(file, folder) for file in files}
    for one in arrivals:
        file = _name(file_of(one.file.uri), folder)
        rowless.discard(file)
        case = _case(one, file, labels)
        if isinstance(case, CheckCase):
            before = first.setdefault(case.sample_id, case)
            if before.expected != case.expected:
                case = (
                    f"expects {case.expected!r}, but {_place_of(before)} has the same text and expects "
                    f"{before.expected!r}; correct one of them"
                )
        if isinstance(case, str):
            problems[file].append(f"{file}{_place(one)}: {case}")
        elif one.decoded is not None:
            cases.append(case)
            payloads.append(one.decoded.payload)
    for file in rowless:
        problems[file].append(f"{file}: the file has no rows; add some, or remove the file")
    return CheckSuite(
        tuple(cases), tuple(payloads), {file: tuple(sentences) for file, sentences in problems.items()}
    )


def _case(one: Arrival, file: str, labels: LabelSet) -> CheckCase | str:
    """Return the case of a row, or what is wrong with the row and what to do."""
    if one.decoded is None:
        return f"{one.reason}: {one.detail}"
    values = one.decoded.metadata
    expected, group = str(values.get(EXPECTED, "")).strip(), str(values.get(GROUP, "")).strip()
    if not expected:
        return f"it expects nothing; name one of the labels {labels_text(labels)} in the column {EXPECTED!r}"
    label = labels.find(expected)
    if label is None:
        return f"expects {expected!r}, which is no label; name one of {labels_text(labels)}"
    if len(group) > MAX_GROUP_CHARS:
        return f"its group has {len(group)} characters, the limit is {MAX_GROUP_CHARS}; shorten it"
    return CheckCase(file, str(values[ID]), group, label, one.sample_id)


def _name(uri: str, folder: str) -> str:
    """Return the name of a file below `folder`."""
    return uri.removeprefix(folder).lstrip("/")


def _place(one: Arrival) -> str:
    """Return which row of its file an arrival is, as words behind the name of the file."""
    _, _, row = one.file.uri.removeprefix(file_of(one.file.uri)).partition("#")
    name, _, value = row.partition("=")
    return f", {name} {unquote(value)}" if row else ""


def _place_of(case: CheckCase) -> str:
    return f"{case.file}, id {case.id}"
