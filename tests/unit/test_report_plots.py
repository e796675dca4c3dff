"""Plots of the report: every browser shows them, every lane has one look, equal figures give equal bytes."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.core.samples import sample_id_of
from goldloop.drift.sketches import sketch_of
from goldloop.reports.page import data_uri, render_page
from goldloop.reports.plots.audits import reliability_plot
from goldloop.reports.plots.matrices import confusion_plot
from goldloop.reports.plots.rounds import RANDOM_LABELS, accuracy_plot, lanes_plot
from goldloop.reports.plots.style import LANE_LOOKS
from goldloop.reports.rounds import retrain_plots
from goldloop.routing.fit import KnownPeople
from goldloop.settings import Settings
from goldloop.training.evaluate import HoldoutEvaluation
from goldloop.training.promotion import Decision, Evaluation
from tests.unit.report_pages import estimate, judged, page_of, row


def evaluation_of(challenger: Evaluation, probs: np.ndarray, truth: np.ndarray) -> HoldoutEvaluation:
    """Return the evaluation of a first model on a holdout whose samples all have the same weight."""
    labels = [f"label {column}" for column in range(probs.shape[1])]
    return HoldoutEvaluation(
        sample_ids=tuple(sample_id_of(f"{i}".encode()) for i in range(len(truth))),
        truth=truth,
        weights=np.ones(len(truth)),
        clusters=np.arange(len(truth)).astype(str),
        probs={challenger.model_version: probs},
        evaluations={"challenger": challenger},
        decision=Decision(True, "first model", (), challenger.model_version, None, None),
        gold_version=1,
        sketch=sketch_of(probs, np.zeros((len(truth), 1), np.float32), LabelSet.of(labels)),
        stakes=np.zeros(len(truth)),
    )


def test_every_plot_is_a_picture_a_browser_shows() -> None:
    """SVG and PNG of each, also with gaps, one round, many labels and labels that look like formulas."""
    few, probs, truth = judged(("cat", "$x^2$", "猫<b>&", "a label of forty or so characters, at least"))
    many, _, _ = judged(tuple(f"label {number}" for number in range(40)))
    estimates = [None, estimate(0.8), estimate(0.97, 120)]
    curves = {"baseline": [estimate(0.7)] * 3, "champion": estimates, RANDOM_LABELS: [None] * 3}
    pictures = [
        accuracy_plot([1, 2, 3], curves, title="t", labels_spent=[10, 20, 30]),
        accuracy_plot([1], {"champion": [None]}, title="t"),
        lanes_plot([1, 2], [{"auto": 3, "review": 2, "hold": 1}, {}]),
        lanes_plot(range(60), [{"auto": 3, "full": 2}] * 60),
        confusion_plot(few),
        confusion_plot(many),
        reliability_plot(evaluation_of(few, probs, truth).audited("challenger"), split="holdout"),
    ]
    for picture in pictures:
        assert data_uri(picture("svg")).startswith("data:image/svg+xml")
        image = Image.open(BytesIO(picture("png"))).convert("L")
        assert image.width >= 600
        assert image.getextrema() == (0, 255)


def test_the_lane_plot_shows_every_lane_up_to_100_percent() -> None:
    """Each round's bars, one for each lane, add up to 100 %, also under a policy that uses full review."""
    counts = [{"auto": 10, "review": 20, "full": 30, "hold": 40}, {"auto": 600, "full": 400}]

    axes = lanes_plot.__wrapped__([1, 2], counts).axes[0]  # type: ignore[attr-defined]

    assert [bars.get_label() for bars in axes.containers] == [str(lane) for lane in Lane]
    assert [sum(bars[place].get_height() for bars in axes.containers) for place in (0, 1)] == [1.0, 1.0]
    assert [bars[0].get_height() for bars in axes.containers] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert axes.get_ylim() == (0, 1)


def test_every_lane_has_one_look_everywhere() -> None:
    """Plots and the page's stylesheet know every lane, by the same colour; no two look alike."""
    html = render_page(page_of(rounds=(row(1, lanes={"auto": 1, "review": 1, "full": 1, "hold": 1}),)))

    assert list(LANE_LOOKS) == list(Lane)
    for looks in zip(
        *((look.colour, look.dark_colour, look.hatch) for look in LANE_LOOKS.values()), strict=True
    ):
        assert len(set(looks)) == len(Lane)
    for lane, look in LANE_LOOKS.items():
        assert f"--{lane}: {look.colour};" in html
        assert f"--{lane}: {look.dark_colour};" in html
        assert f'<span class="{lane}" style="width: 25.00%">' in html


def test_the_same_figures_give_the_same_plot() -> None:
    """A plot is a function of its figures, so artifacts can be compared byte for byte."""
    challenger, probs, truth = judged(("cat", "dog"))

    evaluation = evaluation_of(challenger, probs, truth)
    settings = Settings(name="pets", labels=("cat", "dog"))
    first, again = (retrain_plots(evaluation, settings, KnownPeople(), []) for _ in range(2))

    assert first == again
    assert set(first) == {
        f"plots/{name}.{kind}"
        for name in ("confusion", "reliability", "policies", "accuracy")
        for kind in ("png", "svg")
    }
