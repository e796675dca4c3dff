"""The report page: self-contained, honest about what is missing, and deaf to hostile names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from goldloop.core.labels import LabelSet
from goldloop.core.modality import Preview
from goldloop.core.samples import sample_id_of
from goldloop.drift.sketches import SketchBuilder
from goldloop.reports.page import MOST_TILES, Page, RoundRow, Tile, data_uri, render_page
from goldloop.reports.plots import (
    accuracy_plot,
    baseline_curve,
    champion_curve,
    confusion_plot,
    lanes_plot,
    random_labels_curve,
    reliability_plot,
    retrain_plots,
)
from goldloop.reports.plots.style import Plot
from goldloop.stats.calibration import reliability_bins
from goldloop.stats.metrics import Estimate
from goldloop.tables.counts import Conservation
from goldloop.training.evaluate import HoldoutEvaluation
from goldloop.training.promotion import Decision, Evaluation, evaluate

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
HOSTILE = '<script>alert("1")</script><img src=http://evil.example/x.png onerror=alert(1)>'
PIXEL = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa7\x9a\xa0\xa0\x00\x00\x00\x00IEND\xaeB`\x82"
)


def estimate(value: float, n: int = 100) -> Estimate:
    """Return an estimate with 5 points to either side."""
    return Estimate(value, value - 0.05, min(1.0, value + 0.05), n)


def row(number: int, **changes: object) -> RoundRow:
    """Return the line of a plain round."""
    values: dict[str, object] = {
        "round": number,
        "gold_version": number + 10,
        "n_gold": 90 * number,
        "n_labels_spent": 100 * number,
        "lanes": {"auto": 600, "review": 300, "hold": 100},
        "baseline": estimate(0.7),
        "champion": estimate(0.9),
        "decision": Decision(False, "a rule", ("too few samples",), "2", "1", estimate(0.0)),
    }
    return RoundRow(**(values | changes))  # type: ignore[arg-type]


class Reader(HTMLParser):
    """Collects the tags, the text, and every address a browser would load by itself."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember what a browser would do."""
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "srcset", "data", "poster", "action", "background") or (
                name == "href" and tag != "a"
            ):
                self.loaded.append(value or "")
            elif name == "href":
                self.links.append(value or "")
            assert not name.startswith("on"), f"{tag} has a script in {name}"

    def handle_data(self, data: str) -> None:
        """Remember the text."""
        self.words.append(data)

    @property
    def text(self) -> str:
        """All text, blanks evened out."""
        return " ".join(" ".join(self.words).split())


def whole_page(name: str = "cat") -> Page:
    """Return a page with every section filled, `name` wherever a user may choose one."""
    return Page(
        title=name,
        generated_at=NOW,
        rounds=(row(1, decision=None, outcome=name), row(2, random_labels=estimate(0.8))),
        plots=(
            Plot(name, PIXEL),
            Plot("svg", b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>"),
        ),
        gallery=(
            Tile(Preview(image=PIXEL), name, name + "!", 0.61, {name: 2, "dog": 1}, "review"),
            Tile(Preview(image=PIXEL), None),
        ),
        conservation=Conservation(1000, 600, 300, 0, 50, 30, 20, {name: 30}),
        links={"MLflow": "http://127.0.0.1:5000/", name: "javascript:alert(1)"},
        notes=(name,),
    )


def test_the_page_says_the_numbers_with_their_intervals() -> None:
    """Champion and baseline stand side by side with interval and n, and the decision with its reasons."""
    text = Reader(render_page(whole_page())).text

    assert "90.0 % [85.0, 95.0], n=100" in text
    assert "70.0 % [65.0, 75.0], n=100" in text
    assert "80.0 %" in text
    assert "Random labels, same budget" in text
    assert "refused by the rule: a rule too few samples" in text
    assert "auto 60 %, review 30 %, hold 10 %" in text
    assert "auto 600 + review 300 + hold 50 + quarantine 30 + duplicate 20 = 1000 files conserved" in text
    assert "2026-11-02 06:00 UTC" in text


def test_a_corrected_suggestion_stands_out_and_a_blind_task_says_so() -> None:
    """The gallery shows label, suggestion with confidence, votes and lane of each thumbnail."""
    page = whole_page()
    text = Reader(render_page(page)).text

    assert [tile.is_corrected for tile in page.gallery] == [True, False]
    assert "cat suggested cat! (61 %) cat ×2, dog ×1 lane review" in text
    assert "no consensus blind" in text


def test_texts_in_the_gallery_are_quoted_and_escaped() -> None:
    """A text stands where a thumbnail would, and none of it is markup."""
    page = replace(whole_page(), gallery=(Tile(Preview(text="<b>win</b> & more"), "spam"),))

    html = render_page(page)

    assert "<blockquote>&lt;b&gt;win&lt;/b&gt; &amp; more</blockquote>" in html


def test_hostile_names_come_out_as_text() -> None:
    """A label, title, note, reason or file name full of markup is shown, never run."""
    read = Reader(render_page(whole_page(HOSTILE)))

    assert "script" not in read.tags
    assert HOSTILE in read.text
    assert not [link for link in read.links if not link.startswith("http")]


@pytest.mark.parametrize("name", ["cat", HOSTILE])
def test_nothing_is_loaded_from_anywhere(name: str) -> None:
    """Every picture is in the page; no style, font or script comes from outside, and a policy forbids it."""
    html = render_page(whole_page(name))
    read = Reader(html)

    assert read.loaded
    assert all(address.startswith("data:image/") for address in read.loaded)
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(read.tags)
    style = html.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in html


def test_an_empty_workspace_gets_a_page_with_the_next_step() -> None:
    """No round, no model, no plot: the page says so and shows no empty section."""
    text = Reader(render_page(Page("Nothing yet", NOW, ()))).text

    assert "No round has been closed yet" in text
    for heading in ("Plots", "What people labelled", "Every file counted once", "Notes"):
        assert heading not in text


def test_missing_figures_are_dashes_not_zeros() -> None:
    """Without champion or scores there is a dash; without models on random labels, no column for them."""
    read = Reader(render_page(Page("t", NOW, (row(1, champion=None, lanes={}, decision=None),))))

    assert "Champion accuracy –" in read.text
    assert "Accepted by machine –" in read.text
    assert "Random labels" not in read.text
    assert "nothing to decide" in read.text


def test_the_gallery_is_bounded() -> None:
    """However much was labelled, the page stays small and says how much it leaves out."""
    gallery = tuple(Tile(Preview(image=PIXEL), "cat") for _ in range(MOST_TILES + 5))

    html = render_page(Page("t", NOW, (), gallery=gallery))

    assert html.count("<figure") == MOST_TILES
    assert f"{MOST_TILES} of {MOST_TILES + 5} samples" in Reader(html).text


def test_a_sum_that_does_not_add_up_is_said_aloud() -> None:
    """Files whose scoring was cut short are missing in the sum, and the page says what to do."""
    page = Page("t", NOW, (), conservation=Conservation(10, 3, 2, 0, 1, 1, 1, {}))

    text = Reader(render_page(page)).text

    assert "does not add up" in text
    assert "2 not scored yet, run 'goldloop score'" in text


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (PIXEL, "png"),
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"GIF89a", "gif"),
        (b"RIFF1234WEBP", "webp"),
        (b"<svg/>", "svg+xml"),
    ],
)
def test_pictures_are_recognised_by_their_bytes(image: bytes, kind: str) -> None:
    """Every kind of image a browser shows becomes an address that holds its own content."""
    assert data_uri(image).startswith(f"data:image/{kind};base64,")


