"""The key of a workspace: it encrypts what travels to the labelling server and annotators may read.

It is 32 random bytes in a file of the workspace that only its owner can read.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from goldloop.core.disk import write_first
from goldloop.core.errors import WorkspaceError

FILE_NAME = "plan.key"
_BYTES = 32


def sealing_key(root: Path) -> bytes:
    """Return the key of the workspace at `root`, made on first use; the first process to make it wins.

    Raises:
        WorkspaceError: the file is damaged.
    """
    path = root / FILE_NAME
    if not path.exists():
        write_first(path, secrets.token_hex(_BYTES), mode=0o600)
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise WorkspaceError(
            f"{path} is damaged: it needs {2 * _BYTES} hexadecimal digits. Restore it from a backup: "
            "without it, goldloop does not know its tasks on the labelling server"
        )
    return key
