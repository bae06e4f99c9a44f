"""Pictures by exact arithmetic, to compare the real ones with."""

from __future__ import annotations

import av
import numpy as np

# Red and blue weights of the matrices (ITU-R BT.601-7, BT.709-6, BT.2020-2).
WEIGHTS = {"601": (0.299, 0.114), "709": (0.2126, 0.0722), "2020": (0.2627, 0.0593)}


def to_yuv(rgb: np.ndarray, matrix: str, full: bool, bits: int = 8) -> np.ndarray:
    red, blue = WEIGHTS[matrix]
    r, g, b = rgb.astype(float).T / 255
    y = red * r + (1 - red - blue) * g + blue * b
    yuv = np.stack([y, (b - y) / (2 - 2 * blue), (r - y) / (2 - 2 * red)])
    scale, offset = ((255, 255, 255), (0, 128, 128)) if full else ((219, 224, 224), (16, 128, 128))
    levels = yuv * np.array(scale)[:, None] + np.array(offset)[:, None]
    return np.rint(levels * 2 ** (bits - 8)).astype(np.uint16 if bits > 8 else np.uint8)


def to_rgb(yuv: list[np.ndarray], matrix: str, full: bool) -> np.ndarray:
    red, blue = WEIGHTS[matrix]
    y, u, v = (plane.astype(float) for plane in yuv)
    if not full:
        y, u, v = (y - 16) * 255 / 219, (u - 128) * 255 / 224 + 128, (v - 128) * 255 / 224 + 128
    r, b = y + 2 * (1 - red) * (v - 128), y + 2 * (1 - blue) * (u - 128)
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.clip(np.stack([r, g, b], axis=-1), 0, 255)


def area(length: int, size: int) -> np.ndarray:
    """Exact area averaging of `length` pixels to `size`, as a matrix of weights."""
    edges = np.arange(size + 1) * length / size
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.clip(overlap, 0, None) * size / length


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a - b) ** 2)))


def reference(picture: av.VideoFrame, size: int) -> np.ndarray:
    """RGB of a full-range 4:2:0 picture, averaged over areas; shape (size, size, 3), float."""
    exact = []
    for plane in picture.planes:
        pixels = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        pixels = pixels[: plane.height, : plane.width].astype(float)
        exact.append(area(plane.height, size) @ pixels @ area(plane.width, size).T)
    return to_rgb(exact, "709" if picture.height > 576 else "601", full=True)
