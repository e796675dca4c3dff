"""Files read in threads ahead of whoever uses them, where one file is one sample."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from goldloop.core.samples import Arrival, FileRef

READERS = 2  # decoding threads ahead of the model
READ_AHEAD = 256  # files: two minibatches of the model


def read_ahead(read: Callable[[FileRef], Arrival], files: Iterable[FileRef]) -> Iterator[Arrival]:
    """Yield what `read`, which is thread-safe, makes of `files`, in their order, a bounded number ahead."""
    with ThreadPoolExecutor(READERS, thread_name_prefix="read") as pool:
        ahead: deque[Future[Arrival]] = deque()
        try:
            for file in files:
                ahead.append(pool.submit(read, file))
                if len(ahead) > READ_AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
