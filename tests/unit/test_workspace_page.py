"""The page of the workspace: its sections, its gallery by facet, as a file and served, and who may see it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from flows.page import PresentPage, wanted_of
from goldloop.adapters.page_server import PageServer
from goldloop.core.errors import ServiceError, StorageError
from goldloop.core.samples import sample_id_of
from goldloop.reports import workspace_gallery
from goldloop.reports.section import Section
from goldloop.reports.workspace_gallery import GallerySource, Wanted
from goldloop.reports.workspace_page import FILE
from goldloop.settings.metrics import MetricsAddress
from tests.loop import Loop
from tests.unit.report_pages import HOSTILE, Reader
from tests.unit.workspace_pages import link, page_of, worked_loop

SECRET = "a-secret-of-the-link"


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """Return the loop that all tests of this file only read."""
    return worked_loop(tmp_path_factory.mktemp("loop"))


@pytest.fixture(scope="module")
def source(loop: Loop) -> GallerySource:
    """Return what its galleries are made from."""
    return GallerySource(loop.ports(), loop.state(), link)


def ids(section: Section) -> list[str]:
    """Return the samples that a gallery shows."""
    return [tile.sample_id for tile in section.tiles]


def asked(loop: Loop, **facets: str) -> set[str]:
    """Return the samples that fit facets, from the tables themselves."""
    state = loop.state()
    gold = {record.sample_id: record.label for record in state.snapshot.gold.records}
    found = set()
    for row in loop.tables.predictions.read().to_pylist():
        answers = [one for one in state.outcomes.answers if one.sample_id == row["sample_id"]]
        label = gold.get(row["sample_id"], row["label"])
        low, high = workspace_gallery.CONFIDENCES.get(facets.get("confidence", ""), (0, 2))
        fits = [
            "label" not in facets or label == loop.settings.label_set[int(facets["label"])],
            facets.get("lane", row["lane"]) == row["lane"],
            low <= row["confidence"] < high,
            not {"annotator", "round"} & facets.keys()
            or any(
                facets.get("annotator", one.annotator) == one.annotator
                and facets.get("round", str(one.round)) == str(one.round)
                for one in answers
            ),
        ]
        if all(fits):
            found.add(str(row["sample_id"]))
    return found


def test_the_page_has_every_part(loop: Loop, tmp_path: Path) -> None:
    """Now, rounds, people, policy, costs and gallery stand in order, each with a link at the head."""
    path = page_of(loop).file(tmp_path)
    html = path.read_text(encoding="utf-8")
    read = Reader(html)

    assert path.name == FILE
    titles = re.findall(r"<h2>(.*?)</h2>", html)
    assert titles == [
        "Now",
        "Rounds",
        "Annotators",
        "Agreement",
        "Policy",
        "What it cost and brought",
        "Gallery",
    ]
    contents = [target for target in read.links if target.startswith("#")]
    assert len(contents) == len(titles)
    for target in contents:
        assert f'<section id="{target[1:]}">' in html
    assert "90 files" in read.text
    assert "All 90 samples." in read.text
    assert "annotators 3, 7" in read.text or "annotator 3" in read.text


def test_no_text_becomes_html(loop: Loop, tmp_path: Path) -> None:
    """A hostile sample, and a hostile name of the workspace, are shown as they are; nothing is loaded."""
    page = page_of(loop)
    for html in (page.file(tmp_path).read_text(encoding="utf-8"), page.served(Wanted({"label": HOSTILE}))):
        assert "<script>alert" not in html
        assert "<img src=http" not in html
        loaded = [one for one in Reader(html).loaded if not one.startswith(("data:", "#", "/#"))]
        assert loaded == []
    assert sample_id_of(HOSTILE.encode())[:12] in page.file(tmp_path).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "facets",
    [
        {},
        {"label": "0"},
        {"label": "1", "lane": "review"},
        {"lane": "hold"},
        {"confidence": "70-90"},
        {"annotator": "3"},
        {"annotator": "7", "round": "1"},
        {"round": "0", "label": "0"},
        {"annotator": "3", "round": "1"},
        {"lane": "auto", "confidence": "0-40"},
    ],
)
def test_a_served_gallery_has_exactly_what_fits(
    loop: Loop, source: GallerySource, facets: dict[str, str]
) -> None:
    """Every sample that fits stands on one of its pages, once, and no other."""
    shown, page = list[str](), 1
    while True:
        section = source.served(Wanted(facets, page))
        shown += ids(section)
        assert section.chooser is not None
        if "More samples" not in section.chooser.pages:
            break
        page += 1
    assert len(shown) == len(set(shown))
    assert set(shown) == asked(loop, **facets)


def test_a_page_is_bounded_and_says_what_is_left_out(
    loop: Loop, source: GallerySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file holds at most so many samples, labelled ones first; a served page has links to the others."""
    monkeypatch.setattr(workspace_gallery, "MOST_IN_FILE", 12)
    filed, served = source.filed(), source.served(Wanted({}, 2))
    gold = {record.sample_id for record in loop.state().snapshot.gold.records}

    assert len(filed.tiles) == 12
    assert sum(one in gold for one in ids(filed)[:6]) == 6
    assert filed.chooser is not None
    assert "12 of 90 samples: the 6 labelled last, and a random draw" in filed.chooser.said
    assert served.chooser is not None
    assert served.chooser.said == "Samples 49 to 90 of 90 that fit."
    assert served.chooser.pages == {"Samples before": "/?page=1#gallery"}
    assert source.served(Wanted({"lane": "nowhere"})).chooser.said == "No sample fits."  # type: ignore[union-attr]


