"""Pseudonyms: what stands for names that goldloop must tell apart and does not keep."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import cache
from secrets import token_bytes


class Pseudonyms:
    """Turns names into 16 hexadecimal digits: HMAC-SHA256 under the secret that `key` returns.

    A plain digest would be undone by hashing all names there are.
    """

    def __init__(self, key: Callable[[], bytes] = lambda: token_bytes(32)) -> None:
        self._key = cache(key)

    def __call__(self, name: str, column: str) -> str:
        """Return the pseudonym of `name`, which stands in `column`."""
        return hmac.digest(self._key(), f"{column}:{name}".encode(), "sha256").hex()[:16]
