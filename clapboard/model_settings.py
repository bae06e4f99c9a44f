"""Settings of the models: one class per architecture, told apart by the key `architecture`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from clapboard.config_types import Count, NotBoolean, Section, Seed, Switch


class Learning(Section):
    """What training of every architecture needs to know."""

    architecture: str = Field(description="The kind of network.")
    epochs: Count = Field(default=30, description="Most passes over the training frames.")
    patience: Count = Field(
        default=5,
        description="Epochs without a better validation loss after which training stops; the best "
        "weights are kept.",
    )
    batch_size: Count = Field(
        default=32,
        description="Frames per step, over all GPUs together. Lower it when memory runs out.",
    )
    learning_rate: Annotated[float, Field(gt=0, le=10), NotBoolean] = Field(
        default=0.001, description="Step size of the optimiser (Adam)."
    )
    class_weights: Literal["balanced", "none"] = Field(
        default="balanced",
        description="`balanced`: rare procedures weigh as much as common ones; `none`: every frame "
        "weighs the same.",
    )
    mixed_precision: Annotated[Literal["auto", "on", "off"], Switch] = Field(
        default="auto",
        description="Half precision: `auto` where the GPU is quick at it, `on`, or `off`.",
    )
    seed: Seed = Field(
        default=1,
        description="Of initial weights, shuffling and dropout; a CPU run repeats bit for bit.",
    )


class Cnn(Learning):
    """Three convolutions with 16, 32 and 64 filters and a dense head, frame by frame."""

    architecture: Literal["cnn"] = Field(description="The small convolutional network.")
    dropout: Annotated[float, Field(ge=0, lt=1), NotBoolean] = Field(
        default=0.5, description="Share of the dense layer that each training step leaves out."
    )


Model = Cnn
