"""Results of behaviour checks: shares and falls by group with intervals, and what the gate makes of them."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.core.codec import from_plain, to_plain
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.reports.checks import check_lines, checks_section
from goldloop.settings.sections import GateSettings
from goldloop.stats.comparison import Comparison
from goldloop.stats.metrics import Estimate
from goldloop.training.checks import CheckCase, CheckedGroup, CheckReport, failed_cases, failures_csv, tally
from goldloop.training.gate import objections
from goldloop.training.ports import TrainingRecord, check_metrics_of, metrics_of
from goldloop.training.promotion import Decision

LABELS = LabelSet.of(["fine", "hate"])
BETTER = Comparison(Estimate(0.10, 0.05, 0.15, 300), {})
SURE = Estimate(0.01, 0.0, 0.03, 300)
STRICT = GateSettings(max_check_fall=0.05, max_class_fall=1, max_ece=1)


def cases(**n: int) -> list[CheckCase]:
    """Return so many cases of each group, in one file."""
    names = [group for group, of_group in n.items() for _ in range(of_group)]
    return [
        CheckCase("a.csv", f"{row}", group, "fine", SampleId(f"{row}")) for row, group in enumerate(names)
    ]


def checked(n: int, *, lost: int, gained: int = 0) -> tuple[CheckedGroup, ...]:
    """Return how a challenger did on `n` cases of a group that lost and gained so many of the champion's."""
    rows = np.arange(n)
    challenger = rows >= lost
    champion = rows < n - gained
    return tally(cases(group=n), {"challenger": challenger, "champion": champion})


def test_files_and_groups_are_tallied_with_intervals() -> None:
    """Each group and the whole file, every role on the same cases; a case without a group is in the file."""
    made = [*cases(one=20, two=10), CheckCase("a.csv", "z", "", "fine", SampleId("z"))]
    right = np.arange(31) < 15

    found = tally(made, {"challenger": right, "champion": ~right}, learnt={SampleId("0"), SampleId("z")})

    assert [(group.group, group.n, group.n_learnt) for group in found] == [
        (None, 31, 2),
        ("one", 20, 1),
        ("two", 10, 0),
    ]
    assert [str(group.shares["challenger"]) for group in found] == [
        "0.484 [0.32, 0.65], n=31", "0.750 [0.53, 0.89], n=20", "0.000 [0.00, 0.28], n=10",
    ]  # fmt: skip
    assert [group.difference.value for group in found if group.difference] == pytest.approx(
        [-1 / 31, 0.5, -1]
    )


def test_the_intervals_of_differences_hold_jointly() -> None:
    """The more groups are compared, the wider each interval: one of fifty falls by chance ever so often."""
    right = np.arange(50) >= 10
    alone = tally(cases(a=50), {"challenger": right, "champion": ~np.zeros(50, dtype=bool)})[1]
    many = cases(a=50, **{f"g{number}": 20 for number in range(50)})
    rights = np.concatenate([right, np.ones(1000, dtype=bool)])
    among = tally(many, {"challenger": rights, "champion": np.ones(1050, dtype=bool)})[1]

    assert alone.difference is not None
    assert among.difference is not None
    assert (alone.group, among.group) == ("a", "a")
    assert alone.difference.value == among.difference.value
    assert among.difference.high - among.difference.low > 1.2 * (alone.difference.high - alone.difference.low)


@given(st.integers(1, 9))
def test_a_group_with_few_cases_proves_nothing(n: int) -> None:
    """Below ten cases there is no difference, so that even a total loss refuses nothing."""
    found = checked(n, lost=n)

    assert all(group.difference is None for group in found)
    assert objections(STRICT, BETTER, ece=SURE, checks=found) == ()


def test_a_group_that_fell_by_evidence_refuses_and_is_named() -> None:
    """The sentence names file, group, n, the fall, the limit and what to do; off, it refuses nothing."""
    found = checked(80, lost=20)
    reasons = objections(STRICT, BETTER, ece=SURE, checks=found[1:])

    assert reasons == (
        "behaviour checks of a.csv, group 'group': the share as expected fell by 25.0 points, at least by "
        "13.1 points (n=80); gate.max_check_fall allows 5.0 points. Read the failed cases in checks.csv of "
        "the MLflow run, and label more samples like them",
    )
    off = STRICT.model_copy(update={"max_check_fall": 1.0})
    assert objections(off, BETTER, ece=SURE, checks=found) == ()


