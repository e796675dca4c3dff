"""workspace.json: who a workspace is, whatever its folder and its projects are called."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from uuid import uuid4

from goldloop.core.disk import write_first, write_whole
from goldloop.core.errors import WorkspaceError
from goldloop.core.version import VERSION

FILE_NAME = "workspace.json"
FORMAT = 1
"""The format of workspaces that this goldloop writes, see `goldloop.settings.workspace_format`."""


@dataclass(frozen=True, slots=True)
class KnownProject:
    """A Label Studio project of this workspace.

    Label Studio's number alone is no identity, because another server gives the same numbers; with the moment
    of creation it is.
    """

    id: int
    created_at: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a workspace is: `goldloop init` makes it, and it stays the same when the folder moves.

    Servers know the workspace by `id`; `handle` names its models, experiments and deployments there. `root`
    is the folder in which it was last seen. A workspace older than workspace.json `adopts_unmarked` projects
    of its name, because nothing of it was marked then. `projects` are known once they were made. `format` is
    the format of the workspace, 0 before there were formats; `goldloop` is the version that brought it there.
    """

    id: str
    handle: str
    root: str
    adopts_unmarked: bool = False
    projects: tuple[KnownProject, ...] = ()
    format: int = 0
    goldloop: str = ""


def new_identity(root: Path, name: str, *, is_older: bool = False) -> Identity:
    """Return an identity with a random id; the workspace in `root` may be older than workspace.json."""
    workspace_id = uuid4().hex
    handle = name if is_older else f"{name}-{workspace_id[:8]}"
    identity = Identity(workspace_id, handle, str(root), adopts_unmarked=is_older)
    return identity if is_older else replace(identity, format=FORMAT, goldloop=VERSION)


def load_identity(root: Path) -> Identity | None:
    """Return the identity of the workspace in `root`; None if it has none.

    Raises:
        WorkspaceError: its file is damaged.
    """
    path = root / FILE_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        projects = tuple(KnownProject(**project) for project in content.pop("projects"))
        return Identity(**content, projects=projects)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise WorkspaceError(
            f"{path} is damaged ({type(error).__name__}: {error}); restore it from a backup: it holds the id "
            "by which servers know this workspace"
        ) from error


def ensure_identity(root: Path, name: str) -> Identity:
    """Return the identity of the workspace called `name` in `root`, made if it has none.

    A copy keeps the root of its original while that exists; a moved workspace gets its new root.
    """
    identity = load_identity(root)
    if identity is None:
        save_identity(root, new_identity(root, name, is_older=True), is_first=True)
        identity = load_identity(root)
        assert identity is not None
    if identity.root != str(root) and original_of(root, identity.id, identity.root) is None:
        identity = replace(identity, root=str(root))
        save_identity(root, identity)
    return identity


def original_of(root: Path, workspace_id: str, recorded_root: str) -> Path | None:
    """Return `recorded_root` if it still holds the workspace of this id, and `root` is thus a copy of it."""
    other = Path(recorded_root)
    try:
        if not other.is_dir() or other.samefile(root):
            return None
        theirs = load_identity(other)
    except (OSError, WorkspaceError):
        return None
    return other if theirs is not None and theirs.id == workspace_id else None


def save_identity(root: Path, identity: Identity, *, is_first: bool = False) -> None:
    """Write workspace.json atomically; if it `is_first`, a file that another process made meanwhile stays."""
    write = write_first if is_first else write_whole
    write(root / FILE_NAME, json.dumps(asdict(identity), indent=2) + "\n")
