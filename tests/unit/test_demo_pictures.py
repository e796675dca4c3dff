"""The demo takes the pictures that its options name, and the digits where it has no connection."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.demo_loop.datasets import chosen
from scripts.demo_loop.github import GitHub
from scripts.demo_loop.labelled import LabelledSamples
from scripts.demo_loop.options import arguments
from tests.unit.picture_server import ARCHIVE, COATS, FILES, LABELS, Server, picture_server

INSTEAD = "the demo takes the handwritten digits; for the photographs run it again with a connection"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Yield a server that has everything; the cache is empty."""
    monkeypatch.setenv("GOLDLOOP_CACHE", str(tmp_path / "cache"))
    with picture_server() as found:
        yield found


def take(words: str, root: Path, github: GitHub, said: list[str]) -> tuple[LabelledSamples[Any], str]:
    """Return the pictures and the preset for a command line; the clothing is that of `github`."""
    options = arguments(words.split())
    return chosen(options, root / "workspace", say=said.append, clothing=COATS, github=github)


def refused() -> GitHub:
    """Return addresses at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    return GitHub(archives=url, lists=url, files=url)


def test_clothing_is_labelled_by_its_folders(server: Server, tmp_path: Path) -> None:
    """Folders are labels, 28 % stay outside, the licence is said, and the preset suits photographs."""
    said: list[str] = []
    pictures, preset = take("--dataset clothing", tmp_path, server.github, said)

    assert pictures.labels == LABELS
    assert (len(pictures.pool), len(pictures.test)) == (12, 4)
    assert all(one.label == one.path.parent.name for one in (*pictures.pool, *pictures.test))
    assert preset == "efficientnet_lite0"
    assert said[-1] == f"pictures: {COATS.page}, CC0 1.0, 16 photographs"


def test_a_draw_of_the_clothing_repeats(server: Server, tmp_path: Path) -> None:
    """The same seed takes the same pictures; another one does not."""
    words = "--dataset clothing --limit 8 --seed"
    first, again, other = (take(f"{words} {seed}", tmp_path, server.github, [])[0] for seed in (3, 3, 4))

    assert len(first.pool) + len(first.test) == 8
    assert first == again
    assert first != other


def test_without_a_connection_the_demo_takes_the_digits(server: Server, tmp_path: Path) -> None:
    """A refused connection is one sentence, with the address, and the demo goes on with its own preset."""
    said: list[str] = []
    pictures, preset = take("--dataset clothing", tmp_path, refused(), said)

    assert len(pictures.labels) == 10
    assert preset == "tiny"
    assert said[-2].startswith("cannot fetch the clothing photographs: cannot read http://127.0.0.1:")
    assert said[-1] == INSTEAD


def test_a_missing_archive_is_named_and_the_demo_takes_the_digits(server: Server, tmp_path: Path) -> None:
    """An HTTP error is named with its number."""
    del server.replies[ARCHIVE]
    said: list[str] = []
    pictures, _ = take("--dataset clothing", tmp_path, server.github, said)

    assert len(pictures.labels) == 10
    assert said[-2:] == [
        f"cannot fetch the clothing photographs: {server.url}{ARCHIVE} answered 404 Not Found",
        INSTEAD,
    ]


@pytest.mark.parametrize(
    ("words", "preset"),
    [
        ("", "tiny"),
        ("--dataset digits", "tiny"),
        ("--preset efficientnet_lite0", "efficientnet_lite0"),
        ("--dataset clothing --preset tiny", "tiny"),
    ],
)
def test_a_given_preset_wins(server: Server, tmp_path: Path, words: str, preset: str) -> None:
    """Without --preset the pictures choose it."""
    assert take(words, tmp_path, server.github, [])[1] == preset


def test_own_pictures_and_a_dataset_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    """The command line is refused with a reason."""
    with pytest.raises(SystemExit):
        arguments(["--dataset", "clothing", "--images", "shop", "--labels", "shop.csv"])

    assert "leave out --dataset clothing" in capsys.readouterr().err


def test_help_states_source_and_licence(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads the help knows what is fetched, from where and under which licence."""
    with pytest.raises(SystemExit):
        arguments(["--help"])

    text = capsys.readouterr().out
    assert "CC0 1.0" in text
    assert "https://github.com/alexeygrigorev/clothing-dataset-small" in text
    assert len(FILES) == COATS.n_pictures
