"""The image reader: lists the files of a batch, turns each into a sample or a quarantine reason."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from PIL import Image

from goldloop.core.errors import SourceError, UnreadableSampleError
from goldloop.core.samples import Arrival, Decoded, FileRef, SampleId, sample_id_of
from goldloop.modalities.content import read_content, refuse_link
from goldloop.modalities.files import files_of
from goldloop.modalities.image.decode import Reason
from goldloop.modalities.image.fingerprint import fingerprint_of
from goldloop.modalities.image.forms import Form
from goldloop.modalities.image.square import decoded_for, squared

READERS = 2  # decoding threads ahead of the model
READ_AHEAD = 256  # files: two minibatches of the model


class ImageReader:
    """Reads images into payloads of the form that a model takes, uint8 (size, size, 3).

    Satisfies `goldloop.core.ports.Reader`. Thread-safe; holds no state but its settings.
    """

    def __init__(self, form: Form) -> None:
        self.form = form
        Image.init()  # registers the plugins now, so that two reading threads do not race for it

    def arrivals(self, source: str, *, is_known: Callable[[FileRef], bool]) -> Iterator[Arrival]:
        """Return an iterator over the unknown files of `source`, read ahead in threads."""
        return self.of(files_of(source), is_known=is_known)

    def of(self, files: Iterable[FileRef], *, is_known: Callable[[FileRef], bool]) -> Iterator[Arrival]:
        """Return an iterator over the unknown ones of `files`, read ahead in threads."""
        return self._ahead(file for file in files if not is_known(file))

    def again(self, samples: Iterable[tuple[SampleId, FileRef]]) -> Iterator[Arrival]:
        """Return an iterator over the files of `samples`, read ahead in threads."""
        return self._ahead(file for _, file in samples)

    def cases(self, source: str) -> Iterator[Arrival]:
        """Refuse: an image is a file, beside which no expected label stands."""
        raise SourceError(
            f"{source} cannot be read as behaviour checks: they are rows with an expected label, and a "
            "sample of kind 'image' is a file; remove the folder, or use a workspace of kind 'text'"
        )

    def read(self, file: FileRef) -> Arrival:
        """Return `file` decoded, or with its quarantine reason; never raises for a bad file.

        The id of a file whose bytes could not be read is the hash of its URI after 'unreadable:'.
        """
        sample_id = sample_id_of(b"unreadable:" + file.uri.encode("utf-8", "surrogatepass"))
        try:
            refuse_link(file)
            content = read_content(file.uri)
            sample_id = sample_id_of(content)
            return Arrival(file, sample_id, decoded=self.decode(content))
        except UnreadableSampleError as error:
            return Arrival(file, sample_id, reason=Reason(error.reason), detail=error.detail)

    def _ahead(self, files: Iterator[FileRef]) -> Iterator[Arrival]:
        """Yield what `read` makes of `files`, in their order, a bounded number ahead."""
        with ThreadPoolExecutor(READERS, thread_name_prefix="read") as pool:
            ahead: deque[Future[Arrival]] = deque()
            try:
                for file in files:
                    ahead.append(pool.submit(self.read, file))
                    if len(ahead) > READ_AHEAD:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for future in ahead:
                    future.cancel()

    def decode(self, content: bytes) -> Decoded:
        """Return `content` as payload, fingerprint and metadata (width, height, format).

        Raises:
            UnreadableSampleError: with the quarantine reason.
        """
        picture = decoded_for(content, self.form)
        width, height = picture.size
        return Decoded(
            payload=squared(picture.rgb, self.form),
            fingerprint=fingerprint_of(picture.rgb),
            metadata={"width": width, "height": height, "format": picture.format},
        )
