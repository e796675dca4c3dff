"""uv installs from where this machine's pip would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from goldloop.services import indexes
from goldloop.services.indexes import pip_settings, uv_environment

MIRROR = "https://mirror.example/simple"


def test_without_pip_settings_uv_keeps_its_own_ways() -> None:
    """On a machine where pip is told nothing, nothing is told to uv."""
    assert uv_environment({}, {}) == {}


def test_a_mirror_replaces_the_default_index() -> None:
    """pip's index-url becomes uv's default index."""
    assert uv_environment({"index-url": MIRROR}, {}) == {"UV_DEFAULT_INDEX": MIRROR}


def test_extra_indexes_are_searched_as_pip_does() -> None:
    """All indexes are considered together, however pip's file separates them."""
    told = uv_environment({"extra-index-url": "https://a.example/simple\\nfile:///b/simple"}, {})
    assert told["UV_INDEX"] == "https://a.example/simple file:///b/simple"
    assert told["UV_INDEX_STRATEGY"] == "unsafe-best-match"


def test_a_folder_of_wheels_decides_nothing_while_there_is_an_index() -> None:
    """A wheel of torch lying in pip's find-links folder does not choose the version."""
    assert uv_environment({"find-links": "/opt/wheels"}, {}) == {}


def test_a_folder_of_wheels_is_all_there_is_without_an_index() -> None:
    """With pip's no-index the folder is the only source."""
    told = uv_environment({"find-links": "/a /b", "no-index": "true"}, {})
    assert told == {"UV_NO_INDEX": "1", "UV_FIND_LINKS": "/a,/b"}


def test_what_the_user_told_uv_wins() -> None:
    """An index set for uv itself is left as it is."""
    assert uv_environment({"index-url": MIRROR}, {"UV_DEFAULT_INDEX": "https://other.example"}) == {}


def test_pip_settings_come_from_variables_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PIP_ variable counts as pip's setting of that name."""
    monkeypatch.setenv("PIP_INDEX_URL", MIRROR)
    assert pip_settings()["index-url"] == MIRROR


def test_it_runs_before_anything_is_installed(tmp_path: Path) -> None:
    """As a script, isolated from every installed package, it prints one NAME=value line for each variable."""
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\nindex-url = {MIRROR}\n")
    environment = {"PIP_CONFIG_FILE": str(config), "PIP_INDEX_URL": MIRROR, "PATH": "/usr/bin:/bin"}
    script = Path(indexes.__file__)
    run = [sys.executable, "-I", "-S", str(script)]
    printed = subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout
    assert f"UV_DEFAULT_INDEX={MIRROR}\n" in printed
