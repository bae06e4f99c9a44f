"""TensorFlow's errors in words that a user can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from clapboard.learning.sources import Source
from clapboard.problems import InputError, Problem


@contextmanager
def explained(batch_size: int, *sources: Source) -> Iterator[None]:
    """Raise `InputError` for memory that runs out and for frames that `sources` could not read.

    An exception raised inside a ``tf.data`` pipeline arrives as text inside another one; the
    sources keep the original.
    """
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise InputError(
            [
                Problem(
                    "out-of-memory",
                    "the model and one batch do not fit into memory",
                    "Lower batch_size of this model, its filters or dense, or frames.size.",
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
