"""The code that travels with a registered model is whole, small, and needs no library of goldloop's loop."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from goldloop.adapters.model_code import PACKAGES, copy_code

LOADERS = ["image", "words", "sentences", "records"]
HEAVY = {"pydantic", "torch", "torchvision", "deltalake", "prefect", "mlflow", "duckdb", "fsspec"}


@pytest.mark.parametrize("kind", LOADERS)
def test_a_loader_runs_on_its_copied_code(kind: str, tmp_path: Path) -> None:
    """A process whose first folder is the copy imports nothing of goldloop from elsewhere."""
    loader = f"models.served.{kind}"
    packages, requirements = copy_code(loader, tmp_path)
    code = (
        f"import sys, json\nsys.path.insert(0, {str(tmp_path)!r})\nimport {loader} as loader\n"
        "loader._load_pyfunc\n"
        "files = {name: getattr(one, '__file__', None) for name, one in sys.modules.items()}\n"
        "print(json.dumps(files))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd="/")
    assert ended.stderr == ""
    modules = json.loads(ended.stdout)
    files = [file for name, file in modules.items() if name.partition(".")[0] in PACKAGES]

    assert packages == [str(tmp_path / "goldloop"), str(tmp_path / "models")]
    assert all(file.startswith(str(tmp_path)) for file in files)
    assert not HEAVY & set(modules)
    assert not (tmp_path / "goldloop" / "settings").exists()
    assert len(list(tmp_path.rglob("*.py"))) < 50
    assert all(one.count("==") == 1 and "+" not in one for one in requirements)
    assert {one.partition("==")[0] for one in requirements} >= {"numpy", "scikit-learn", "scipy"}
    assert not HEAVY & {one.partition("==")[0] for one in requirements}


def test_each_loader_names_what_it_imports_when_it_is_used(tmp_path: Path) -> None:
    """A library that a function imports is a requirement too."""
    named = {
        kind: {one.partition("==")[0] for one in copy_code(f"models.served.{kind}", tmp_path / kind)[1]}
        for kind in LOADERS
    }

    assert {"pillow", "onnxruntime"} <= named["image"]
    assert {"tokenizers", "onnxruntime"} <= named["sentences"]
    assert "lightgbm" in named["records"]
    assert not {"lightgbm", "onnxruntime", "tokenizers", "pillow"} & named["words"]
