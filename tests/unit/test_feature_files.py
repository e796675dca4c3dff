"""Kept features: found again by every process, and never wrong after a write that broke off."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from goldloop.adapters import feature_files
from goldloop.adapters.feature_files import FeatureFiles
from goldloop.core.errors import StorageError
from goldloop.core.samples import SampleId

N_FEATURES = 5


def rows(n: int, *, start: int = 0) -> dict[SampleId, np.ndarray]:
    """Return n samples with features of their own."""
    ids = [SampleId(hashlib.sha256(str(number).encode()).hexdigest()) for number in range(start, start + n)]
    values = np.random.default_rng(start).random((n, N_FEATURES)).astype(np.float16)
    return dict(zip(ids, values, strict=True))


def missing(files: FeatureFiles, features: dict[SampleId, np.ndarray]) -> list[int]:
    """Return the numbers of those that `files` lacks; those that it has are right."""
    lacking = []
    for number, (sample_id, row) in enumerate(features.items()):
        found = files.get(sample_id)
        if found is None:
            lacking.append(number)
        else:
            assert np.array_equal(found, row)
    return lacking


@pytest.mark.parametrize("n_unsorted", [0, 4096])
def test_features_are_found_by_other_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_unsorted: int
) -> None:
    """What one adds, another finds at once, however many were added since it looked last."""
    monkeypatch.setattr(feature_files, "_FEWEST_UNSORTED", n_unsorted)
    first, second = FeatureFiles(tmp_path / "f", N_FEATURES), FeatureFiles(tmp_path / "f", N_FEATURES)
    parts = [rows(40, start=start) for start in range(0, 400, 40)]

    assert first.get(next(iter(parts[0]))) is None
    for number, part in enumerate(parts):
        (first, second)[number % 2].add(part)
        assert missing(first, part) == missing(second, part) == []
    everything = {sample_id: row for part in parts for sample_id, row in part.items()}
    assert missing(FeatureFiles(tmp_path / "f", N_FEATURES), everything) == []
    assert missing(first, rows(3, start=1000)) == [0, 1, 2]


def test_ids_that_begin_alike_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index holds the first 8 bytes of an id only."""
    monkeypatch.setattr(feature_files, "_FEWEST_UNSORTED", 0)
    files = FeatureFiles(tmp_path, N_FEATURES)
    alike = {SampleId("ab" * 8 + f"{number:048x}"): row for number, row in enumerate(rows(9).values())}
    files.add(alike)

    assert missing(files, alike) == []
    assert files.get(SampleId("ab" * 8 + "f" * 48)) is None


@pytest.mark.parametrize(("ids_lost", "rows_lost"), [(0, 3), (0, 12), (7, 0), (40, 25)])
def test_a_write_that_broke_off_is_mended(tmp_path: Path, ids_lost: int, rows_lost: int) -> None:
    """Whatever a power cut leaves at the end of either file, the others stay and the next write is whole."""
    features = rows(20)
    FeatureFiles(tmp_path, N_FEATURES).add(features)
    for name, lost in (("ids.bin", ids_lost), ("rows.bin", rows_lost)):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) - lost])
    files = FeatureFiles(tmp_path, N_FEATURES)
    lacking = missing(files, features)
    ids = list(features)
    files.add({ids[number]: features[ids[number]] for number in lacking})

    assert 0 < len(lacking) <= 3
    assert lacking == list(range(20 - len(lacking), 20))
    assert missing(files, features) == []
    assert missing(FeatureFiles(tmp_path, N_FEATURES), features) == []


def test_a_damaged_row_counts_as_missing(tmp_path: Path) -> None:
    """No model ever sees it; computed again, it is found."""
    features = rows(8)
    FeatureFiles(tmp_path, N_FEATURES).add(features)
    content = bytearray((tmp_path / "rows.bin").read_bytes())
    content[2 * N_FEATURES * 5 + 1] ^= 1
    (tmp_path / "rows.bin").write_bytes(content)
    files = FeatureFiles(tmp_path, N_FEATURES)

    assert missing(files, features) == [5]
    sample_id = list(features)[5]
    files.add({sample_id: features[sample_id]})
    assert missing(files, features) == []
    assert missing(FeatureFiles(tmp_path, N_FEATURES), features) == []


def test_a_disk_error_is_a_sentence(tmp_path: Path) -> None:
    """A file lies where the folder should be."""
    (tmp_path / "f").write_text("in the way")

    with pytest.raises(StorageError, match="cannot keep features: a file lies where a folder should be"):
        FeatureFiles(tmp_path / "f", N_FEATURES).add(rows(1))
