"""Weights out of a PyTorch file of the old format, without PyTorch and without running its pickle.

The file is five pickles one after the other (magic number, protocol, sizes, tensors, storage keys)
and then the raw storages, each with its length before it. The unpickler below knows the four names
that such files of plain tensors use and refuses every other.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


@dataclass(frozen=True)
class _Storage:
    """A block of numbers in the file that tensors share."""

    key: str
    dtype: np.dtype


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage; offset and strides count elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, block: NDArray) -> NDArray:
        """The numbers in C order."""
        strides = tuple(stride * block.itemsize for stride in self.strides)
        view = np.lib.stride_tricks.as_strided(block[self.offset :], self.shape, strides)
        return np.ascontiguousarray(view)


class _Unpickler(pickle.Unpickler):
    """Knows tensors and storages, nothing else."""

    NAMES: dict[tuple[str, str], Callable[..., Any]] = {  # noqa: RUF012 - typing of a constant
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): lambda storage, offset, shape, strides, *_: _Tensor(
            storage, offset, shape, strides
        ),
        ("torch", "FloatStorage"): lambda: np.dtype("<f4"),
        ("torch", "LongStorage"): lambda: np.dtype("<i8"),
    }

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name of the pickle.

        Raises:
            pickle.UnpicklingError: any name but those of plain tensors.
        """
        if (module, name) not in self.NAMES:
            raise pickle.UnpicklingError(f"a file of weights has no business with {module}.{name}")
        return self.NAMES[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        """A storage that the pickle refers to."""
        _, kind, key, _, _, _ = pid
        return _Storage(key, kind())


def read_weights(path: str | Path) -> dict[str, NDArray]:
    """The tensors of a PyTorch state dictionary, by name.

    Raises:
        ValueError: the file is not of the old format.
        pickle.UnpicklingError: it holds anything but tensors.
    """
    file = io.BytesIO(Path(path).read_bytes())
    head = [_Unpickler(file).load() for _ in range(2)]
    if head != [MAGIC, PROTOCOL]:
        raise ValueError(f"{path} is not a PyTorch file of protocol {PROTOCOL}")
    _sizes, tensors, keys = (_Unpickler(file).load() for _ in range(3))
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
    blocks = {}
    for key in keys:
        length = int.from_bytes(file.read(8), "little")
        blocks[key] = np.frombuffer(file.read(length * dtypes[key].itemsize), dtypes[key])
    return {name: tensor.array(blocks[tensor.storage.key]) for name, tensor in tensors.items()}
