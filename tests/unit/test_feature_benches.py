"""Benches on features of a frozen backbone: the file, and what each bench makes of it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from goldloop.modalities.image.forms import Form
from scripts.bench.common import Report
from scripts.bench.features import crowd_answers, read_features, write_features
from scripts.bench.guarantees.drift import world_of_features, year
from scripts.bench.labels import efficiency
from scripts.bench.labels.consensus import voted_pictures
from scripts.bench.outputs import logits_of_features, outputs
from scripts.bench.pictures import CAMERAS, listed

N, N_LABELS, N_FEATURES = 1400, 3, 12
COLOURS = {"red": (200, 0, 0), "blue": (0, 0, 200), "green": (0, 200, 0)}


class MeanColour:
    """A backbone whose features are the mean of each channel of 16 x 16 px."""

    def features(self, payloads: Sequence[Any]) -> npt.NDArray[np.float16]:
        """Return (n, 3)."""
        assert {(payload.shape, payload.dtype) for payload in payloads} == {((16, 16, 3), np.dtype("uint8"))}
        return np.stack([payload.mean(axis=(0, 1)) for payload in payloads]).astype(np.float16)


def drawn(seed: int = 0) -> dict[str, npt.NDArray[Any]]:
    """Return features around a centre for each label, the labels, and answers of which 30 % are wrong."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, N_LABELS, N)
    centres = rng.uniform(0, 6, (N_LABELS, N_FEATURES))
    wrong = (truth[:, None] + rng.integers(1, N_LABELS, (N, 3))) % N_LABELS
    return {
        "x": np.abs(centres[truth] + rng.normal(0, 1, (N, N_FEATURES))).astype(np.float16),
        "y": truth,
        "answers": np.where(rng.random((N, 3)) < 0.3, wrong, truth[:, None]),
    }


def saved(path: Path, **changed: npt.NDArray[Any]) -> Path:
    """Return a file of features at `path`, with some arrays changed or added."""
    arrays: dict[str, Any] = {**drawn(), **changed}
    np.savez(path, **arrays)
    return path


def options(**given: Any) -> argparse.Namespace:
    """Return options of a bench."""
    return argparse.Namespace(**{"seed": 0, "n": 1, "jobs": 1, "out": None, **given})


