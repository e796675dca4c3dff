"""Print the rooms, the floor of each, and rings of imports; run: python -m scripts.rooms.

A room is a folder or module directly inside goldloop, or another top-level package. Its floor is one above
the highest room it imports, so an import can only run back up where rooms import each other in a ring.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter

import grimp

PACKAGES = ("goldloop", "models", "flows", "labelstudio_config")
MOST_FLOORS = 10


def room_of(module: str) -> str | None:
    """Return the room of a module; None for goldloop/__init__.py, which only names the Python API."""
    first, _, rest = module.partition(".")
    if first != "goldloop":
        return first
    return rest.partition(".")[0] or None


def arrows() -> dict[str, set[str]]:
    """Return the rooms that each room imports, late imports inside functions included."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    imported: dict[str, set[str]] = defaultdict(set)
    for module in sorted(graph.modules):
        room = room_of(module)
        if room is None:
            continue
        others = {room_of(other) for other in graph.find_modules_directly_imported_by(module)}
        imported[room] |= {other for other in others if other is not None} - {room}
    return dict(imported)


def floors_of(imported: dict[str, set[str]]) -> dict[str, int]:
    """Return the floor of each room, 1 for a room that imports no other.

    Raises:
        CycleError: rooms import each other in a ring.
    """
    floors: dict[str, int] = {}
    for room in TopologicalSorter(imported).static_order():
        floors[room] = 1 + max((floors[other] for other in imported.get(room, ())), default=0)
    return floors


def main() -> None:
    """Print rooms by floor; exit with 1 where there is a ring or a floor too many."""
    imported = arrows()
    try:
        floors = floors_of(imported)
    except CycleError as error:
        print("ring:", " -> ".join(error.args[1]))
        sys.exit(1)
    for floor in range(1, max(floors.values()) + 1):
        rooms = sorted(room for room, number in floors.items() if number == floor)
        print(f"floor {floor:2}  {', '.join(rooms)}")
    print(f"{len(floors)} rooms on {max(floors.values())} floors; rings: none; imports back up: none")
    if max(floors.values()) > MOST_FLOORS:
        sys.exit(f"more than {MOST_FLOORS} floors: a room imports what it need not")


if __name__ == "__main__":
    main()
