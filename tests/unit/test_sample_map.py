"""The map of the page: the right points with the right properties, bounded, escaped, the same on each run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldloop.core.labels import LabelSet
from goldloop.core.modality import Features
from goldloop.core.probs import column_names
from goldloop.core.samples import SampleId
from goldloop.loop.ports import LoopPorts
from goldloop.reports import sample_map
from goldloop.reports.map_data import MOST_LABELS, SCALE, map_data
from goldloop.reports.page import Page, page_script, render_page
from goldloop.reports.pictures import picture_sections
from goldloop.reports.projection import in_unit_square, projected
from goldloop.reports.sample_map import NOTHING, map_section
from goldloop.reports.section import MapPoint, Section
from tests.loop import Loop, texts
from tests.memory_texts import MemoryTexts
from tests.unit.report_pages import HOSTILE, NOW, Reader

N = 60


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """Return a loop in which 60 texts are scored."""
    loop = Loop(tmp_path, texts(N))
    loop.score()
    return loop


def mapped(ports: LoopPorts, **options: Any) -> Section:
    """Return the map of the samples of `ports`."""
    return map_section(ports, **({"gold": {}, "mistakes": (), "shown": ()} | options))


def scripts(html: str) -> list[str]:
    """Return what stands in the script elements of a page."""
    return re.findall(r"<script[^>]*>(.*?)</script>", html, flags=re.DOTALL)


def point(**changes: Any) -> MapPoint:
    """Return a point in the middle, but for the `changes`."""
    plain = MapPoint(0.5, 0.5, "a.png", "auto", "hat", 0.9, "3", None, is_mistake=False)
    return replace(plain, **changes)


def test_every_sample_is_a_point_with_its_properties(loop: Loop) -> None:
    """File, lane, label, confidence and model come from the newest prediction; gold, mistakes, tiles too."""
    ids = sorted(loop.tables.predictions.read(["sample_id"])["sample_id"].to_pylist())
    gold = {SampleId(ids[0]): "ham", SampleId(ids[1]): "spam"}

    section = mapped(loop.ports(), gold=gold, mistakes={ids[1]}, shown={ids[2]})

    assert len(section.map) == N
    assert section.prose[0] == f"All {N} scored samples."
    assert [point.gold for point in section.map] == ["ham", "spam", *[None] * (N - 2)]
    assert [point.is_mistake for point in section.map] == [False, True, *[False] * (N - 2)]
    assert [point.sample_id for point in section.map if point.sample_id] == [ids[2]]
    assert {point.model_version for point in section.map} == {"1"}
    for one in section.map:
        share = min(len(loop.texts[f"mem/{one.name}"]), 100) / 100
        assert one.label == ("spam" if share > 0.5 else "ham")
        assert one.confidence == pytest.approx(max(share, 1 - share))
        assert one.lane == "auto" if one.confidence > 0.7 else one.lane == "review"


def test_with_two_labels_a_place_is_the_probability_spread_by_chance(loop: Loop) -> None:
    """Without features: from left to right the second label becomes likelier; the height says nothing."""
    section = mapped(loop.ports())

    assert [point.x for point in section.map] == pytest.approx(
        [min(len(loop.texts[f"mem/{point.name}"]), 100) / 100 for point in section.map]
    )
    assert len({point.y for point in section.map}) == N
    assert "the probability of spam" in section.prose[1]


def test_with_more_labels_like_probabilities_lie_together(loop: Loop) -> None:
    """Three certain groups of samples are three groups of points."""
    labels = ("eel", "ham", "spam")
    ids = sorted(loop.tables.predictions.read(["sample_id"])["sample_id"].to_pylist())
    loop.tables.predictions.append(
        [
            {
                "sample_id": sample_id,
                "batch": "b",
                "model_version": "2",
                "policy": "p",
                "lane": "auto",
                "scored_at": NOW,
                "label": labels[number % 3],
                "confidence": 0.98,
                "margin": 0.97,
                "probs": [0.98 if column == number % 3 else 0.01 for column in range(3)],
                "label_names": column_names(LabelSet(labels)),
            }
            for number, sample_id in enumerate(ids)
        ]
    )
    ports = replace(loop.ports(), configured=loop.settings.model_copy(update={"labels": labels}))

    section = mapped(ports)

    assert {point.model_version for point in section.map} == {"2"}
    places = np.array([(point.x, point.y) for point in section.map])
    assert_groups(places, np.arange(N) % 3)
    assert "like probabilities" in section.prose[1]


def assert_groups(places: np.ndarray, groups: np.ndarray) -> None:
    """Check that the nearest other point of each point is of its group."""
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (groups[distances.argmin(axis=1)] == groups).all()


@dataclass(frozen=True)
class FeaturedTexts(MemoryTexts):
    """Texts whose features are two groups, for all but every `missing`-th."""

    missing: int = 10**9

    def features(self, sample_ids: Iterable[SampleId]) -> Features:
        """Return features by the first digit of the id."""
        rng = np.random.default_rng(0)
        rows = {one: rng.random(20) + 9 * (np.arange(20) % 2 == (one < "8")) for one in sorted(sample_ids)}
        kept = [one for number, one in enumerate(rows, start=1) if number % self.missing]
        return {one: rows[one].astype(np.float16) for one in kept}


def test_features_place_samples_where_there_are_some(loop: Loop) -> None:
    """Kept features of the preset are taken before probabilities; samples without are counted, not drawn."""
    samples = FeaturedTexts(loop.reader, loop.store, missing=6)
    section = mapped(replace(loop.ports(), modality=samples), shown=sorted(loop.store.kept))

    assert len(section.map) == N - N // 6
    assert section.prose[0] == f"50 of {N} scored samples. 10 have no features and are left out."
    assert "features (tiny)" in section.prose[1]


def test_few_features_are_no_map(loop: Loop) -> None:
    """Where less than half of the samples have features, probabilities place them all."""
    samples = FeaturedTexts(loop.reader, loop.store, missing=1)

    assert len(mapped(replace(loop.ports(), modality=samples)).map) == N


def test_a_large_stock_is_drawn_and_keeps_mistakes_and_tiles(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The draw is that of the smallest ids, which are hashes, and the page says what it shows."""
    monkeypatch.setattr(sample_map, "MOST_POINTS", 20)
    ids = [
        SampleId(one) for one in sorted(loop.tables.predictions.read(["sample_id"])["sample_id"].to_pylist())
    ]

    section = mapped(
        loop.ports(), gold=dict.fromkeys(ids, "ham"), mistakes={ids[-1]}, shown={ids[-2], ids[0]}
    )

    assert len(section.map) == 22
    assert section.prose[0].startswith(f"22 of {N} scored samples: a random draw of at most 20, the mistakes")
    assert [point.is_mistake for point in section.map][-1]
    assert [point.sample_id for point in section.map if point.sample_id] == [ids[0], ids[-2]]


