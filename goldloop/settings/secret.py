"""The secret of a workspace: it encrypts what travels to the labelling server and annotators may read."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from goldloop.core.errors import WorkspaceError

FILE_NAME = "plan.key"
_BYTES = 32


def workspace_secret(root: Path) -> bytes:
    """Return the secret of the workspace at `root`, made on first use; the first process to make it wins.

    Raises:
        WorkspaceError: the file is damaged.
    """
    path = root / FILE_NAME
    if not path.exists():
        beside = path.with_name(f".{FILE_NAME}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(beside)
        finally:
            beside.unlink(missing_ok=True)
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii"))
    except ValueError:
        secret = b""
    if len(secret) != _BYTES:
        raise WorkspaceError(
            f"{path} is damaged: it needs {2 * _BYTES} hexadecimal digits. Restore it from a backup: without "
            "it, goldloop does not know its tasks on the labelling server."
        )
    return secret
