"""One network looking at every frame of a sequence."""

from __future__ import annotations

import keras
from keras import layers


@keras.saving.register_keras_serializable("clapboard")
class EachFrame(layers.Wrapper):
    """A network for one frame, applied to all frames of all sequences at once.

    Unlike Keras' TimeDistributed it gives the same answer whether or not the number of frames is
    known beforehand, and looks at all frames in one step.
    """

    def call(self, items: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Shape (batch, frames, ...) to (batch, frames, size)."""
        batch, frames = keras.ops.shape(items)[:2]
        flat = keras.ops.reshape(items, (-1, *items.shape[2:]))
        vectors = self.layer(flat, training=training)
        return keras.ops.reshape(vectors, (batch, frames, vectors.shape[-1]))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """A vector per frame."""
        return (*input_shape[:2], self.layer.output_shape[-1])