def test_a_fall_that_may_be_chance_refuses_nothing() -> None:
    """The whole interval has to lie beyond the limit; a loss that a gain makes up for is none."""
    assert objections(STRICT, BETTER, ece=SURE, checks=checked(80, lost=8)) == ()
    assert objections(STRICT, BETTER, ece=SURE, checks=checked(80, lost=20, gained=20)) == ()


def test_a_limit_without_any_check_is_no_silent_promotion() -> None:
    """The gate cannot keep the limit, refuses, and says how to go on."""
    (reason,) = objections(STRICT, BETTER, ece=SURE)

    assert reason.startswith(
        "gate.max_check_fall allows 5.0 points, and no behaviour check could be run; put "
    )
    assert objections(GateSettings(), BETTER, ece=SURE) == ()


def test_failed_cases_hold_ids_and_no_texts() -> None:
    """Expected and taken label, its probability, and the champion's label; a spreadsheet computes nothing."""
    made = [
        CheckCase("a.csv", "=1+1", "g", "fine", SampleId("1")),
        CheckCase("a.csv", "2", "g", "hate", SampleId("2")),
    ]
    probs = np.array([[0.25, 0.75], [0.1, 0.9]])

    failed = failed_cases(made, probs, LABELS, champion=probs[:, ::-1])

    rows = list(csv.DictReader(io.StringIO(failures_csv(failed).decode("utf-8-sig"))))
    assert [list(row.values()) for row in rows] == [["a.csv", "'=1+1", "g", "fine", "hate", "0.75", "fine"]]
    assert list(rows[0]) == ["file", "id", "group", "expected", "label", "probability", "champion"]


def test_a_report_is_kept_and_has_figures_of_its_own() -> None:
    """It comes back as it was; each share and difference is a figure beside those of gold, by role."""
    report = CheckReport("d", checked(80, lost=20), {"a.csv": 2})
    assert from_plain(CheckReport, to_plain(report)) == report

    decision = Decision(False, "rule", ("reason",), "2", "1", None)
    figures = check_metrics_of(TrainingRecord({}, decision, checks=report))

    assert figures["checks/a.csv/n"] == figures["checks/a.csv/group/n"] == 80
    assert figures["checks/a.csv/group/share"] == pytest.approx(0.75)
    assert figures["champion/checks/a.csv/group/share"] == 1.0
    assert figures["checks/a.csv/group/difference_high"] == pytest.approx(-0.131, abs=0.001)
    assert not metrics_of(TrainingRecord({}, decision, checks=report))
    assert check_metrics_of(TrainingRecord({}, decision)) == {}


def test_awkward_names_are_figures_all_the_same() -> None:
    """Signs that MLflow refuses are replaced, long names are cut, and no two groups coincide."""
    long = "x" * 200
    made = [
        CheckCase(f"sub/{long}.csv", f"{n}", group, "fine", SampleId(f"{n}"))
        for n, group in enumerate(["a/b", "a?b", "."])
    ]
    report = CheckReport("d", tally(made, {"challenger": np.ones(3, dtype=bool)}))

    names = check_metrics_of(TrainingRecord({}, Decision(True, "", (), "1", None, None), checks=report))

    assert len({name for name in names if name.endswith("/n")}) == 4
    assert all(len(name) < 250 and "?" not in name and "//" not in name for name in names)


def test_the_worst_group_is_the_worst_by_evidence() -> None:
    """One failed case of one is no worse than ten of twenty; a group that fell stands out."""
    right = np.array([False] * 10 + [True] * 10 + [False])
    report = CheckReport(
        "d", tally(cases(many=20, single=1), {"challenger": right, "champion": ~right | right})
    )

    (table,) = checks_section(report).tables
    (line,) = check_lines(report)

    assert [row["group"] for row in table.rows] == ["all cases", "many", "single"]
    assert [str(row["challenger minus champion"]) for row in table.rows][2] == "too few, n=1"
    assert "worst of 2 groups: many 50.0 % [29.9, 70.1], n=20; 1 of 2 groups fell by evidence" in line
