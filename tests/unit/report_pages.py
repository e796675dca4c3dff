"""Report pages with chosen figures, and a parser that lists what a browser would load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np

from goldloop.core.labels import LabelSet
from goldloop.core.modality import Preview
from goldloop.core.samples import SampleId
from goldloop.gold.records import GoldRecord
from goldloop.reports.error_analysis import gold_gallery
from goldloop.reports.formatting import Cell
from goldloop.reports.gallery import Gallery, gallery_section
from goldloop.reports.page import Page
from goldloop.reports.round_page import conservation_section
from goldloop.reports.rounds import RoundRow, facts, rounds_section
from goldloop.reports.sample_facts import SampleFacts
from goldloop.reports.section import Plot, Section, Table, Tile, TopLabels
from goldloop.stats.metrics import Estimate
from goldloop.tables.counts import Conservation
from goldloop.training.promotion import Decision, Evaluation, RoundRecord, evaluate
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
    return section_of(gold_gallery(records), records)


def section_of(
    gallery: Gallery, records: Sequence[GoldRecord] = (), labels: Sequence[str] = ("cat", "dog")
) -> Section:
    """Return the section of a gallery, every sample with a thumbnail; the samples in `records` are gold."""
    known = {record.sample_id: record for record in records}
    facts = SampleFacts(LabelSet.of(labels), {}, known, {}, {})
    return gallery_section(gallery, facts, lambda *_: Preview(image=PIXEL))


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
        tiles=(
            Tile(
                Preview(image=PIXEL), name, (name,), True, name, name, (TopLabels(name, {name: 0.9}, name),)
            ),
            Tile(Preview(text=name), name),
        ),
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


def judged(labels: tuple[str, ...]) -> tuple[Evaluation, np.ndarray, np.ndarray]:
    """Return the evaluation of a middling model over `labels`, its probs and the truth."""
    rng = np.random.default_rng(0)
    truth = rng.integers(len(labels), size=60).astype(np.intp)
    probs = rng.random((60, len(labels)))
    probs[np.arange(60), truth] += 0.8
    probs /= probs.sum(axis=1, keepdims=True)
    made_from = {"model_version": "2", "split": "holdout", "gold_version": 3, "gold_digest": "d"}
    return evaluate(probs, truth, labels=LabelSet.of(labels), **made_from), probs, truth  # type: ignore[arg-type]
