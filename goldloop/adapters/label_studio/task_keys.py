"""The keys of tasks as annotators may read them: they tell neither the sample nor why goldloop asks about it.

A key of goldloop is sample and purpose. On the server it is encrypted with a secret of the workspace; only
the queue is legible, because the tabs filter by it. The encryption is deterministic (AES-SIV), so tasks are
found by their key, and authenticated, so nobody else can make a key. Keys of tasks that were pushed before
keys were encrypted stay as they are.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose, split_key, task_key

QUEUE_OF: Mapping[Purpose, str] = {
    **{Purpose.SEED: "quick", Purpose.REVIEW: "quick", Purpose.FULL: "full"},
    **{Purpose.AUDIT: "blind", Purpose.RECHECK: "blind", Purpose.APPEAL: "appeal"},
    **{Purpose.SHEET: "sheet", Purpose.PLANTED: "sheet"},
}
"""The queue of each purpose that shares one, as keys on the server name it."""

SAMPLES = "samples"
"""Field of a sheet's data that holds the data of its samples, each with a key of its own."""

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

    def sealed_data(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data of a task, or of a sheet, with keys as they are written on the server."""
        return _translated(data, self.sealed)

    def opened_data(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data of a task, or of a sheet, with the keys that goldloop gave it."""
        return _translated(data, self.opened)


def _translated(data: Mapping[str, Any], translate: Callable[[str], str]) -> dict[str, Any]:
    found = dict(data)
    if isinstance(found.get("key"), str):
        found["key"] = translate(found["key"])
    if isinstance(found.get(SAMPLES), list):
        found[SAMPLES] = [
            _translated(one, translate) if isinstance(one, dict) else one for one in found[SAMPLES]
        ]
    return found
