"""Tables, a labelling server and a model registry in memory, for tests and simulations."""

from goldloop.adapters.memory.annotators import MemoryTask
from goldloop.adapters.memory.index import MemoryIndex
from goldloop.adapters.memory.labeling_server import MemoryLabelingServer
from goldloop.adapters.memory.registry import MemoryRegistry, MemoryRuns
from goldloop.adapters.memory.tables import MemoryTable, memory_tables

__all__ = [
    "MemoryIndex",
    "MemoryLabelingServer",
    "MemoryRegistry",
    "MemoryRuns",
    "MemoryTable",
    "MemoryTask",
    "memory_tables",
]
