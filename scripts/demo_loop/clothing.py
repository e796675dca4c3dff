"""The clothing photographs: fetched once, kept in the user's cache, and compared with their commit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from goldloop.adapters.progress import TerminalProgress
from goldloop.core.errors import SourceError
from goldloop.services.servers import cache_folder
from scripts.demo_loop.github import Advance, GitHub, UnavailableError
from scripts.demo_loop.picture_set import PictureFolder, PictureSet

CLOTHING = PictureSet(
    name="clothing",
    repository="alexeygrigorev/clothing-dataset-small",
    commit="11961516512414bf9f6c150a832cfd21b54a6b54",
    tree="78b24042178f02d2ec37cee1dbd23d73857fa539",
    parts={
        "test": "4244b1e77de7016ecac9b89f87c993381f0a448d",
        "train": "cc90b85bb4b32560a4316e6f6031b73a17860e97",
        "validation": "d64391f0dd7a926616fd01c77a65d4b9d3fc78d9",
    },
    n_pictures=3781,
    n_bytes=106_020_674,
    licence="CC0 1.0 (public domain)",
)
"""Alexey Grigorev's subset of the clothing dataset, given by 32 people and a firm: ten labels."""

Say = Callable[[str], None]


def fetched(
    pictures: PictureSet, *, github: GitHub | None = None, cache: Path | None = None, say: Say
) -> list[Path]:
    """Return exactly the pictures of the set, sorted; fetch what is missing into the user's cache.

    GitHub's archive is one request, but GitHub makes it anew for each and cannot send the rest of one: what
    a break leaves out is fetched picture by picture, where it is less than half. Picture by picture alone
    would be thousands of requests, which GitHub refuses after some.

    Raises:
        UnavailableError: not all pictures could be had; those that arrived are kept for the next call.
        SourceError: what arrived is something else; it is deleted.
    """
    kept = PictureFolder(
        pictures, (cache or cache_folder()) / "datasets" / f"{pictures.name}-{pictures.commit[:12]}"
    )
    if kept.is_whole():
        return kept.paths()
    say(
        f"fetching {pictures.n_pictures:,} pictures ({pictures.n_bytes / 1e6:.0f} MB) of {pictures.page} "
        f"into {kept.path}"
    )
    try:
        _fetch(kept, github or GitHub(), say)
        if not kept.is_whole():
            raise SourceError(
                f"the pictures of {pictures.page} are not those of commit {pictures.commit}: "
                f"the Git ids of {', '.join(pictures.parts)} differ"
            )
    except SourceError as error:
        shutil.rmtree(kept.path, ignore_errors=True)
        raise SourceError(
            f"{error}. {kept.path} is deleted: run the same command again, or without "
            f"--dataset {pictures.name}"
        ) from error
    return kept.paths()


def _fetch(kept: PictureFolder, github: GitHub, say: Say) -> None:
    """Fetch the archive, then what is missing, then the archive where single pictures are refused."""
    n_wanted = kept.pictures.n_pictures

    def n_there() -> int:
        return sum(1 for _ in kept.names())

    if n_there() <= n_wanted / 2:
        try:
            _with_bar(kept, github.save_archive, 0)
            return
        except UnavailableError as error:
            if n_there() <= n_wanted / 2:
                raise _kept_so_far(error, n_there(), n_wanted) from error
            say(f"the archive broke off ({error}); fetching what is missing one by one")
    try:
        _with_bar(kept, github.save_missing, n_there())
    except UnavailableError as error:
        say(f"cannot fetch what is missing one by one ({error}); fetching the archive")
        try:
            _with_bar(kept, github.save_archive, 0)
        except UnavailableError as again:
            raise _kept_so_far(again, n_there(), n_wanted) from again


def _with_bar(kept: PictureFolder, save: Callable[[PictureFolder, Advance], None], n_done: int) -> None:
    with TerminalProgress().share_done(f"{kept.pictures.name} pictures") as show:

        def advance(n: int) -> None:
            nonlocal n_done
            n_done += n
            show(min(1.0, n_done / kept.pictures.n_pictures))

        show(n_done / kept.pictures.n_pictures)
        save(kept, advance)


def _kept_so_far(error: UnavailableError, n: int, n_wanted: int) -> UnavailableError:
    kept = f"; {n:,} of {n_wanted:,} pictures are kept" if n else ""
    return UnavailableError(f"{error}{kept}")
