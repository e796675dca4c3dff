"""The report page: it loads nothing from outside, shows what is missing, and escapes hostile names."""

from __future__ import annotations

import pytest

from goldloop.core.modality import Preview
from goldloop.reports.gallery import MOST_TILES
from goldloop.reports.page import Page, data_uri, render_page
from goldloop.reports.round_page import conservation_section
from goldloop.reports.section import Section, Tile
from goldloop.tables.counts import Conservation
from tests.unit.report_pages import HOSTILE, NOW, PIXEL, Reader, gallery, gold, page_of, row, whole_page


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

    assert [tile.is_marked for tile in section.tiles] == [True, False]
    name = f"sample {gold(2).sample_id[:12]}"
    assert f"cat {name} suggested cat! lane review gold cat; answers cat ×2, dog ×1 cat" in text
    assert "blind lane review" in text


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
    """No round, no model, no plot: the page says so, and an empty gallery is a sentence."""
    read = Reader(render_page(page_of(gallery(), Section("Notes"))))

    assert "No round has been closed yet" in read.text
    assert "Annotators have labelled nothing yet." in read.text
    assert read.tags.count("h2") == 2


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
    assert f"{MOST_TILES + 5} gold samples" in Reader(html).text
    assert "Not shown: 5 more." in Reader(html).text


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


def test_texts_are_quoted_and_escaped() -> None:
    """A text stands where a picture would, and none of it is markup."""
    section = Section("Gold", tiles=(Tile(Preview(text="<b>win</b> & more"), "spam"),))

    html = render_page(Page("t", NOW, sections=(section,)))

    assert "<blockquote>&lt;b&gt;win&lt;/b&gt; &amp; more</blockquote>" in html