def test_a_sample_leads_to_its_task(loop: Loop, source: GallerySource) -> None:
    """Each sample that annotators have has a link with the number of its task; the others have none."""
    pushed = {task.sample_id: task.task_id for task in loop.state().snapshot.tasks.values()}
    for tile in (*source.served(Wanted({})).tiles, *source.served(Wanted({}, 2)).tiles):
        task_id = pushed.get(tile.sample_id)  # type: ignore[call-overload]
        assert tile.link == (f"http://127.0.0.1:8080/projects/1/data?task={task_id}" if task_id else "")
    assert any(tile.link for tile in source.served(Wanted({"annotator": "3"})).tiles)


@pytest.mark.parametrize("page", ["-1", "0", "x", "99999999999999", "²", ""])
def test_what_an_address_asks_for_is_bounded(page: str) -> None:
    """A page that is no number, or absurd, is the first; unknown names restrict nothing."""
    assert wanted_of({"page": page, "lane": "auto", "evil": "1"}) == Wanted({"lane": "auto"}, 1)


@pytest.fixture
def server() -> Iterator[PageServer]:
    """Yield a served page that repeats what it was asked for."""

    def render(asked: object) -> str:
        if asked == {"broken": "1"}:
            raise StorageError("the table is torn")
        return f"page of {asked}"

    made = PageServer(MetricsAddress("127.0.0.1", 0), render, key=SECRET)
    yield made
    made.close()


def test_only_whoever_has_the_link_sees_the_page(server: PageServer) -> None:
    """Without the secret nothing is told; with it a browser gets a cookie, and an address without it."""
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as client:
        assert client.get("/").status_code == 401
        assert client.get("/", params={"key": "another"}).status_code == 401
        entered = client.get("/", params={"key": SECRET, "lane": "auto"})
        assert (entered.status_code, entered.headers["location"]) == (303, "/?lane=auto")
        assert "HttpOnly; SameSite=Strict" in entered.headers["set-cookie"]
        shown = client.get("/?lane=auto")
        assert shown.text == "page of {'lane': 'auto'}"
        assert shown.headers["cache-control"] == "no-store"
        assert shown.headers["content-security-policy"] == "frame-ancestors 'none'"
        assert client.get("/pictures").status_code == 404
        assert client.post("/").status_code == 501
        broken = client.get("/?broken=1")
        assert (broken.status_code, broken.text) == (503, "the page cannot be made now: the table is torn\n")


def test_another_name_and_another_machine_are_refused(server: PageServer) -> None:
    """A web page whose name leads here (DNS rebinding) reads nothing; no other address is opened."""
    address = f"http://127.0.0.1:{server.port}/?key={SECRET}"
    assert httpx.get(address, headers={"Host": "evil.example"}, trust_env=False).status_code == 403
    for host in ("0.0.0.0", "192.168.1.4", "example.com"):
        with pytest.raises(
            ServiceError, match=rf"served at 127\.0\.0\.1 only, got {host}.* proxy with a login"
        ):
            PageServer(MetricsAddress(host, 8090), str, key=SECRET)
    with pytest.raises(ServiceError, match=rf"cannot be served at 127\.0\.0\.1:{server.port} .*--page"):
        PageServer(MetricsAddress("127.0.0.1", server.port), str, key=SECRET)


def test_a_page_is_made_anew_only_where_a_table_has_changed(loop: Loop) -> None:
    """Asked again it is the same; after a commit it is another, yet not before some time has passed."""
    made, version = [], [1]

    def open_page() -> object:
        made.append(version[0])
        return page_of(loop)

    present = PresentPage(open_page, lambda: tuple(version))  # type: ignore[arg-type]
    present.html({})
    present.html({"page": "2"})
    assert made == [1]
    version[0] = 2
    present.html({})
    assert made == [1]
    present._next_look = 0.0
    present.html({})
    assert made == [1, 2]
