"""TensorFlow's errors in words that a user can act on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from clapboard.learning.sources import Source
from clapboard.problems import InputError, Problem


@contextmanager
def explained(batch_size: int, *sources: Source) -> Iterator[None]:
    """Raise `InputError` for memory that runs out and for frames that `sources` could not read.

    Where the operating system ends the job for its memory nothing more can be said, so that what it
    would mean is said before. An exception raised inside a ``tf.data`` pipeline arrives as text
    inside another one; the sources keep the original.
    """
    remedy = "Lower batch_size of this model, its filters or dense, or frames.size."
    hint = "If the job is killed without a word (signal 9, status 137), memory ran out."
    print(f"{hint} {remedy} (batch_size: {batch_size})", file=sys.stderr)  # noqa: T201
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise InputError(
            [
                Problem(
                    "out-of-memory",
                    "the model and one batch do not fit into memory",
                    remedy,
                    column="batch_size",
                    value=str(batch_size),
                )
            ]
        ) from error
    except tf.errors.OpError:
        for source in sources:
            if source.error is not None:
                raise source.error from None
        raise
