"""The keys of tasks as annotators may read them: they tell neither the sample nor why goldloop asks about it.

A key of goldloop is sample and purpose. On the server it is encrypted with a secret of the workspace; only
the queue is legible, because the tabs filter by it. The encryption is deterministic (AES-SIV), so tasks are
found by their key, and authenticated, so nobody else can make a key. Keys of tasks that were pushed before
keys were encrypted stay as they are.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose, split_key, task_key

QUEUE_OF: Mapping[Purpose, str] = {
    **{Purpose.SEED: "quick", Purpose.REVIEW: "quick", Purpose.FULL: "full"},
    **{Purpose.AUDIT: "blind", Purpose.RECHECK: "blind", Purpose.APPEAL: "appeal"},
}
"""The queue of each purpose of the main project, as keys on the server name it."""

_PURPOSE_BYTES = 12  # every purpose takes as many, so that the length of a key does not tell it
_SAMPLE_BYTES = 32


class TaskKeys:
    """Translates keys for a server; without a `secret`, keys stay as they are."""

    def __init__(self, secret: bytes = b"") -> None:
        own = hashlib.blake2b(secret, person=b"task keys", digest_size=64).digest()
        self._cipher = AESSIV(own) if secret else None

    def sealed(self, key: str) -> str:
        """Return `key` as it is written on the server."""
        if self._cipher is None:
            return key
        sample_id, purpose = split_key(key)
        queue = QUEUE_OF.get(purpose, str(purpose))
        plain = bytes.fromhex(sample_id) + purpose.encode().ljust(_PURPOSE_BYTES)
        return f"{urlsafe_b64encode(self._cipher.encrypt(plain, [queue.encode()])).decode()}:{queue}"

    def opened(self, text: str) -> str:
        """Return the key of which `text` was made; `text` itself if this workspace has not encrypted it."""
        sealed, _, queue = text.rpartition(":")
        if self._cipher is None or not sealed:
            return text
        try:
            plain = self._cipher.decrypt(urlsafe_b64decode(sealed.encode()), [queue.encode()])
        except (InvalidTag, ValueError):
            return text
        sample, purpose = plain[:_SAMPLE_BYTES], plain[_SAMPLE_BYTES:].decode().strip()
        return task_key(SampleId(sample.hex()), Purpose(purpose))
