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

    def call(
        self,
        items: keras.KerasTensor,
        known: keras.KerasTensor | None = None,
        training: bool = False,
    ) -> keras.KerasTensor:
        """Shape (batch, frames, ...) to (batch, frames, size).

        With `known`, shape (batch, frames), only the items that are frames are looked at, so that
        no normalisation counts the others, whose vectors are zero.
        """
        batch, frames = keras.ops.shape(items)[:2]
        flat = keras.ops.reshape(items, (-1, *items.shape[2:]))
        if known is None:
            vectors = self.layer(flat, training=training)
        else:
            (places,) = keras.ops.nonzero(keras.ops.reshape(known, (-1,)))
            seen = self.layer(keras.ops.take(flat, places, axis=0), training=training)
            shape = (batch * frames, seen.shape[-1])
            vectors = keras.ops.scatter(keras.ops.expand_dims(places, -1), seen, shape)
        return keras.ops.reshape(vectors, (batch, frames, vectors.shape[-1]))

    def compute_output_spec(
        self,
        items: keras.KerasTensor,
        known: keras.KerasTensor | None = None,
        training: bool = False,
    ) -> keras.KerasTensor:
        """A vector per frame."""
        shape = self.compute_output_shape(items.shape)
        return keras.KerasTensor(shape, dtype=self.layer.output.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """A vector per frame."""
        return (*input_shape[:2], self.layer.output_shape[-1])


def take_over(network: keras.Model, trained: keras.Model) -> None:
    """Let a sequence model look at frames as a trained model of single frames does.

    Args:
        network: with a layer `EachFrame`; its network's weights are replaced.
        trained: a `cnn` of the same convolutions; its classes are not taken over.
    """
    (each,) = (layer for layer in network.layers if isinstance(layer, EachFrame))
    *look, _, _ = trained.get_weights()  # last come kernel and bias of the classes
    each.layer.set_weights(look)
