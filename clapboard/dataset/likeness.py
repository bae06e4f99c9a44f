"""Pictures that look the same though their files differ: the same footage cut or encoded anew.

Pictures are compared as 28 x 28 grey thumbnails without their mean. Their distance is the root mean
square difference in grey levels; on real footage a second encoding at half the size stays below
3.5, two subjects in one room are above 10. To search millions, each picture has a **signature**:
the low frequencies of its thumbnail in an orthonormal cosine basis (the numbers behind the
perceptual hash "pHash", Zauner 2010, here not reduced to bits). A projection never makes distances
longer, so the search misses no pair, and what it finds is compared in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from clapboard.pictures.addresses import read_picture

SIDE = 28
FREQUENCIES = 6
SIGNATURE = FREQUENCIES * FREQUENCIES - 1
"""Numbers in a signature: all low frequencies but the mean."""

FLAT = 3.0
"""Pictures with less contrast (standard deviation in grey levels) are too empty to be compared."""

NEIGHBOURS = 5
BLOCK = 16_384
"""Signatures of the stock compared at once, so that memory stays small."""

ROUNDING = 12.0
"""Longest error of a distance between signatures of 16-bit numbers."""


def thumbnail(path: str | Path) -> NDArray[np.float32]:
    """A JPEG as grey values without their mean, shape (784,).

    Raises:
        OSError: the file cannot be read.
        ValueError: it cannot be decoded.
    """
    data = read_picture(path)
    grey = simplejpeg.decode_jpeg(data, "GRAY", min_height=SIDE, min_width=SIDE)[:, :, 0]
    height, width = grey.shape
    rows, columns = _edges(height), _edges(width)
    sums = np.add.reduceat(np.add.reduceat(grey.astype(np.float32), rows), columns, axis=1)
    areas = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    values = (sums / areas).astype(np.float32).ravel()
    return values - values.mean()


def signatures(paths: Sequence[str | Path], threads: int) -> NDArray[np.float16]:
    """Signatures of pictures, shape (pictures, `SIGNATURE`); a flat picture's is all NaN."""

    def block(part: Sequence[str | Path]) -> NDArray[np.float16]:
        values = np.stack([thumbnail(path) for path in part])
        result = (values @ _basis()).astype(np.float16)
        result[values.std(axis=1) < FLAT] = np.nan
        return result

    parts = [paths[start : start + 256] for start in range(0, len(paths), 256)]
    with ThreadPoolExecutor(threads) as pool:
        blocks = list(pool.map(block, parts))
    return np.concatenate(blocks) if blocks else np.empty((0, SIGNATURE), np.float16)


def nearest(
    wanted: NDArray[np.float16], stock: NDArray[np.float16], reach: float
) -> list[NDArray[np.int64]]:
    """For each wanted signature the places of its nearest candidates in the stock, nearest first.

    Args:
        wanted: signatures, shape (n, `SIGNATURE`).
        stock: signatures, shape (m, `SIGNATURE`).
        reach: grey levels; pictures that are nearer than this in full are among the candidates,
            unless `NEIGHBOURS` others look nearer.
    """
    limit = (reach * SIDE + ROUNDING) ** 2
    queries = wanted.astype(np.float32)
    own = (queries**2).sum(axis=1)[:, None]
    found = [np.empty((0, 2)) for _ in wanted]
    for start in range(0, len(stock), BLOCK):
        block = stock[start : start + BLOCK].astype(np.float32)
        distances = queries @ (-2 * block.T)
        distances += (block**2).sum(axis=1)
        distances += own
        for row in np.flatnonzero((distances <= limit).any(axis=1)):
            places = np.flatnonzero(distances[row] <= limit)
            new = np.stack([distances[row, places], places + start], axis=1)
            both = np.concatenate([found[row], new])
            found[row] = both[np.argsort(both[:, 0], kind="stable")[:NEIGHBOURS]]
    return [candidates[:, 1].astype(np.int64) for candidates in found]


def distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Root mean square difference of two thumbnails in grey levels."""
    return float(np.sqrt(np.mean((one - other) ** 2)))


def _edges(length: int) -> NDArray[np.intp]:
    """Where each of the `SIDE` cells of an axis begins.

    Raises:
        ValueError: the axis is shorter than `SIDE` pixels.
    """
    if length < SIDE:
        raise ValueError(f"a picture of {length} pixels is too small to be compared")
    return np.arange(SIDE) * length // SIDE


@cache
def _basis() -> NDArray[np.float32]:
    """The low frequencies of the two-dimensional DCT-II, orthonormal, shape (784, `SIGNATURE`)."""
    k, n = np.arange(FREQUENCIES)[:, None], np.arange(SIDE)[None]
    waves = np.cos(np.pi * (n + 0.5) * k / SIDE) * np.sqrt(np.where(k == 0, 1, 2) / SIDE)
    planes = np.einsum("ay,bx->abyx", waves, waves).reshape(FREQUENCIES**2, SIDE * SIDE)
    return planes[1:].T.astype(np.float32)
