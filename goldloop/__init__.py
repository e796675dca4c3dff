"""goldloop: a human-in-the-loop labelling loop whose labels and numbers can be trusted.

`goldloop.open_workspace(folder)` opens a workspace for a notebook; see docs/python-api.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from goldloop.core.version import VERSION

if TYPE_CHECKING:
    from goldloop.api import OpenWorkspace, open_workspace

__all__ = ["OpenWorkspace", "__version__", "open_workspace"]
__version__ = VERSION


def __getattr__(name: str) -> Any:
    """Import the API when it is first used: the commands start faster without it."""
    if name in ("OpenWorkspace", "open_workspace"):
        from goldloop import api

        return getattr(api, name)
    raise AttributeError(f"module 'goldloop' has no attribute {name!r}; it offers {', '.join(__all__)}")
