"""What GitHub has of a set of pictures: one archive of all, their list, and each picture by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from goldloop.core.errors import GoldloopError
from goldloop.core.loopback import is_loopback
from scripts.demo_loop.archive import DAMAGES, MAX_PICTURE_BYTES, archived
from scripts.demo_loop.git_tree import blob_id
from scripts.demo_loop.picture_set import PictureFolder, PictureSet

MAX_LIST_BYTES = 8 << 20  # GitHub sends at most 7 MB
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)  # s; of a connection, and of each read

Advance = Callable[[int], None]
"""Is told how many more pictures have arrived."""


class UnavailableError(GoldloopError):
    """A server cannot be reached, refuses a request, or breaks off."""


@dataclass(frozen=True, slots=True)
class GitHub:
    """The addresses of GitHub's services."""

    archives: str = "https://codeload.github.com"
    lists: str = "https://api.github.com"
    files: str = "https://raw.githubusercontent.com"

    def save_archive(self, kept: PictureFolder, advance: Advance) -> None:
        """Save the pictures of the archive while it arrives; a break leaves those that came before it.

        Raises:
            UnavailableError: the archive cannot be had, or breaks off.
            SourceError: the archive contains what the set cannot contain.
        """
        pictures = kept.pictures
        url = f"{self.archives}/{pictures.repository}/tar.gz/{pictures.commit}"
        with _client(url) as client, _opened(url, client) as reply:
            for name, content in archived(reply.iter_bytes(), pictures, url):
                kept.save(name, content)
                advance(1)

    def save_missing(self, kept: PictureFolder, advance: Advance) -> None:
        """Save one by one each picture that is missing or damaged.

        Raises:
            UnavailableError: the list or a picture cannot be had, or has other content than the commit.
        """
        pictures, there = kept.pictures, kept.ids()
        wanted = self._ids(pictures)
        for name in there.keys() - wanted.keys():
            (kept.path / name).unlink()
        with _client(self.files) as client:
            for name in sorted(name for name, file_id in wanted.items() if there.get(name) != file_id):
                url = f"{self.files}/{pictures.repository}/{pictures.commit}/{quote(name)}"
                with _opened(url, client) as reply:
                    content = _body(reply, MAX_PICTURE_BYTES)
                if (found := blob_id(content)) != wanted[name]:
                    raise UnavailableError(
                        f"{url} sent {len(content):,} bytes with the Git id {found}, not {wanted[name]}"
                    )
                kept.save(name, content)
                advance(1)

    def _ids(self, pictures: PictureSet) -> dict[str, str]:
        """Return Git's id of each picture; the ids of the parts prove the list."""
        url = f"{self.lists}/repos/{pictures.repository}/git/trees/{pictures.tree}?recursive=1"
        with _client(url) as client, _opened(url, client) as reply:
            text = _body(reply, MAX_LIST_BYTES)
        try:
            entries = json.loads(text)["tree"]
            listed = {entry["path"]: entry["sha"] for entry in entries if entry["type"] == "blob"}
            found = {path: file_id for path, file_id in listed.items() if pictures.is_picture(path)}
            is_right = pictures.is_tree(found)
        except (KeyError, TypeError, ValueError):
            is_right = False
        if not is_right:
            raise UnavailableError(f"{url} does not list the pictures of commit {pictures.commit}")
        return found


@contextmanager
def _client(url: str) -> Iterator[httpx.Client]:
    try:
        client = httpx.Client(timeout=_TIMEOUT, follow_redirects=True, trust_env=not is_loopback(url))
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise UnavailableError(f"the proxy in HTTPS_PROXY or ALL_PROXY cannot be used: {error}") from error
    with client:
        yield client


@contextmanager
def _opened(url: str, client: httpx.Client) -> Iterator[httpx.Response]:
    """Yield the reply of `url` as a stream; whatever goes wrong on its way is an UnavailableError."""
    try:
        with client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as reply:
            if not reply.is_success:
                raise UnavailableError(f"{url} answered {reply.status_code} {reply.reason_phrase}".rstrip())
            yield reply
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnavailableError(f"cannot read {url}: {str(error) or type(error).__name__}") from error
    except DAMAGES as error:
        raise UnavailableError(
            f"{url} sent no whole archive: {str(error) or type(error).__name__}"
        ) from error


def _body(reply: httpx.Response, at_most: int) -> bytes:
    content = bytearray()
    for block in reply.iter_bytes():
        content += block
        if len(content) > at_most:
            raise UnavailableError(f"{reply.url} sent more than {at_most:,} bytes")
    return bytes(content)
