"""What all unit tests share."""

from __future__ import annotations

import pytest


def pytest_collection_finish(session: pytest.Session) -> None:
    """Bind TensorFlow to one core before its first use: afterwards it refuses to be bound."""
    if any("test_learning" in item.nodeid for item in session.items):
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
