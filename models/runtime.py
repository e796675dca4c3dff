"""A frozen network in ONNX Runtime, which computes features several times as fast as torch on a CPU.

torch exports the network once; the file stays in the user's cache. Each processor core takes one minibatch at
a time on one thread of its own: that is faster than all cores on the same minibatch, and larger ones do not
fit into the processor's caches.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs
import torch

from goldloop.core.disk import write_whole
from goldloop.core.errors import StorageError

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # else it reports every process to its maker; read at its import
import onnxruntime

_INPUT = "samples"

Features = npt.NDArray[np.float32]


class Runtime:
    """A network from minibatches of samples to their features, float32 (n, n_features)."""

    def __init__(self, graph: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3  # errors
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._threads = ThreadPoolExecutor(_n_cores(), thread_name_prefix="features")

    def __call__(self, minibatches: Iterable[npt.NDArray[Any]]) -> list[Features]:
        """Return the features of each of `minibatches`; no sample's depend on what is beside it."""
        return list(self._threads.map(self._computed, minibatches))

    def _computed(self, samples: npt.NDArray[Any]) -> Features:
        return np.asarray(self._session.run(None, {self._input: samples})[0], dtype=np.float32)


def open_runtime(
    name: str, network: Callable[[], torch.nn.Module], example: torch.Tensor, any_length: Sequence[int] = (0,)
) -> Runtime:
    """Return the network called `name`, which says what it computes, for samples such as `example`.

    `any_length` are the axes along which samples differ from the example. `network` makes it where the user's
    cache does not hold it, or holds a damaged file.
    """
    path = (
        Path(platformdirs.user_cache_dir("goldloop")) / "backbones" / f"{name}-torch{torch.__version__}.onnx"
    )
    try:
        return Runtime(path.read_bytes())
    except (OSError, RuntimeError, onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf):
        graph = _exported(network(), example, any_length)
    with suppress(StorageError):  # a cache that cannot be written costs seconds at every start, nothing else
        write_whole(path, graph)
    return Runtime(graph)


def _exported(network: torch.nn.Module, example: torch.Tensor, any_length: Sequence[int]) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            network,
            (example,),
            path,
            input_names=[_INPUT],
            dynamic_shapes=({axis: torch.export.Dim(f"n{axis}") for axis in any_length},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        return path.read_bytes()


def _n_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
