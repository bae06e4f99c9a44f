"""Columns of Arrow tables made from NumPy arrays, and back, without pandas.

Arrow imports pandas, if that is installed, when it makes a column from a list or an array or the
other way round: a third of a second in each of the many short jobs. Handed the memory itself, it
does not look for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def column(values: NDArray[Any]) -> pa.Array:
    """Numbers or truth values as a column of the same type."""
    values = np.ascontiguousarray(values)
    if values.dtype == np.bool_:
        return _of(pa.bool_(), len(values), np.packbits(values, bitorder="little"))
    return _of(pa.from_numpy_dtype(values.dtype), len(values), values)


def texts(values: Sequence[str]) -> pa.Array:
    """Texts as a column of strings."""
    encoded = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)])
    if ends[-1] > np.iinfo(np.int32).max:
        raise ValueError("a column of strings holds 2 GiB at most")
    return _of(pa.string(), len(encoded), ends.astype(np.int32), b"".join(encoded))


def lists(rows: NDArray[Any]) -> pa.ListArray:
    """The rows of an array of shape (rows, width) as a column of lists."""
    if rows.size > np.iinfo(np.int32).max:
        raise ValueError("a column of lists holds 2^31 - 1 numbers at most")
    borders = np.arange(len(rows) + 1, dtype=np.int32) * rows.shape[1]
    return pa.ListArray.from_arrays(column(borders), column(rows.ravel()))


def rows(values: pa.ChunkedArray) -> NDArray[Any]:
    """A column of lists of one length as an array of shape (rows, width); what `lists` is made of.

    Raises:
        ValueError: a list or a number is missing, or the lists differ in length.
    """
    whole = values.combine_chunks()
    found = numbers(pa.chunked_array([whole.flatten()]))
    widths = np.diff(numbers(pa.chunked_array([whole.offsets])))
    if whole.null_count or len(set(widths.tolist())) > 1:
        raise ValueError("the lists differ in length")
    return found.reshape(len(whole), -1 if len(found) else 0)


def repeated(value: str, length: int) -> pa.Array:
    """The same text in every row."""
    return texts([value]).take(column(np.zeros(length, np.int32)))


def numbers(values: pa.ChunkedArray) -> NDArray[Any]:
    """A column of numbers or truth values as an array; what `column` makes an array of.

    Raises:
        ValueError: a value is missing.
    """
    # Combining copies even a single chunk.
    whole = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
    if whole.null_count:
        raise ValueError(f"{whole.null_count} values are missing")
    memory, start = (whole.buffers()[1], whole.offset) if len(whole) else (b"", 0)
    if pa.types.is_boolean(whole.type):
        bits = np.unpackbits(np.frombuffer(memory, np.uint8), bitorder="little")
        return bits[start:][: len(whole)].astype(np.bool_)
    dtype = np.dtype(whole.type.to_pandas_dtype())
    return np.frombuffer(memory, dtype, len(whole), start * dtype.itemsize)


def _of(kind: pa.DataType, length: int, *memory: NDArray[Any] | bytes) -> pa.Array:
    return pa.Array.from_buffers(kind, length, [None, *map(pa.py_buffer, memory)])