@pytest.mark.parametrize("cameras", [["plain"], list(CAMERAS)])
def test_a_file_holds_features_labels_and_answers(tmp_path: Path, cameras: list[str]) -> None:
    """Labels are columns in sorted order; darkened pictures are there only if asked for."""
    (tmp_path / "images").mkdir()
    lines = ["file,label,human_1,human_2"]
    for name, colour in COLOURS.items():
        Image.new("RGB", (40, 20), colour).save(tmp_path / "images" / f"{name}.png")
        lines.append(f"{name}.png,{name},{name},red")
    (tmp_path / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    out = tmp_path / "made" / "features"

    files, known = listed(tmp_path)
    write_features(out, files, known, backbone=MeanColour(), form=Form(16, "crop"), cameras=cameras)
    read = read_features(out)

    assert read.truth.tolist() == [2, 0, 1]
    assert read.answers is not None
    assert read.answers.tolist() == [[2, 2], [0, 2], [1, 2]]
    assert read.plain.argmax(axis=1).tolist() == [0, 2, 1]
    assert list(read.by_camera) == cameras
    for camera, features in read.by_camera.items():
        factor = 0.55 if camera == "dark" else 1.0
        assert features.max(axis=1) == pytest.approx(factor * read.plain.max(axis=1), abs=1)


def test_a_sample_is_judged_by_a_head_that_did_not_learn_its_label() -> None:
    """Another label of one sample changes the logits of others, not its own."""
    data = drawn()
    features, columns = data["x"].astype(np.float32), data["y"]
    other = columns.copy()
    other[7] = (other[7] + 1) % N_LABELS

    before, after = (logits_of_features(features, one, N_LABELS, 0) for one in (columns, other))

    assert (before.argmax(axis=1) == columns).mean() > 0.9
    assert (before[7] == after[7]).all()
    assert (before != after).any()


def test_outputs_of_a_file_are_logits_or_learnt_from_features(tmp_path: Path) -> None:
    """A file of features gives cross-fitted logits and its answers; a file of logits gives these."""
    data = drawn()
    logits = np.eye(N_LABELS)[data["y"]]
    np.savez(tmp_path / "logits.npz", logits=logits, truth=data["y"])

    given = outputs(str(tmp_path / "logits.npz"), options())
    learnt = outputs(str(saved(tmp_path / "features.npz")), options())

    assert (given.logits == logits).all()
    assert (learnt.truth == data["y"]).all()
    assert (learnt.logits.argmax(axis=1) == data["y"]).mean() > 0.9
    assert learnt.answers is not None
    assert (learnt.answers == data["answers"]).all()


def test_the_model_of_voted_pictures_learns_from_answers_alone(tmp_path: Path) -> None:
    """The head is right more often than the answers it learnt from, and the true labels do not change it."""
    data = drawn()
    path, blind = saved(tmp_path / "a.npz"), saved(tmp_path / "b.npz", y=np.roll(data["y"], 1))

    samples, probs = voted_pictures(options(features=path))
    _, same = voted_pictures(options(features=blind))

    votes = samples.answers_in_order(0)[:, 0]
    assert (votes == data["y"]).mean() == pytest.approx(0.7, abs=0.05)
    assert (probs.argmax(axis=1) == data["y"]).mean() > 0.9
    assert (probs == same).all()


def test_people_who_were_not_asked_answer_nothing(tmp_path: Path) -> None:
    """Benches that need people's answers refuse a file that has none."""
    np.savez(tmp_path / "a.npz", x=drawn()["x"], y=drawn()["y"])

    with pytest.raises(SystemExit, match="no answers"):
        voted_pictures(options(features=tmp_path / "a.npz"))
    with pytest.raises(SystemExit, match="no array `answers`"):
        crowd_answers(tmp_path / "a.npz", 0)


def test_an_answer_of_the_crowd_is_a_real_one_drawn_by_the_seed(tmp_path: Path) -> None:
    """Each answer is one of those to its sample; another seed draws others."""
    answers = drawn()["answers"]
    first, again, other = (crowd_answers(saved(tmp_path / "a.npz"), seed) for seed in (0, 0, 1))

    assert (first[:, None] == answers).any(axis=1).all()
    assert (first == again).all()
    assert (first != other).any()


def test_efficiency_learns_from_the_answers_of_the_crowd(tmp_path: Path) -> None:
    """Where the crowd names another label everywhere, so does the model; clean labels make it right."""
    shifted = (drawn()["y"][:, None] + np.array([1, 1, 1])) % N_LABELS
    path = saved(tmp_path / "features.npz", answers=shifted)
    accuracies = {}
    for is_crowd in (False, True):
        chosen = options(features=path, error=0.0, crowd=is_crowd, strategies=["random"])
        report = Report(chosen)
        efficiency.run(report, chosen)
        accuracies |= {figure.figure: figure.value for figure in report.figures}

    assert accuracies["efficiency/features/clean/random/at 800"] > 90
    assert accuracies["efficiency/features/crowd answers/random/at 800"] < 10


def test_efficiency_reports_what_a_choice_gains_in_macro_f1(tmp_path: Path) -> None:
    """A label that the test lacks and that nobody says has an F1 of 0, which accuracy does not see."""
    arrays = drawn()
    np.savez(tmp_path / "features.npz", x=arrays["x"], y=np.where(arrays["y"] == 2, 3, arrays["y"]))
    chosen = options(features=tmp_path / "features.npz", error=0.0, crowd=False, strategies=["margin"])
    report = Report(chosen)
    efficiency.run(report, chosen)
    accuracy, macro_f1 = efficiency.curve(0, "random", tmp_path / "features.npz", 0.0)[:, -1]

    assert accuracy > 0.9
    assert macro_f1 == pytest.approx(0.75 * accuracy, abs=0.02)
    assert "efficiency/features/clean/margin/macro-F1, gain to 800" in {one.figure for one in report.figures}


def test_the_head_of_the_drift_bench_lacks_the_label_that_the_seed_names(tmp_path: Path) -> None:
    """Its embeddings are the features of samples that it did not learn from, all of that label among them."""
    path, data = saved(tmp_path / "features.npz"), drawn()
    for seed in (1, 5):
        world = world_of_features(path, seed=seed)
        new = seed % N_LABELS
        assert (world.new, list(world.labels)) == (
            new,
            [f"label {column}" for column in range(N_LABELS) if column != new],
        )
        assert len(world.truth) == N - int(0.3 * N)
        assert (world.truth == new).sum() == (data["y"] == new).sum()
        is_old = world.truth != new
        said, truth = world.scores["plain"].probs.argmax(axis=1), world.truth - (world.truth > new)
        assert (said == truth)[is_old].mean() > 0.9
        rows = {row.tobytes() for row in data["x"].astype(np.float32)}
        assert {row.tobytes() for row in world.scores["plain"].embeddings} <= rows


def test_a_camera_is_planted_where_the_file_has_its_features(tmp_path: Path) -> None:
    """Without features of blurred or dark pictures these are left out; the new label is always planted."""
    dark = (drawn()["x"] * 0.55).astype(np.float16)
    for path, cameras in (
        (saved(tmp_path / "plain.npz"), set()),
        (saved(tmp_path / "dark.npz", x_dark=dark), {"dark"}),
    ):
        world = world_of_features(path, seed=0)
        assert set(world.plantable) == {"new 0.1", "new 0.125", "new 0.15", "share x 3"} | cameras
    seen: dict[str, list[bool]] = {planted: [] for planted in ("dark", "new 0.15")}
    year(world, 300, (0, 0), seen)
    assert all(seen["dark"])
    assert any(seen["new 0.15"])
