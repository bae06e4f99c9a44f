"""The figure before the wall: how unusual the colour of each pixel is in its frame.

Whoever stands before a wall becomes a bright figure on black, whatever they wear and however the
light is, so a network that must know people it has never seen need not unlearn colours and walls
first. Nothing is trained, and nothing but the frame itself is looked at.
"""

from __future__ import annotations

import keras
from keras import ops

FLOOR = 1e-4
"""Variance added to every channel (of values 0-1): noise of one part in a hundred, which keeps a
frame of one colour from being a division by zero."""

USUAL, UNUSUAL = 2.5, 5.0
"""Distances up to which a pixel is background, and from which it is figure: of normally distributed
colours 10 % lie beyond the first and one in 70,000 beyond the second."""


def figure(frames: keras.KerasTensor) -> keras.KerasTensor:
    """How much each pixel is figure, from 0 (a usual colour of its frame) to 1.

    Mahalanobis distance from the colours of the frame, sqrt((x - m)^T C^-1 (x - m)) with mean m
    and covariance C: the detector of Reed, Yu, "Adaptive multiple-band CFAR detection of an optical
    pattern with unknown spectral distribution" (1990), taken twice, the second time with mean and
    covariance of what the first found to be background, so that a large figure does not hide
    itself.

    Args:
        frames: shape (batch, height, width, 3), values 0-1.

    Returns:
        Shape (batch, height, width, 1).
    """
    frames = ops.cast(frames, "float32")
    first = distance(frames, ops.ones_like(frames[..., 0:1]))
    second = distance(frames, ops.clip(USUAL - first, 0.0, 1.0))
    return ops.clip((second - USUAL) / (UNUSUAL - USUAL), 0.0, 1.0)


def distance(frames: keras.KerasTensor, weights: keras.KerasTensor) -> keras.KerasTensor:
    """Mahalanobis distance of every pixel from the weighted colours of its frame.

    The inverse of the covariance is written out by cofactors, since exported forms of a model have
    no operation for it.

    Args:
        frames: shape (batch, height, width, 3).
        weights: of the pixels in mean and covariance, shape (batch, height, width, 1).

    Returns:
        Shape (batch, height, width, 1).
    """
    total = ops.sum(weights, axis=(1, 2), keepdims=True) + 1e-6

    def mean(values: keras.KerasTensor) -> keras.KerasTensor:
        return ops.sum(values * weights, axis=(1, 2), keepdims=True) / total

    apart = frames - mean(frames)
    r, g, b = apart[..., 0:1], apart[..., 1:2], apart[..., 2:3]
    rr, gg, bb = mean(r * r) + FLOOR, mean(g * g) + FLOOR, mean(b * b) + FLOOR
    rg, rb, gb = mean(r * g), mean(r * b), mean(g * b)

    of_rr, of_gg, of_bb = gg * bb - gb * gb, rr * bb - rb * rb, rr * gg - rg * rg
    of_rg, of_rb, of_gb = rb * gb - rg * bb, rg * gb - gg * rb, rg * rb - rr * gb
    determinant = rr * of_rr + rg * of_rg + rb * of_rb

    squares = of_rr * r * r + of_gg * g * g + of_bb * b * b
    products = of_rg * r * g + of_rb * r * b + of_gb * g * b
    return ops.sqrt(ops.maximum((squares + 2 * products) / determinant, 1e-6))
