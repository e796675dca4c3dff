"""Git's own digests of files and folders, which a commit fixes for good."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping

_FILE, _FOLDER = b"100644", b"40000"  # Git's modes


def blob_id(content: bytes) -> str:
    """Return Git's id of a file with this content, 40 hexadecimal digits."""
    return _id(b"blob", content)


def tree_id(files: Mapping[str, str]) -> str:
    """Return Git's id of a folder; `files` maps the paths below it to the ids of their content.

    Every file is a regular one that nobody may execute. The id covers names and content of all files.
    """
    folders: defaultdict[str, dict[str, str]] = defaultdict(dict)
    entries = []
    for path, file_id in files.items():
        name, is_below, rest = path.partition("/")
        if is_below:
            folders[name][rest] = file_id
        else:
            entries.append((name.encode(), _FILE, file_id))
    entries += [(name.encode(), _FOLDER, tree_id(below)) for name, below in folders.items()]
    entries.sort(key=lambda entry: entry[0] + (b"/" if entry[1] == _FOLDER else b""))  # Git's order
    lines = (mode + b" " + name + b"\0" + bytes.fromhex(entry_id) for name, mode, entry_id in entries)
    return _id(b"tree", b"".join(lines))


def _id(kind: bytes, content: bytes) -> str:
    # SHA-1 is Git's choice; nobody knows how to make other content for a given SHA-1
    return hashlib.sha1(kind + b" %d\0" % len(content) + content).hexdigest()