def test_a_picture_no_browser_shows_is_named() -> None:
    """A TIFF is refused with its first bytes and the remedy, instead of a broken picture in the page."""
    with pytest.raises(ValueError, match=r"begins with b'II\*.*make a PNG thumbnail"):
        data_uri(b"II*\x00rest")


def judged(labels: tuple[str, ...]) -> tuple[Evaluation, np.ndarray, np.ndarray]:
    """Return the evaluation of a middling model over `labels`, its probs and the truth."""
    rng = np.random.default_rng(0)
    truth = rng.integers(len(labels), size=60).astype(np.intp)
    probs = rng.random((60, len(labels)))
    probs[np.arange(60), truth] += 0.8
    probs /= probs.sum(axis=1, keepdims=True)
    made_from = {"model_version": "2", "split": "holdout", "gold_version": 3, "gold_digest": "d"}
    return evaluate(probs, truth, labels=LabelSet.of(labels), **made_from), probs, truth  # type: ignore[arg-type]


def test_every_plot_is_a_picture_a_browser_shows() -> None:
    """SVG and PNG of each, also with gaps, one round, many labels and labels that look like formulas."""
    one, probs, truth = judged(("cat", "$x^2$", "猫<b>&", "a label of forty or so characters, at least"))
    many, _, _ = judged(tuple(f"label {number}" for number in range(40)))
    estimates = [None, estimate(0.8), estimate(0.97, 120)]
    curves = [baseline_curve([estimate(0.7)] * 3), champion_curve(estimates), random_labels_curve([None] * 3)]
    for kind in ("svg", "png"):
        pictures = [
            accuracy_plot([1, 2, 3], curves, split="holdout", labels_spent=[10, 20, 30], kind=kind),
            accuracy_plot([1], [champion_curve([None])], split="holdout", kind=kind),
            lanes_plot([1, 2], [{"auto": 3, "review": 2, "hold": 1}, {}], kind=kind),
            confusion_plot(one, kind=kind),
            confusion_plot(many, kind=kind),
            reliability_plot(reliability_bins(probs, truth), split="holdout", ece=one.ece, kind=kind),
        ]
        for picture in pictures:
            assert data_uri(picture).startswith("data:image/" + ("svg+xml" if kind == "svg" else "png"))
            if kind == "png":
                image = Image.open(BytesIO(picture)).convert("L")
                assert image.width >= 600
                assert image.getextrema() == (0, 255)


def test_the_same_figures_give_the_same_plot() -> None:
    """A plot is a function of its figures, so artifacts can be compared byte for byte."""
    one, probs, truth = judged(("cat", "dog"))

    evaluation = HoldoutEvaluation(
        sample_ids=tuple(sample_id_of(f"{i}".encode()) for i in range(len(truth))),
        truth=truth,
        weights=np.ones(len(truth)),
        probs={one.model_version: probs},
        evaluations={"challenger": one},
        decision=Decision(True, "first model", (), one.model_version, None, None),
        gold_version=1,
        sketch=SketchBuilder(LabelSet.of(["cat", "dog"])).sketch(),
    )
    first, again = (retrain_plots(evaluation) for _ in range(2))

    assert first == again
    assert set(first) == {
        "plots/confusion.png",
        "plots/confusion.svg",
        "plots/reliability.png",
        "plots/reliability.svg",
    }
