"""Networks of torch as ONNX files: those of frozen backbones stay in the user's cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import platformdirs
import torch

from goldloop.core.disk import write_whole
from goldloop.core.errors import StorageError
from models.session import DAMAGED, INPUT, Runtime

Network = Callable[[], torch.nn.Module]


def open_runtime(
    name: str, network: Network, example: torch.Tensor, any_length: Sequence[int] = (0,)
) -> Runtime:
    """Return the network called `name`, which says what it computes, for samples such as `example`.

    `any_length` are the axes along which samples differ from the example. `network` makes it where the user's
    cache does not hold it, or holds a damaged file.
    """
    return _opened(name, network, example, any_length)[0]


def onnx_file(name: str, network: Network, example: torch.Tensor, any_length: Sequence[int] = (0,)) -> bytes:
    """Return the ONNX file of the network that `open_runtime` returns."""
    return _opened(name, network, example, any_length)[1]


def _opened(
    name: str, network: Network, example: torch.Tensor, any_length: Sequence[int]
) -> tuple[Runtime, bytes]:
    path = (
        Path(platformdirs.user_cache_dir("goldloop")) / "backbones" / f"{name}-torch{torch.__version__}.onnx"
    )
    try:
        graph = path.read_bytes()
        return Runtime(graph), graph
    except (OSError, RuntimeError, DAMAGED):
        graph = exported(network(), example, any_length)
    with suppress(StorageError):  # a cache that cannot be written costs seconds at every start, nothing else
        write_whole(path, graph)
    return Runtime(graph), graph


def exported(network: torch.nn.Module, example: torch.Tensor, any_length: Sequence[int] = (0,)) -> bytes:
    """Return `network` as an ONNX file for samples such as `example`, which differ along `any_length`."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            network,
            (example,),
            path,
            input_names=[INPUT],
            dynamic_shapes=({axis: torch.export.Dim(f"n{axis}") for axis in any_length},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        return path.read_bytes()