def test_nothing_to_map_is_a_sentence(tmp_path: Path) -> None:
    """Neither an empty workspace nor one before the first model has places for points."""
    empty = mapped(Loop(tmp_path, {}).ports())

    assert empty.prose == (NOTHING,)
    assert not empty.map


def test_a_projection_is_the_same_each_time_and_keeps_neighbours() -> None:
    """Three clouds in 60 dimensions stay three in the plane, in [0, 1]."""
    rng = np.random.default_rng(0)
    groups = np.arange(90) % 3
    rows = rng.normal(size=(90, 60)) + 8 * np.eye(60)[groups]

    points = projected(rows, seed=1)

    assert np.array_equal(points, projected(rows, seed=1))
    assert points.shape == (90, 2)
    assert points.min() >= 0
    assert points.max() <= 1
    assert max(np.ptp(points, axis=0)) == pytest.approx(1)
    assert_groups(points, groups)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 9, 10, 11])
@pytest.mark.parametrize("n_features", [1, 2, 5])
@pytest.mark.parametrize("is_equal", [False, True])
def test_few_or_equal_samples_have_places_too(n: int, n_features: int, is_equal: bool) -> None:
    """Whatever there is, each sample gets a place in [0, 1], without a warning."""
    rows = np.ones((n, n_features)) if is_equal else np.random.default_rng(n).random((n, n_features))

    points = projected(rows, seed=0)

    assert points.shape == (n, 2)
    assert np.isfinite(points).all()
    assert ((points >= 0) & (points <= 1)).all()


