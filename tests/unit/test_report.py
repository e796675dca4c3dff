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
from goldloop.core.lanes import Lane, listed_lanes
from goldloop.core.modality import Preview
from goldloop.core.requests import RequestReason
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.drift.sketches import SketchBuilder
from goldloop.gold.records import GoldRecord
from goldloop.labeling.follow_up import FollowUpReport
from goldloop.reports.formatting import Cell, amount_cell, lanes_cell, percent_cell, points_cell
from goldloop.reports.gallery import MOST_TILES, gallery_section
from goldloop.reports.markdown import markdown
from goldloop.reports.page import Page, data_uri, render_page
from goldloop.reports.plots.audits import reliability_plot
from goldloop.reports.plots.matrices import confusion_plot
from goldloop.reports.plots.rounds import RANDOM_LABELS, accuracy_plot, lanes_plot
from goldloop.reports.plots.style import LANE_LOOKS
from goldloop.reports.round_page import conservation_section
from goldloop.reports.rounds import RoundRow, facts, retrain_plots, rounds_section
from goldloop.reports.section import Plot, Section, Table, Tile
from goldloop.reports.steps import follow_up_figures
from goldloop.routing.fit import KnownPeople
from goldloop.settings import Settings
from goldloop.stats.calibration import reliability_bins
from goldloop.stats.measures import Measure
from goldloop.stats.metrics import Estimate
from goldloop.tables.counts import Conservation
from goldloop.training.evaluate import HoldoutEvaluation
from goldloop.training.promotion import Decision, Evaluation, evaluate
from goldloop.training.round_record import RoundRecord
from tests.records import gold_record

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
HOSTILE = '<script>alert("1")</script><img src=http://evil.example/x.png onerror=alert(1)>'
PIXEL = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa7\x9a\xa0\xa0\x00\x00\x00\x00IEND\xaeB`\x82"
)


def estimate(value: float, n: int = 100) -> Estimate:
    """Return an estimate with 5 points to either side."""
    return Estimate(value, value - 0.05, min(1.0, value + 0.05), n)


CHAMPION = estimate(0.9)


def row(
    number: int, *, champion: Estimate | None = CHAMPION, random: Estimate | None = None, **changes: object
) -> RoundRow:
    """Return the line of a plain round, the `changes` being those of its record."""
    decision = Decision(False, "a rule", ("too few samples",), "2", "1", estimate(0.0))
    lanes = {"auto": 600, "review": 300, "hold": 100}
    plain = RoundRecord(number, NOW, 12, "d", 180, 200, "2", "", decision, {}, None, lanes)
    record = replace(plain, **changes)  # type: ignore[arg-type]
    return RoundRow(record, estimate(0.7), champion, random)


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


def page_of(*sections: Section, rounds: tuple[RoundRow, ...] = ()) -> Page:
    """Return a page of these rounds and sections."""
    return Page("t", NOW, (rounds_section(rounds), *sections), facts=facts(rounds))


def gold(number: int, label: str = "cat", *, suggested: str | None = None) -> GoldRecord:
    """Return a gold record that two of three annotators agreed on."""
    votes = {label: 2, "dog": 1}
    return gold_record(SampleId(f"{number:064d}"), label, votes=votes, suggested_label=suggested)


def gallery(*records: GoldRecord) -> Section:
    """Return the section of these records, every one with a thumbnail."""
    return gallery_section(records, {record.sample_id: Preview(image=PIXEL) for record in records})


def whole_page(name: str = "cat") -> Page:
    """Return a page with everything filled, `name` wherever a user may choose one."""
    rows = (row(1, decision=None, outcome=name), row(2, random=estimate(0.8)))
    svg = b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>"
    plots = (Plot(name, lambda kind: PIXEL), Plot("svg", lambda kind: svg))
    everything = Section(
        title=name,
        prose=(name,),
        remarks=(Cell(name, name, "bad"),),
        tables=(Table(({name: Cell(name, name), "n": 3},), name),),
        plots=plots,
        tiles=(Tile(Preview(image=PIXEL), name, (name,), is_corrected=True),),
        notes=(name,),
    )
    return Page(
        title=name,
        generated_at=NOW,
        sections=(
            rounds_section(rows, plots),
            everything,
            gallery(gold(1, name, suggested=name + "!"), gold(2)),
            conservation_section(Conservation(1000, 600, 300, 0, 50, 30, 20, {name: 30})),
        ),
        facts=facts(rows),
        links={"MLflow": "http://127.0.0.1:5000/", name: "javascript:alert(1)"},
    )


def test_the_page_says_the_numbers_with_their_intervals() -> None:
    """Champion and baseline stand side by side with interval and n, and the decision with its reasons."""
    text = Reader(render_page(whole_page())).text

    assert "90.0 % [85.0, 95.0], n=100" in text
    assert "70.0 % [65.0, 75.0], n=100" in text
    assert "80.0 %" in text
    assert "random labels, same budget" in text
    assert "2 refused a rule too few samples" in text
    assert "auto 60 %, review 30 %, hold 10 %" in text
    assert "auto 600 + review 300 + hold 50 + quarantine 30 + duplicate 20 = 1000 files" in text
    assert "conserved" in text
    assert "2026-11-02 06:00 UTC" in text


def test_a_corrected_suggestion_stands_out_and_a_blind_task_says_so() -> None:
    """The gallery shows label, suggestion, votes and lane of each thumbnail, corrections first."""
    section = gallery(gold(1), gold(2, suggested="cat!"))
    text = Reader(render_page(page_of(section))).text

    assert [tile.is_corrected for tile in section.tiles] == [True, False]
    assert "cat suggested cat! cat ×2, dog ×1 lane review cat blind" in text


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
    read = Reader(render_page(page_of(gallery(), Section("Notes"))))

    assert "No round has been closed yet" in read.text
    assert read.tags.count("h2") == 1


def test_missing_figures_are_dashes_not_zeros() -> None:
    """Without champion or scores there is a dash; without models on random labels, no column for them."""
    read = Reader(render_page(page_of(rounds=(row(1, champion=None, lanes={}, decision=None),))))

    assert "Champion accuracy –" in read.text
    assert "Accepted by the model –" in read.text
    assert "random labels" not in read.text
    assert "nothing to decide" in read.text


def test_the_gallery_is_bounded() -> None:
    """However much was labelled, the page stays small and says how much it leaves out."""
    html = render_page(page_of(gallery(*(gold(number) for number in range(MOST_TILES + 5)))))

    assert html.count("<figure") == MOST_TILES
    assert f"{MOST_TILES} of {MOST_TILES + 5} gold samples" in Reader(html).text


def test_a_sum_that_does_not_add_up_is_said_aloud() -> None:
    """Files whose scoring was cut short are missing in the sum, and the page says what to do."""
    text = Reader(render_page(page_of(conservation_section(Conservation(10, 3, 2, 0, 1, 1, 1, {}))))).text

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
        reliability_plot(reliability_bins(probs, truth), split="holdout", ece=few.ece),
    ]
    for picture in pictures:
        assert data_uri(picture("svg")).startswith("data:image/svg+xml")
        image = Image.open(BytesIO(picture("png"))).convert("L")
        assert image.width >= 600
        assert image.getextrema() == (0, 255)


def test_the_lane_plot_shows_every_lane_up_to_100_percent() -> None:
    """Each round's bars, one for each lane, add up to 100 %, also under a policy that uses full review."""
    counts = [{"auto": 10, "review": 20, "full": 30, "hold": 40}, {"auto": 600, "full": 400}]

    axes = lanes_plot([1, 2], counts).draw().axes[0]

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


def test_full_review_is_named_where_it_is_used() -> None:
    """Most policies never ask for a full review, so texts leave its zero out; the other lanes are named."""
    assert listed_lanes({"auto": 1}) == (Lane.AUTO, Lane.REVIEW, Lane.HOLD)
    assert listed_lanes({"full": 1}) == tuple(Lane)
    assert str(lanes_cell({"auto": 1, "full": 3})) == "auto 25 %, review 0 %, full 75 %, hold 0 %"
    assert "auto 1 + review 2 + full 3 + hold 4" in str(Conservation(10, 1, 2, 3, 4, 0, 0, {}))
    assert "full" not in str(Conservation(7, 1, 2, 0, 4, 0, 0, {}))


def test_figures_are_written_alike_everywhere() -> None:
    """A figure carries its interval and n; without an estimate stands the reason, never a bare number."""
    found = Estimate(-0.12, -0.201, -0.0004, 1400)

    assert str(percent_cell(Estimate(0.934, 0.91, 0.952, 140))) == "93.4 % [91.0, 95.2], n=140"
    assert str(points_cell(found)) == "−12.0 points [−20.1, 0.0], n=1,400"
    assert str(percent_cell(Measure(3, None))) == "too few, n=3"
    assert str(percent_cell(None)) == "–"
    assert str(amount_cell(Measure(9, Estimate(12.0, 12.0, 12.0, 9)))) == "12"
    assert str(amount_cell(Measure(9, Estimate(1200.5, 8.0, 17000.0, 9)), 1)) == "1,200.5 [8.0, 17,000.0]"
    assert str(amount_cell(Measure(0, None, "nothing accepted"))) == "nothing accepted, n=0"


def test_follow_ups_have_words_for_every_reason() -> None:
    """Whatever annotators are asked for, the report of a push or pull can name it."""
    report = FollowUpReport(asked={str(reason): 1 for reason in RequestReason})

    assert sum(follow_up_figures(report).values()) == len(RequestReason)
    assert follow_up_figures(None) == {}


def test_markdown_holds_the_section() -> None:
    """Prefect gets remarks, tables and a plot in one text; a bar in a label does not break the table."""
    picture = lanes_plot([1], [{"auto": 1}])
    table = Table(({"who": "a|b", "accuracy": Cell("90 %", "n=3"), "nothing": None},), "by hand")

    text = markdown(Section("T", remarks=(Cell("look"),), tables=(table,), plots=(Plot("p", picture),)))

    assert text.startswith("## T\n\n- look\n\n**by hand**\n\n| who | accuracy | nothing |\n| --- |")
    assert "| a\\|b | 90 % n=3 |  |" in text
    assert "![p](data:image/png;base64," in text


def test_the_same_figures_give_the_same_plot() -> None:
    """A plot is a function of its figures, so artifacts can be compared byte for byte."""
    challenger, probs, truth = judged(("cat", "dog"))

    evaluation = HoldoutEvaluation(
        sample_ids=tuple(sample_id_of(f"{i}".encode()) for i in range(len(truth))),
        truth=truth,
        weights=np.ones(len(truth)),
        probs={challenger.model_version: probs},
        evaluations={"challenger": challenger},
        decision=Decision(True, "first model", (), challenger.model_version, None, None),
        gold_version=1,
        sketch=SketchBuilder(LabelSet.of(["cat", "dog"])).sketch(),
    )
    settings = Settings(name="pets", labels=("cat", "dog"))
    first, again = (retrain_plots(evaluation, settings, KnownPeople(), []) for _ in range(2))

    assert first == again
    assert set(first) == {
        f"plots/{name}.{kind}"
        for name in ("confusion", "reliability", "policies", "accuracy")
        for kind in ("png", "svg")
    }


def test_texts_are_quoted_and_escaped() -> None:
    """A text stands where a picture would, and none of it is markup."""
    section = Section("Gold", tiles=(Tile(Preview(text="<b>win</b> & more"), "spam"),))

    html = render_page(Page("t", NOW, sections=(section,)))

    assert "<blockquote>&lt;b&gt;win&lt;/b&gt; &amp; more</blockquote>" in html
