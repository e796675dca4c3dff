"""What the page, the plots and the tables say of people: every figure with its interval, and no names."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from goldloop.annotators.agreement import agreement, independent_votes
from goldloop.annotators.automation_bias import Observation, measure_automation_bias
from goldloop.annotators.prefill_advice import recommend
from goldloop.annotators.profiles import AssessedAnswer, annotator_profiles
from goldloop.annotators.report import AnnotatorReport
from goldloop.cli.reports import agreement as agreement_command
from goldloop.cli.reports import annotators as annotators_command
from goldloop.core.annotations import Answer
from goldloop.core.labels import LabelSet
from goldloop.core.plain import plain
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.loop.relabel import Relabel
from goldloop.reports.annotators import (
    adoption_rows,
    agreement_rows,
    annotator_rows,
    annotator_sections,
    pace_rows,
    remarks,
    skill_section,
)
from goldloop.reports.error_analysis import label_error_gallery
from goldloop.reports.gallery import MOST_TILES, label_error_rows
from goldloop.reports.page import Page, data_uri, render_page
from goldloop.reports.plots.annotators import drift_plot, skill_plot
from goldloop.reports.plots.matrices import kappa_plot
from goldloop.reports.section import Format, markdown
from goldloop.settings.workspace import Workspace
from goldloop.training.label_errors import LabelIssue
from tests.unit.report_pages import HOSTILE, Reader, section_of

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOSTILE_LABEL = HOSTILE[:90]
LABELS = LabelSet(("cat", "dog", HOSTILE_LABEL))


def made_report(*skills: float, n: int = 100, n_observations: int = 400) -> AnnotatorReport:
    """Return a report on people of these skills; the last of them gets worse in the last round."""
    rng = np.random.default_rng(0)
    seen = []
    for who, skill in enumerate(skills, start=1):
        for number in range(n):
            right, round_ = LABELS[number % 3], number * 4 // n
            is_right = rng.random() < skill - 0.5 * (who == len(skills) and round_ == 3)
            at = START + timedelta(seconds=30 * number)
            given = Answer(
                annotation_id=number + 1000 * who,
                sample_id=SampleId(f"{number:064d}"),
                purpose=Purpose.AUDIT,
                annotator=str(who),
                label=right if is_right else LABELS[(number + 1) % 3],
                reason=None,
                round=round_,
                created_at=at,
                updated_at=at,
                lead_time_s=float(rng.lognormal(1, 0.4)),
                suggested_label=None,
                is_shown=False,
            )
            seen.append(
                AssessedAnswer(given, right if number % 4 == 0 else None, {right: 0.95, LABELS[0]: 0.05})
            )
    votes = independent_votes([one.answer for one in seen], n_first={Purpose.AUDIT: len(skills)})
    anchoring = measure_automation_bias(observed(n_observations, rng), labels=LABELS)
    return AnnotatorReport(
        people=annotator_profiles(seen, labels=LABELS, bar=0.7),
        bar=0.7,
        agreement=agreement(votes, labels=LABELS, rng=rng),
        anchoring=anchoring,
        advice=recommend(anchoring.gap, anchoring.by_label, max_gap=0.1),
        max_gap=0.1,
    )


def observed(n: int, rng: np.random.Generator) -> list[Observation]:
    """Return reviews of which half show a suggestion, wrong in half, and then adopted in half."""
    found = []
    for number in range(n):
        right, is_shown = LABELS[number % 3], number % 2 == 0
        suggested = right if rng.random() < 0.5 else LABELS[(number + 1) % 3]
        said = suggested if is_shown and rng.random() < 0.5 else right
        found.append(Observation(suggested, said, right, is_shown, 2.0 if is_shown else 4.0))
    return found


def relabel(number: int, state: str, *, suggested: str = HOSTILE_LABEL) -> Relabel:
    """Return a gold label in doubt."""
    issue = LabelIssue(number, SampleId(f"{number:064d}"), "cat", suggested, 0.021)
    return Relabel(issue, state, "dog" if state.startswith("corrected") else "cat")


def page_of(report: AnnotatorReport, *, n_issues: int = 0) -> str:
    """Return the page of nothing but annotators and gold labels in doubt."""
    doubted = [relabel(number, "not sent" if number else "corrected to dog") for number in range(n_issues)]
    doubts = section_of(label_error_gallery(doubted))
    sections = (*annotator_sections(report), doubts)
    return render_page(Page("t", NOW, sections))


def test_the_page_says_who_is_below_the_bar_and_who_is_falling() -> None:
    """Flags stand above the tables, with the figure and its interval."""
    text = Reader(page_of(made_report(0.97, 0.3, 0.95))).text

    assert re.search(r"2 is below the bar of 70.%: accuracy \d\d\.\d.% \[\d\d\.\d, \d\d\.\d\], n=100", text)
    assert re.search(r"annotator 3 is falling: −\d\d\.\d points \[−\d\d\.\d, −\d+\.\d\], n=25", text)
    assert "annotator 1 is" not in text


def test_the_page_says_agreement_anchoring_and_doubts() -> None:
    """Alpha, kappas, gaps with their recommendation and time saved, and the thumbnails of doubted gold."""
    read = Reader(page_of(made_report(0.97, 0.9), n_issues=3))

    assert re.search(r"Krippendorff's alpha is 0\.\d\d \[0\.\d\d, 0\.\d\d\]", read.text)
    assert "1 and 2" in read.text
    assert "suggestions off: adoption gap" in read.text
    assert re.search(r"a decision takes 50\.0.% \[50\.0, 50\.0\], n=400", read.text)
    assert re.search(r"all labels \d\d\.\d", read.text)
    assert "Models that never saw the sample find 3 labels unlikely" in read.text
    assert "probability 2 % more likely:" in read.text
    assert "corrected to dog" in read.text


def test_hostile_labels_come_out_as_text_and_nothing_is_loaded() -> None:
    """A label full of markup is shown, never run, also in these sections."""
    read = Reader(page_of(made_report(0.9, 0.8), n_issues=2))

    assert "script" not in read.tags
    assert HOSTILE_LABEL in read.text
    assert all(address.startswith("data:image/") for address in read.loaded)


def test_small_n_says_too_few_everywhere() -> None:
    """Five answers each: not a single percentage, and no plot of nothing."""
    read = Reader(page_of(made_report(0.9, 0.8, n=5, n_observations=6)))

    assert "too few, n=5" in read.text
    assert not re.search(r"\d\.\d\s%", read.text)
    assert "img" not in read.tags


def test_nobody_and_one_person() -> None:
    """Without people there is no section; one person is measured and has nobody to agree with."""
    nobody = Reader(page_of(made_report(n_observations=0))).text
    alone = Reader(page_of(made_report(0.9, n_observations=0))).text

    assert "Annotators" not in nobody
    assert "annotator 1" in alone
    assert "No sample drawn at random has two blind answers yet" in alone
    assert "How far suggestions pull annotators" not in alone


def test_many_pairs_are_left_to_the_heat_map() -> None:
    """Seven people make 21 pairs, more than a table is good for."""
    html = page_of(made_report(*[0.9] * 7, n=40, n_observations=0))

    assert "kappa 0." not in html
    assert "Blind answers to the same n samples" in html


def test_the_doubted_are_bounded() -> None:
    """However many labels are in doubt, the page stays small and says how many there are."""
    text = Reader(page_of(made_report(0.9), n_issues=MOST_TILES + 5)).text

    assert f"find {MOST_TILES + 5} labels unlikely" in text
    assert "Not shown: 5 more." in text


@pytest.mark.parametrize(
    ("skills", "n", "kind"),
    [((), 60, "svg"), ((0.9,), 60, "png"), ((0.9, 0.3), 5, "svg"), ((0.9,) * 13, 60, "png")],
)
def test_every_plot_is_a_picture_a_browser_shows(skills: tuple[float, ...], n: int, kind: Format) -> None:
    """With nobody, one, some or many people, with enough answers or too few."""
    report = made_report(*skills, n=n, n_observations=n)
    pictures = [
        skill_plot(report.people, bar=0.7),
        drift_plot(report.people, bar=0.7),
    ]
    if report.agreement.pairs:
        pictures.append(kappa_plot(report.agreement))
    for draw in pictures:
        picture = draw(kind)
        assert data_uri(picture).startswith("data:image/" + ("svg+xml" if kind == "svg" else "png"))
        if kind == "png":
            assert Image.open(BytesIO(picture)).width >= 600


def test_the_tables_say_the_same_in_words() -> None:
    """Every person, pair and label is a row; whoever should be looked at is named in words."""
    report = made_report(0.97, 0.3)

    rows = annotator_rows(report.people)

    assert [row["who"] for row in rows] == ["annotator 1", "annotator 2"]
    assert str(rows[1]["look at"]).startswith("below the bar")
    assert re.fullmatch(r"\d\d\.\d % \[\d\d\.\d, \d\d\.\d\], n=100", str(rows[0]["accuracy"]))
    assert [row["who"] for row in agreement_rows(report.agreement)] == ["everybody", "annotators 1 and 2"]
    assert [str(row["wrongly suggested"]) for row in adoption_rows(report.anchoring)] == [
        "all labels",
        *LABELS,
    ]
    assert [row["who"] for row in pace_rows(report.people)] == ["annotator 1", "annotator 2"]
    assert str(remarks(report)[0]).startswith("annotator 2 is below the bar of 70 %: accuracy ")


def test_few_answers_are_words_in_the_tables() -> None:
    """Five answers give no number anywhere, and nobody to look at."""
    report = made_report(0.9, n=5, n_observations=4)

    (skill,), (pace,) = annotator_rows(report.people), pace_rows(report.people)

    words = [skill["accuracy"], pace["seconds a decision, median"], pace["answers an hour"], pace["skipped"]]
    assert [str(cell) for cell in words] == ["too few, n=5"] * 4
    assert str(pace["answers a day"]) == "too few, n=1"
    assert remarks(report) == []
    assert all(str(row["gap"]).startswith("too few") for row in adoption_rows(report.anchoring))


def test_json_holds_every_figure_by_name() -> None:
    """Scripts get plain keys, also for the accuracies by what was shown and whether that was right."""
    found = json.loads(json.dumps(plain(made_report(0.97, 0.3))))

    assert {"value", "low", "high", "n"} == found["people"][0]["accuracy"].keys()
    assert [one["is_flagged"] for one in found["people"]] == [False, True]
    assert [(one["is_shown"], one["is_right"]) for one in found["anchoring"]["accuracy"]] == [
        (False, False),
        (False, True),
        (True, False),
        (True, True),
    ]
    assert found["anchoring"]["gap"]["difference"]["n"] > 0


def test_prefect_gets_the_tables_with_a_plot() -> None:
    """The artifact is readable without the page."""
    text = markdown(skill_section(made_report(0.97, 0.3)))

    assert "- annotator 2 is below the bar of 70 %" in text
    assert "| annotator 1 |" in text
    assert "data:image/png;base64," in text


def test_doubted_gold_is_a_table() -> None:
    """Rank, label, the model's label, and what became of it; nothing in doubt is a row that says so."""
    (row,) = label_error_rows([relabel(1, "corrected to dog", suggested="dog")])

    assert row["label"] == "cat"
    assert row["model's label"] == "dog"
    assert row["probability of the label"] == "2.1 %"
    assert row["state"] == "corrected to dog"
    assert label_error_rows([])[0]["state"] == "nothing in doubt"


def test_annotators_are_measured_from_a_workspace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A fresh workspace has nobody to measure, and the commands say so instead of failing."""
    workspace = Workspace.create(tmp_path / "shop", labels=["cat", "dog"])

    annotators_command(where=workspace.root, as_json=True)
    agreement_command(where=workspace.root, as_json=True)
    annotators_command(where=workspace.root)

    printed = capsys.readouterr()
    assert '"people": []' in printed.out
    assert '"missing": "too few"' in printed.out
    assert "Nobody has answered yet" in printed.err
