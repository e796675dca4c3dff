"""Behaviour checks: cases whose label the user expects, and what models make of them by file and group.

>>> cases = [CheckCase("hate.csv", str(n), "negated", "fine", SampleId(str(n))) for n in range(100)]
>>> broken, whole = np.arange(100) >= 60, np.arange(100) >= 5
>>> file, group = tally(cases, {"challenger": broken, "champion": whole})
>>> str(group), str(group.shares["challenger"])
("hate.csv, group 'negated'", '0.400 [0.31, 0.50], n=100')
>>> print(group.difference)
-0.550 [-0.65, -0.42], n=100
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields

import numpy as np
from scipy.stats import norm

from goldloop.core.labels import LabelSet
from goldloop.core.probs import Probs
from goldloop.core.samples import SampleId
from goldloop.core.verbatim import inert
from goldloop.stats.comparison import paired_difference
from goldloop.stats.measures import MIN_N
from goldloop.stats.metrics import Columns, Estimate, Flags, share_estimate

OURS, THEIRS = "challenger", "champion"
"""The roles whose difference is computed where both are there."""


@dataclass(frozen=True, slots=True)
class CheckCase:
    """A text that every model should give the label `expected`; it is no sample of the loop.

    `file` is the name of its file below the folder of checks, `id` is unique in it, `group` may be empty.
    """

    file: str
    id: str
    group: str
    expected: str
    sample_id: SampleId


@dataclass(frozen=True, slots=True)
class CheckedGroup:
    """The cases of one group, or of a whole `file` where `group` is None, and how models did on them.

    `shares` are by role: the share of cases with the expected label, each with its 95 % interval.
    `difference` is challenger minus champion, None without both or below MIN_N cases; the intervals of all
    differences of a report hold jointly with 95 % [bonferroni1936]. `n_learnt` cases are equal to a sample
    that the challenger learnt from.
    """

    file: str
    group: str | None
    n: int
    shares: Mapping[str, Estimate]
    difference: Estimate | None = None
    n_learnt: int = 0

    def __str__(self) -> str:
        """Return the name of the group for a sentence."""
        return self.file if self.group is None else f"{self.file}, group {self.group!r}"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What models made of the cases: each file before its groups, in the order of the names.

    `digest` is that of the cases. `n_left_out` counts the rows that are no usable case, by file.
    """

    digest: str
    groups: tuple[CheckedGroup, ...]
    n_left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def files(self) -> list[CheckedGroup]:
        """The results of whole files."""
        return [one for one in self.groups if one.group is None]

    def groups_of(self, file: str) -> list[CheckedGroup]:
        """Return the results of the groups of a file."""
        return [one for one in self.groups if one.file == file and one.group is not None]


@dataclass(frozen=True, slots=True)
class FailedCase:
    """A case with another label than expected, by id, and the probability of that label.

    `champion` is the label that the champion gave it, None where there was none beside the model.
    """

    file: str
    id: str
    group: str
    expected: str
    label: str
    probability: float
    champion: str | None = None


def digest_of_cases(cases: Sequence[CheckCase]) -> str:
    """Return a digest of `cases`; it does not depend on their order or on the format of their files."""
    content = json.dumps(sorted(astuple(case) for case in cases))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def expected_columns(cases: Sequence[CheckCase], labels: LabelSet) -> Columns:
    """Return the columns of the expected labels, (n,)."""
    return np.array([labels.column(case.expected) for case in cases], dtype=np.intp)


def tally(
    cases: Sequence[CheckCase], as_expected: Mapping[str, Flags], *, learnt: Collection[SampleId] = ()
) -> tuple[CheckedGroup, ...]:
    """Return how models did on each file and each of its groups.

    `as_expected` tells by role which of the n cases got their expected label, bool (n,). `learnt` are the
    samples that the challenger learnt from.
    """
    rows_of: dict[tuple[str, str | None], list[int]] = {}
    for row, case in enumerate(cases):
        rows_of.setdefault((case.file, None), []).append(row)
        if case.group:
            rows_of.setdefault((case.file, case.group), []).append(row)
    n_compared = sum(len(rows) >= MIN_N for rows in rows_of.values())
    z = float(norm.ppf(1 - 0.025 / max(n_compared, 1)))
    is_learnt = np.array([case.sample_id in learnt for case in cases], dtype=bool)
    both = OURS in as_expected and THEIRS in as_expected
    return tuple(
        CheckedGroup(
            file,
            group,
            len(rows),
            {role: share_estimate(flags[rows]) for role, flags in as_expected.items()},
            paired_difference(as_expected[OURS][rows], as_expected[THEIRS][rows], z=z)
            if both and len(rows) >= MIN_N
            else None,
            int(is_learnt[rows].sum()),
        )
        for (file, group), rows in sorted(rows_of.items(), key=lambda one: (one[0][0], one[0][1] or ""))
    )


def failed_cases(
    cases: Sequence[CheckCase], probs: Probs, labels: LabelSet, *, champion: Probs | None = None
) -> tuple[FailedCase, ...]:
    """Return the cases whose likeliest label by `probs` (n, n_labels) is not the expected one."""
    taken, beside = probs.argmax(axis=1), None if champion is None else champion.argmax(axis=1)
    return tuple(
        FailedCase(
            case.file,
            case.id,
            case.group,
            case.expected,
            labels[int(taken[row])],
            round(float(probs[row, taken[row]]), 4),
            None if beside is None else labels[int(beside[row])],
        )
        for row, case in enumerate(cases)
        if labels[int(taken[row])] != case.expected
    )


def failures_csv(failed: Sequence[FailedCase]) -> bytes:
    """Return `failed` as CSV that a spreadsheet opens as it is; it holds ids and no texts."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow([one.name for one in fields(FailedCase)])
    for case in failed:
        cells = astuple(case)
        rows.writerow([inert(cell) if isinstance(cell, str) else cell for cell in cells])
    return text.getvalue().encode("utf-8-sig")
