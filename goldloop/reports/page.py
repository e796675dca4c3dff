"""The page of a report: one HTML file that needs no server and no network.

Images and plots are data URIs, so the page can be mailed, archived and printed. The only addresses in it
are links that people may click. Maps and filtered tables need scripts of the page, which a policy names by
their digests; all else needs none.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from goldloop.core.disk import write_whole
from goldloop.core.modality import Preview
from goldloop.core.verbatim import visible
from goldloop.reports.formatting import Cell, number, percent
from goldloop.reports.map_data import map_data
from goldloop.reports.plots.style import LABEL_COLOURS, LANE_LOOKS
from goldloop.reports.section import MapPoint, Section, Value

TEMPLATE = "page.html.jinja"
SCRIPTS = {
    "map": ("map_marks.js", "map.js"),
    "filter": ("filter.js",),
    "gallery": ("gallery.js",),
}
SMALL_PIXELS = 64  # width below which a browser enlarges a picture
NARROW_COLUMNS = 3  # up to which a table stands beside others and beside plots
LONG_TEXT = 42  # characters of a cell above which it may be broken over lines
_MAGIC = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}


@dataclass(frozen=True, slots=True)
class Page:
    """Everything the page shows; `judged_on` is the sentence that names the samples of its accuracies.

    Texts of a page that `is_veiled` are blurred until the mouse or the focus is on them. A page that
    `has_contents` begins with links to its sections.
    """

    title: str
    generated_at: datetime
    sections: Sequence[Section]
    facts: Mapping[str, Cell] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    judged_on: str = "Every accuracy is on the holdout: drawn at random, labelled blind, never trained on."
    is_veiled: bool = False
    has_contents: bool = False

    @property
    def shown(self) -> Sequence[Section]:
        """The sections that are not empty."""
        return [section for section in self.sections if not section.is_empty]

    @property
    def needs(self) -> tuple[str, ...]:
        """Which of `SCRIPTS` the page runs."""
        has_filter = any(table.is_filtered for section in self.sections for table in section.tables)
        has_map = any(section.map for section in self.sections)
        has_gallery = any(section.chooser and not section.chooser.is_served for section in self.sections)
        needed = (("map", has_map), ("filter", has_filter), ("gallery", has_gallery))
        return tuple(name for name, is_needed in needed if is_needed)


_SVG_HEAD = 2000  # bytes in which an SVG says how wide it is
_SVG_WIDTH = re.compile(rb"<svg[^>]*\swidth=\"([0-9.]+)pt\"")


def render_page(page: Page) -> str:
    """Return `page` as one self-contained HTML document; whatever a label is called, it comes out as text.

    Raises:
        ValueError: an image of a kind that browsers do not show; names it.
    """
    environment = Environment(
        loader=PackageLoader("goldloop.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_verbatim,
    )
    environment.filters |= {
        "anchor": anchor,
        "data_uri": data_uri,
        "width_pt": width_pt,
        "cell": _cell,
        "shown": _shown,
        "json": _json,
    }
    environment.filters["percent"] = lambda share: percent(share, 0).replace(" ", "\N{NO-BREAK SPACE}")
    environment.filters["unbroken"] = lambda text: text.replace(" %", "\N{NO-BREAK SPACE}%")
    return environment.get_template(TEMPLATE).render(
        page=page,
        lanes=LANE_LOOKS,
        label_colours=LABEL_COLOURS,
        narrow_columns=NARROW_COLUMNS,
        long_text=LONG_TEXT,
        scripts={page_script(name): script_digest(name) for name in page.needs},
    )


def page_script(name: str) -> Markup:
    """Return one of `SCRIPTS`."""
    folder = files("goldloop.reports") / "templates"
    return Markup("\n".join((folder / file).read_text(encoding="utf-8") for file in SCRIPTS[name]))


def script_digest(name: str) -> str:
    """Return the digest by which the page allows one of `SCRIPTS`, and no other."""
    digest = hashlib.sha256(page_script(name).encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def anchor(title: str) -> str:
    """Return the name by which a link finds the section with this title.

    >>> anchor("What it cost, and brought")
    'what-it-cost-and-brought'
    """
    return "-".join(re.findall(r"\w+", title.lower())) or "section"


def _json(points: Sequence[MapPoint]) -> Markup:
    """Return the data of a map as JSON in which nothing ends a script element."""
    return htmlsafe_json_dumps(map_data(points), separators=(",", ":"))


def _verbatim(value: object) -> object:
    """Return a text of the page as `visible` shows it; what is HTML already stays."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def save_page(page: Page, folder: Path, name: str) -> Path:
    """Write `page` as `name` into `folder`, whole or not at all; return where it lies."""
    write_whole(folder / name, render_page(page))
    return folder / name


def _shown(preview: Preview | None, alt: str) -> Markup:
    """Return a sample as HTML: a picture, described by `alt`, or a quotation; both escaped."""
    if preview is None:
        return Markup('<div class="missing">content not found</div>')
    image = preview.image
    if image is None:
        return Markup("<blockquote>{}</blockquote>").format(visible(preview.text or ""))
    # A PNG so small that a browser enlarges it keeps its pixels sharp.
    is_small = image.startswith(b"\x89PNG") and int.from_bytes(image[16:20], "big") < SMALL_PIXELS
    small = Markup(' class="small"') if is_small else ""
    return Markup('<img{} src="{}" alt="{}" loading="lazy">').format(small, data_uri(image), visible(alt))


def width_pt(plot: bytes) -> float | None:
    """Return the width of an SVG in points, None where it says none.

    >>> width_pt(b'<?xml?><svg height="288pt" version="1.1" width="547.2pt" xmlns="..."><g/></svg>')
    547.2
    """
    found = _SVG_WIDTH.search(plot[:_SVG_HEAD])
    return float(found[1]) if found else None


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


def _cell(value: Value) -> Cell:
    if isinstance(value, Cell):
        return value
    return Cell(number(value) if isinstance(value, int) else "" if value is None else str(value))
