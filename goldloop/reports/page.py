"""The report: one HTML file that needs no server, no network and no script.

Images and plots are data URIs, so the page can be mailed, archived and printed. The only addresses in it
are links people may click.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from goldloop.core.lanes import Lane
from goldloop.core.modality import Preview
from goldloop.reports.annotators_section import MOST_PAIRS, AnnotatorSection, LabelIssueTile
from goldloop.reports.costs_section import MOST_ROUNDS, CostSection
from goldloop.reports.plots.style import Plot
from goldloop.reports.routing_section import RoutingSection
from goldloop.stats.measures import MIN_N
from goldloop.stats.metrics import Estimate
from goldloop.tables.counts import Conservation
from goldloop.training.promotion import Decision

TEMPLATE = "report.html.jinja"
MOST_TILES = 96
"""A page holds at most so many thumbnails; at 3 KB each it stays small enough to mail."""

MOST_LABEL_ISSUES = 48
SMALL_PIXELS = 64

_MAGIC = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One line of the table: what a round had, spent and decided.

    `lanes` counts scored samples by lane; `random_labels` is a model trained on as many randomly chosen
    labels, where there is one to compare with.
    """

    round: int
    gold_version: int
    n_gold: int
    n_labels_spent: int
    lanes: Mapping[str, int]
    baseline: Estimate | None
    champion: Estimate | None
    random_labels: Estimate | None = None
    decision: Decision | None = None
    outcome: str = ""

    @property
    def lane_shares(self) -> dict[str, float]:
        """Share of scored samples by lane; empty when nothing was scored."""
        total = sum(self.lanes.values())
        return {name: count / total for name, count in self.lanes.items()} if total else {}


@dataclass(frozen=True, slots=True)
class Tile:
    """One sample of the gallery: what people answered and what the model suggested."""

    preview: Preview
    label: str | None
    suggestion: str | None = None
    confidence: float | None = None
    votes: Mapping[str, int] = field(default_factory=dict)
    lane: str | None = None

    @property
    def is_corrected(self) -> bool:
        """Whether people decided against the suggestion."""
        return None not in (self.label, self.suggestion) and self.label != self.suggestion


@dataclass(frozen=True, slots=True)
class Page:
    """Everything the report shows; what is empty gets no section.

    `judged_on` is the sentence that says which samples its accuracies are on.
    """

    title: str
    generated_at: datetime
    rounds: tuple[RoundRow, ...]
    plots: tuple[Plot, ...] = ()
    gallery: tuple[Tile, ...] = ()
    people: AnnotatorSection | None = None
    label_issues: tuple[LabelIssueTile, ...] = ()
    costs: CostSection | None = None
    routing: RoutingSection | None = None
    conservation: Conservation | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    judged_on: str = "Every accuracy is on the holdout: drawn at random, labelled blind, never trained on."


def render_page(page: Page) -> str:
    """Return `page` as one self-contained HTML document.

    Whatever a label or file is called, it comes out as text. Of the gallery the first `MOST_TILES` are shown.

    Raises:
        ValueError: an image of a kind that browsers do not show; names it.
    """
    environment = Environment(
        loader=PackageLoader("goldloop.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = data_uri
    environment.filters["shown"] = shown
    environment.filters["percent"] = percent
    environment.filters["interval"] = interval
    environment.filters["points"] = points
    environment.filters["format_number"] = format_number
    return environment.get_template(TEMPLATE).render(
        page=page,
        tiles=page.gallery[:MOST_TILES],
        label_issues=page.label_issues[:MOST_LABEL_ISSUES],
        most_pairs=MOST_PAIRS,
        min_n=MIN_N,
        most_rounds=MOST_ROUNDS,
        has_random=any(row.random_labels is not None for row in page.rounds),
        lane_names=tuple(str(lane) for lane in Lane),
    )


def is_small(image: bytes) -> bool:
    """Return whether it is a PNG so small that a browser enlarges it, keeping its pixels sharp."""
    return image.startswith(b"\x89PNG") and int.from_bytes(image[16:20], "big") < SMALL_PIXELS


def shown(preview: Preview, alt: str) -> Markup:
    """Return a sample as HTML: a picture, described by `alt`, or a quotation; both escaped."""
    if preview.image is None:
        return Markup("<blockquote>{}</blockquote>").format(preview.text)
    small = Markup(' class="small"') if is_small(preview.image) else ""
    uri = data_uri(preview.image)
    return Markup('<img{} src="{}" alt="{}" loading="lazy">').format(small, uri, alt)


def data_uri(image: bytes) -> Markup:
    """Return `image` (PNG, JPEG, GIF, WebP or SVG) as an address that holds its own content.

    Raises:
        ValueError: none of these.
    """
    kind = next((kind for magic, kind in _MAGIC.items() if image.startswith(magic)), None)
    if kind is None and b"<svg" in image[:1000]:
        kind = "image/svg+xml"
    if kind is None:
        raise ValueError(
            f"image that begins with {image[:8]!r} is no PNG, JPEG, GIF, WebP or SVG; make a PNG thumbnail"
        )
    return Markup(f"data:{kind};base64,{base64.b64encode(image).decode('ascii')}")


def percent(share: float) -> str:
    """Return a share as people read it, for example '93.4 %', never broken over two lines."""
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def interval(estimate: Estimate) -> str:
    """Return what belongs beside the percentage of `estimate`, for example '[91.0, 95.2], n=140'."""
    return f"[{100 * estimate.low:.1f}, {100 * estimate.high:.1f}], n={estimate.n:,}"


def points(difference: Estimate) -> str:
    """Return a difference of two shares as people read it, for example '−12.0 points [−20.1, −4.0], n=40'."""
    value, low, high = (f"{100 * one:+.1f}" for one in (difference.value, difference.low, difference.high))
    return f"{value} points [{low}, {high}], n={difference.n:,}".replace("-", "\N{MINUS SIGN}")


def format_number(value: float, digits: int) -> str:
    """Return `value` with so many digits behind the point, thousands apart."""
    return f"{value:z,.{digits}f}".replace("-", "\N{MINUS SIGN}")
