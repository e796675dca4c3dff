"""The galleries of the page: the right samples in order, bounded, escaped, and a sentence for none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from goldloop.audit.audited import Audited
from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.core.planned_tasks import Event, PlannedTask, TaskStatus
from goldloop.core.probs import column_names
from goldloop.core.samples import BatchId, SampleId, sample_id_of
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose, task_key
from goldloop.modalities.image.forms import Form
from goldloop.modalities.image.modality import THUMBNAIL_SIDE, ImageModality
from goldloop.reports.chosen import BLIND, chosen_gallery
from goldloop.reports.error_analysis import mistakes_gallery
from goldloop.reports.gallery import MOST_TILES
from goldloop.reports.page import Page, render_page
from goldloop.reports.pictures import picture_sections
from goldloop.reports.sample_facts import LONGEST_NAME, file_name
from goldloop.reports.section import Section
from goldloop.settings.sections import SelectionSettings
from goldloop.tables.predictions import read_least_confident
from tests.images import encoded, noise
from tests.loop import PATIENT, Loop, texts
from tests.unit.report_pages import HOSTILE, NOW, Reader, section_of

LABELS = LabelSet.of(["hat", "shoes", HOSTILE[:60]])
N = 200


def sample(number: int) -> SampleId:
    """Return the id of a sample."""
    return SampleId(f"{number:064x}")


def judged(truth: list[int], probs: list[list[float]]) -> Audited:
    """Return a holdout of samples 0, 1, ... as a model judged it."""
    n = len(truth)
    return Audited(
        sample_ids=tuple(sample(number) for number in range(n)),
        truth=np.array(truth, dtype=np.intp),
        probs=np.array(probs),
        weights=np.ones(n),
        lanes=np.full(n, ""),
        rounds=np.full(n, -1, dtype=np.intp),
    )


def sections(loop: Loop) -> dict[str, Section]:
    """Return the galleries of a loop without rounds, by title."""
    _map, *galleries = picture_sections(loop.ports(), loop.state(), [])
    return {section.title: section for section in galleries}


def html_of(*parts: Section) -> str:
    """Return the page of these sections."""
    return render_page(Page("t", NOW, parts))


def names(section: Section) -> list[str]:
    """Return the names of the samples of a gallery, in order."""
    return [tile.name for tile in section.tiles]


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """Return a loop in which 200 texts are scored and a round is pushed."""
    loop = Loop(tmp_path, texts(N), SelectionSettings(budget_per_round=60, audit_rate=0.2), PATIENT)
    loop.score()
    loop.push()
    return loop


def test_mistakes_of_the_model_in_force_come_first_and_the_surest_before_the_others() -> None:
    """A mistake of the other model alone comes last and says so; what both get right is not there."""
    in_force = judged([0, 0, 1, 1], [[0.9, 0.1, 0], [0.4, 0.6, 0], [0.8, 0.2, 0], [0.3, 0.7, 0]])
    other = judged([0, 0, 1, 1], [[0.9, 0.1, 0], [0.9, 0.1, 0], [0.9, 0.1, 0], [0.7, 0.3, 0]])

    gallery = mistakes_gallery({"model 2 (champion)": in_force, "model 3 (refused)": other}, LABELS)

    assert [pick.sample_id for pick in gallery.picks] == [sample(2), sample(1), sample(3)]
    assert [pick.headline for pick in gallery.picks] == [
        "hat (gold: shoes)",
        "shoes (gold: hat)",
        "hat (gold: shoes)",
    ]
    assert [list(pick.why) for pick in gallery.picks] == [[], [], ["only model 3 (refused) is wrong"]]
    assert "model 2 (champion) on 2 of 4; model 3 (refused) on 2 of 4" in gallery.words
    (first, *_) = section_of(gallery, labels=LABELS.names).tiles
    assert [opinion.who for opinion in first.opinions] == ["model 2", "model 3"]
    assert list(first.opinions[0].probs.items()) == [("hat", 0.8), ("shoes", 0.2), (LABELS[2], 0.0)]


def test_what_the_machine_accepted_is_shown_least_sure_first_though_nobody_was_shown_it(loop: Loop) -> None:
    """Only samples in the lane auto without gold; their content comes from where they arrived."""
    section = sections(loop)["Accepted by the machine, least sure first"]

    shares = [len(loop.texts[f"mem/{name}"]) / 100 for name in names(section)]
    confidences = [max(share, 1 - share) for share in shares]
    assert confidences == sorted(confidences)
    assert 0.7 < confidences[0] < 0.72
    assert len(section.tiles) == MOST_TILES
    n_auto = sum(len(text) > 70 or len(text) < 30 for text in loop.texts.values())
    assert f"{n_auto} samples" in section.prose[0]
    assert f"Not shown: {n_auto - MOST_TILES} more." in section.prose[0]
    assert {tile.sample_id for tile in section.tiles} - loop.store.kept.keys()
    assert all(tile.preview and tile.preview.text for tile in section.tiles)
    assert section.tiles[0].opinions[0].who == "model 1"


def test_accepted_samples_with_gold_are_left_out(loop: Loop) -> None:
    """What people have labelled is no longer a label of the machine alone."""
    (first, *_), n = read_least_confident(loop.tables, Lane.AUTO, without=(), n=5)
    others, n_others = read_least_confident(loop.tables, Lane.AUTO, without={first.sample_id}, n=5)

    assert n_others == n - 1
    assert first.sample_id not in {prediction.sample_id for prediction in others}


def test_disputes_show_all_answers_and_the_open_ones_first(loop: Loop) -> None:
    """Two people who differ about audits make disputes; those that wait for a decision lead."""
    loop.work({"1": lambda _: "ham", "2": lambda task: "ham" if task.sample_id[0] < "8" else "spam"})
    loop.pull()

    section = sections(loop)["What annotators disagree about"]

    assert section.tiles
    assert all(tile.title == "open" for tile in section.tiles)
    assert all("answers ham ×1, spam ×1" in tile.lines for tile in section.tiles)
    assert all(tile.sample_id >= "8" for tile in section.tiles)
    assert "waits for an adjudicator" in section.tiles[0].lines


def test_the_last_plan_says_why_each_sample_was_chosen(loop: Loop) -> None:
    """Audits name their probability, reviews lane, margin and suggestion; each purpose is explained once."""
    section = sections(loop)["What annotators were asked last, and why"]

    by_purpose = {tile.title: tile for tile in section.tiles}
    assert {"audit", "review"} <= by_purpose.keys()
    assert any(line == "random draw, probability 20.0 %" for line in by_purpose["audit"].lines)
    assert "blind" in by_purpose["audit"].lines
    review = by_purpose["review"]
    assert any(line.startswith("lane review, margin ") for line in review.lines)
    assert any(line.startswith("suggestion shown: ") for line in review.lines)
    told = [str(remark) for remark in section.remarks]
    assert any(remark.startswith("audit judges the models") for remark in told)
    assert BLIND in told
    assert len(section.tiles) <= MOST_TILES


@pytest.mark.parametrize(
    ("probability", "lines"),
    [
        (None, ["lane hold", "chosen before the first model", "blind"]),
        (0.1, ["lane hold", "random draw, probability 10.0 %", "blind"]),
    ],
)
def test_a_seed_before_the_first_model_is_a_medoid_or_a_draw(
    probability: float | None, lines: list[str]
) -> None:
    """Without an inclusion probability nothing was drawn."""
    gallery = chosen_gallery([planned(0, Purpose.SEED, probability)], LABELS)

    assert gallery.picks[0].why == lines


def test_only_the_newest_plan_counts_and_every_purpose_has_a_place() -> None:
    """Of 40 reviews and 2 audits both audits are shown; an older plan and a follow-up are not."""
    older = planned(90, Purpose.SEED, 0.1, seq=1)
    follow_up = planned(91, Purpose.ADJUDICATION, None, seq=3)
    reviews = [planned(number, Purpose.REVIEW, None, seq=2) for number in range(40)]
    audits = [planned(number, Purpose.AUDIT, 0.1, seq=2) for number in (50, 51)]

    gallery = chosen_gallery([older, follow_up, *reviews, *audits], LABELS)

    assert [pick.headline for pick in gallery.picks] == ["audit"] * 2 + ["review"] * (MOST_TILES - 2)
    assert [pick.sample_id for pick in gallery.picks[:3]] == [sample(50), sample(51), sample(0)]
    assert gallery.words == "The last plan, of round 1: 2 audit, 40 review."
    assert f"Not shown: {42 - MOST_TILES} more." in section_of(gallery, labels=LABELS.names).prose[0]


def planned(number: int, purpose: Purpose, probability: float | None, *, seq: int = 1) -> TaskStatus:
    """Return a planned task; reviews have probs."""
    plan = PlannedTask(
        key=task_key(sample(number), purpose),
        round=1,
        position=number,
        planned_at=NOW,
        batch=BatchId("b"),
        lane="hold",
        stratum="b/hold",
        split=Split.TRAIN,
        group="g",
        inclusion_probability=probability,
        model_version="1",
        probs=(0.6, 0.4, 0.0) if purpose is Purpose.REVIEW else None,
        label_names=column_names(LABELS) if purpose is Purpose.REVIEW else None,
    )
    return TaskStatus(plan, seq, Event.PUSHED, NOW)


def test_an_empty_workspace_has_a_sentence_for_each_gallery(tmp_path: Path) -> None:
    """Nothing arrived, nothing was judged: six sentences and no picture."""
    parts = sections(Loop(tmp_path, {}))

    assert len(parts) == 6
    assert all(len(part.prose) == 1 and not part.tiles for part in parts.values())
    text = Reader(html_of(*parts.values())).text
    assert "The newest round judged no model." in text
    assert "`goldloop push` chooses" in text


def test_hostile_file_names_and_labels_are_text(tmp_path: Path) -> None:
    """A file may be called like a script, in its folder or its name; labels likewise; nothing of it runs."""
    hostile = {f"mem/{HOSTILE[:30]}\u202e{number}": text for number, text in enumerate(texts(60).values())}
    loop = Loop(tmp_path, hostile, SelectionSettings(budget_per_round=20, audit_rate=0.2))
    loop.score()
    loop.push()
    gallery = mistakes_gallery({f"model {HOSTILE} (x)": judged([0], [[0.0, 0.1, 0.9]])}, LABELS)

    html = html_of(*sections(loop).values(), section_of(gallery, labels=LABELS.names))

    read = Reader(html)
    assert "script" not in read.tags
    assert HOSTILE[:30].rsplit("/", 1)[-1] in read.text
    assert LABELS[2] in read.text
    assert "\u202e" not in html


def test_names_are_those_of_files_and_bounded() -> None:
    """No folder, no bucket; a row keeps its id; however long a name is, the page stays small."""
    assert file_name("s3://bucket/2026/a b.jpg") == "a b.jpg"
    assert file_name("/data/posts.jsonl#row=3") == "posts.jsonl#row=3"
    assert len(file_name("/data/" + "x" * 5000)) == LONGEST_NAME


def test_a_picture_that_nobody_was_shown_is_read_where_it_arrived(tmp_path: Path) -> None:
    """From the first place that still has its bytes; a file with other bytes is not shown for it."""
    modality = ImageModality(tmp_path / "images", Form(32))
    content = encoded(noise(1), "PNG")
    changed, gone, there = (tmp_path / name for name in ("changed.png", "gone.png", "there.png"))
    changed.write_bytes(encoded(noise(2), "PNG"))
    there.write_bytes(content)

    seen = modality.preview(sample_id_of(content), [str(changed), str(gone), str(there)])
    unseen = modality.preview(sample_id_of(content), [str(changed), str(gone)])

    assert seen is not None
    assert unseen is None
    assert not (tmp_path / "images").exists()


def test_a_sample_without_content_is_shown_with_its_name_and_labels(loop: Loop) -> None:
    """The source may be gone: the page says so, and still shows what is known."""
    loop.reader.texts.clear()
    loop.store.kept.clear()

    section = sections(loop)["Accepted by the machine, least sure first"]

    assert [tile.preview for tile in section.tiles] == [None] * MOST_TILES
    html = html_of(section)
    assert html.count("content not found") == MOST_TILES
    assert section.tiles[0].name in Reader(html).text


@pytest.mark.parametrize("side", [90, 400])
def test_a_thumbnail_has_a_bounded_size(tmp_path: Path, side: int) -> None:
    """Noise compresses worst: even so it takes a few KB, also where it is small as it is."""
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (side, side, 3)).astype(np.uint8))
    content = encoded(picture, "PNG")
    (file := tmp_path / "a.png").write_bytes(content)

    preview = ImageModality(tmp_path / "images", Form(32)).preview(sample_id_of(content), [str(file)])

    assert preview is not None
    assert preview.image is not None
    assert len(preview.image) < 20_000
    assert len(preview.image) < len(content)
    assert THUMBNAIL_SIDE < 200
