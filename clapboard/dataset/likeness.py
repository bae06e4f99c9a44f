"""Pictures that look the same though their files differ: the same footage cut or encoded anew.

Pictures are compared as 28 x 28 grey thumbnails without their mean. Their distance is the root mean
square difference in grey levels; on real footage a second encoding at half the size stays below
3.5, two subjects in one room are above 10. To search millions, each picture has a **signature**:
the low frequencies of its thumbnail in an orthonormal cosine basis (the numbers behind the
perceptual hash "pHash", Zauner 2010, here not reduced to bits). A projection never makes distances
longer, so that no two pictures that are the same are missed: the signature of every picture is
compared with that of every other that has to be kept apart from it, and what may be the same is
compared in full. Only flat pictures (`FLAT`) are compared with none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from tqdm import tqdm

from clapboard.pictures.addresses import read_picture

SIDE = 28
FREQUENCIES = 6
SIGNATURE = FREQUENCIES * FREQUENCIES - 1
"""Numbers in a signature: all low frequencies but the mean."""

FLAT = 3.0
"""Pictures with less contrast (standard deviation in grey levels) are too empty to be compared."""

WANTED, STOCK = 256, 2_048
"""Signatures compared at once: their distances fit into the processor's cache."""

PORTION = 64 * WANTED
"""Wanted signatures that go through the stock together, so that few thumbnails are in use at a time
and each is read again but seldom."""

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


def candidates(
    signatures: NDArray[np.float16],
    wanted: NDArray[np.int64],
    stock: NDArray[np.int64],
    reach: float,
    settled: NDArray[np.bool_],
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Which pictures of the stock may be the same as a wanted one; all that are, are among them.

    Args:
        signatures: shape (pictures, `SIGNATURE`), none of those asked for NaN.
        wanted: rows of it.
        stock: rows of it.
        reach: grey levels up to which pictures are the same.
        settled: of each picture whether nothing more is asked about it, shape (pictures,). Pairs of
            two settled pictures are left out; it may change from one answer to the next.

    Yields:
        A wanted row and some rows of the stock. No pair comes twice; of each block of the stock
        the nearest come first.
    """
    limit = (reach * SIDE + ROUNDING) ** 2
    left, right = signatures[wanted].astype(np.float32), signatures[stock].astype(np.float32)
    # |a - b|^2 = |a|^2 + |b|^2 - 2 a.b, all three in one product of matrices.
    left = np.column_stack([left, (left**2).sum(axis=1), np.ones_like(left[:, 0])])
    right = np.column_stack([-2 * right, np.ones_like(right[:, 0]), (right**2).sum(axis=1)]).T
    blocks = _blocks(len(wanted), len(stock))
    total = -(-len(wanted) // WANTED) * -(-len(stock) // STOCK)
    for first, start in tqdm(blocks, "compare", total, unit="block"):
        rows, others = wanted[first : first + WANTED], stock[start : start + STOCK]
        if settled[rows].all() and settled[others].all():
            continue
        squares = left[first : first + WANTED] @ right[:, start : start + STOCK]
        for at in np.flatnonzero((squares <= limit).any(axis=1)):
            places = np.flatnonzero(squares[at] <= limit)
            nearest = others[places[np.argsort(squares[at, places], kind="stable")]]
            begin = 0
            while begin < len(nearest):  # mostly the first settles it: 1, 2, 4 ... at a time
                part = nearest[begin : 2 * begin + 1]
                begin = 2 * begin + 1
                if settled[rows[at]]:
                    part = part[~settled[part]]
                if len(part):
                    yield int(rows[at]), part


def _blocks(wanted: int, stock: int) -> Iterator[tuple[int, int]]:
    """Where in the wanted and in the stock each block begins that is compared at once."""
    for portion in range(0, wanted, PORTION):
        for start in range(0, stock, STOCK):
            for first in range(portion, min(portion + PORTION, wanted), WANTED):
                yield first, start


def distances(one: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Root mean square difference of a thumbnail from others, shape (n, 784), in grey levels."""
    difference = others - one
    return np.sqrt(np.einsum("ij,ij->i", difference, difference) / one.size)


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