def test_both_axes_have_one_scale() -> None:
    """A wide cloud is not stretched to a square."""
    assert in_unit_square([[0, 0], [4, 1]]).tolist() == [[0, 0.375], [1, 0.625]]


def test_the_data_name_what_is_not_known() -> None:
    """Before any model a point has no label and no confidence; all else is there."""
    points = [
        point(x=0.25, y=1.0, gold="shoes", is_mistake=True, sample_id="f" * 64),
        point(name="b.png", lane="hold", label=None, confidence=None, model_version="none"),
    ]

    data = json.loads(json.dumps(map_data(points)))

    assert (data["x"], data["y"]) == ([SCALE // 4, SCALE // 2], [SCALE, SCALE // 2])
    assert data["file"] == ["a.png", "b.png"]
    assert [data["lanes"][number] for number in data["lane"]] == ["auto", "hold"]
    assert data["labels"] == ["hat", "shoes"]
    assert (data["model"], data["gold"]) == ([0, -1], [1, -1])
    assert data["confidence"] == [90, -1]
    assert [data["versions"][number] for number in data["version"]] == ["3", "none"]
    assert data["mistakes"] == [0]
    assert data["tiles"] == {"0": "f" * 12}
    assert [data["labels"][number] for number in data["legend"]] == ["shoes"]


@pytest.mark.parametrize(("n_labels", "n_named"), [(MOST_LABELS, MOST_LABELS), (40, MOST_LABELS - 1)])
def test_the_legend_is_bounded_and_names_the_most_frequent_labels(n_labels: int, n_named: int) -> None:
    """Every label has a colour and a shape of its own as far as they go; the rarest share the last."""
    points = [point(label=f"label {number:02}") for number in range(n_labels) for _ in range(50 - number)]

    data = map_data(points)

    assert [data["labels"][number] for number in data["legend"]] == [f"label {n:02}" for n in range(n_named)]
    looks = Counter((number % 6, (number + number // 12) % 4) for number in range(MOST_LABELS))
    assert max(looks.values()) == 1  # as map_marks.js computes them


def test_the_page_allows_the_script_of_the_map_and_no_other(loop: Loop) -> None:
    """A policy names the digest of the script; a page without a map has, and allows, none."""
    html = render_page(Page("t", NOW, [mapped(loop.ports())]))
    plain = render_page(Page("t", NOW, [Section("Notes", prose=("none",))]))

    data, script = scripts(html)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert script == page_script("map")
    assert f"script-src 'sha256-{digest}'" in html
    assert json.loads(data)["file"]
    assert "script" not in Reader(plain).tags
    assert "script-src" not in plain
    assert not {"link", "iframe", "object", "embed", "base"} & set(Reader(html).tags)
    assert not re.search(r"https?:|import|fetch|eval|innerHTML", script)


def test_hostile_names_do_not_leave_the_data(tmp_path: Path) -> None:
    """A file or label that would end the script element, or reorder text, stays data."""
    name = f"</script>{HOSTILE[:25]}&\u2028\u202e"
    points = [point(name=name, label=name, gold=name, model_version=name)]

    html = render_page(Page("t", NOW, [Section("Map", map=points)]))

    assert Reader(html).tags.count("script") == 2
    data = json.loads(scripts(html)[0])
    assert data["file"][0].startswith("</script>")
    assert data["labels"] == data["file"]
    assert not {"\u2028", "\u202e"} & set(html)


def test_a_page_with_a_full_map_stays_small() -> None:
    """5,000 points with long names take less than a MB."""
    points = [point(name=f"{number:060}", sample_id=f"{number:064}") for number in range(5000)]

    assert len(render_page(Page("t", NOW, [Section("Map", map=points)]))) < 1_000_000


def test_the_same_workspace_gives_the_same_page(loop: Loop) -> None:
    """Nothing on the map depends on the run."""
    loop.push()
    pages = [render_page(Page("t", NOW, picture_sections(loop.ports(), loop.state(), []))) for _ in range(2)]

    assert pages[0] == pages[1]
