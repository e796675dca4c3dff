"""What annotators see, copied into an object store that a Label Studio on another machine can reach."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import fsspec

from goldloop.core.errors import ServiceAuthError, ServiceError, ServiceUnreachableError
from goldloop.core.server_words import in_one_line


class ObjectContent:
    """The content store in `folder`, copied as far as needed to `base`, such as s3://bucket/prefix.

    Satisfies `goldloop.adapters.label_studio.payload.ServedContent`. A content's name is its digest, so a
    copy that is there already is the same, and a push that was killed copies again.
    """

    def __init__(self, base: str, folder: Path) -> None:
        self.base, self.folder = base.rstrip("/"), folder
        self._published: set[str] = set()

    def link(self, path: str) -> str:
        """Return the address of a path of the store; Label Studio makes a link of it whenever it is shown."""
        return f"{self.base}/{path}"

    def publish(self, paths: Collection[str]) -> None:
        """Copy the files at `paths` of the content store, all or an error.

        Raises:
            ServiceUnreachableError: the object store does not answer.
            ServiceAuthError: it refuses the credentials of the environment.
            ServiceError: there is no such bucket, or any other failure.
        """
        new = sorted(set(paths) - self._published)
        if not new:
            return
        try:
            store, _ = fsspec.core.url_to_fs(self.base)
            store.put([str(self.folder / path) for path in new], [self.link(path) for path in new])
        except Exception as error:  # clients of object stores raise their own families of errors
            raise self._translated(error, len(new)) from error
        self._published.update(new)

    def _translated(self, error: Exception, n: int) -> ServiceError:
        said = in_one_line(str(error)) or type(error).__name__
        seen = f"cannot copy {n} pictures to {self.base} (content.base): {said}"
        again = "then run this again; it copies what is missing"
        if isinstance(error, ImportError):
            return ServiceError(f"{seen}; install 'goldloop[s3]', {again}")
        if isinstance(error, PermissionError):
            return ServiceAuthError(
                f"{seen}; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may write, {again}"
            )
        if isinstance(error, FileNotFoundError):
            return ServiceError(f"{seen}; make the bucket, or restore the folder {self.folder}, {again}")
        return ServiceUnreachableError(f"{seen}; check AWS_ENDPOINT_URL and the store, {again}")
