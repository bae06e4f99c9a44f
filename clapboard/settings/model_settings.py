"""Settings of the models: one class per architecture, told apart by the key `architecture`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from clapboard.settings.config_types import (
    AnyText,
    Count,
    Flag,
    NotBoolean,
    Section,
    Seed,
    Switch,
    Text,
)

Share = Annotated[float, Field(ge=0, lt=1), NotBoolean]


class Augmentation(Section):
    """Random changes of training frames that leave the procedure recognisable; 0 switches one off.

    All frames of a sequence change alike; of noise only the strength is the same.
    """

    shift: Share = Field(default=0.05, description="Most shift, as a share of the side.")
    zoom: Share = Field(default=0.1, description="Most zoom in and out, 0.1 = 10 %.")
    rotation: Annotated[float, Field(ge=0, le=180), NotBoolean] = Field(
        default=3, description="Most rotation in degrees."
    )
    brightness: Share = Field(default=0.1, description="Most added light, as a share of white.")
    contrast: Share = Field(default=0.2, description="Most change of contrast.")
    colour: Share = Field(default=0.1, description="Most gain of each colour channel by itself.")
    noise: Share = Field(default=0.0, description="Most noise, as a share of white.")
    erase: Share = Field(default=0.0, description="Longest side of an erased patch, as a share.")
    flip: Flag = Field(
        default=False,
        description="Mirror half of the frames. Only where left and right do not matter.",
    )


class Learning(Section):
    """What training of every architecture needs to know."""

    architecture: str = Field(description="The kind of network.")
    epochs: Count = Field(default=30, description="Most passes over the training frames.")
    patience: Count = Field(
        default=5,
        description="Epochs without a better validation loss after which training stops; "
        "without meaning with `keep: last`.",
    )
    keep: Literal["best", "last"] = Field(
        default="best",
        description="Weights of which epoch are kept: `best` by validation loss, or `last`, for "
        "which all `epochs` are trained: the better choice with `schedule: cosine` and few people "
        "to validate on.",
    )
    teach_validation: Flag = Field(
        default=False,
        description="The Validation subjects teach, too: worth it with few people. Nothing is then "
        "chosen by them, so it takes `keep: last`.",
    )
    batch_size: Annotated[int, Field(ge=1, le=65_536), NotBoolean] = Field(
        default=32,
        description="Frames (or sequences) per step, over all GPUs together. Lower it when memory "
        "runs out.",
    )
    learning_rate: Annotated[float, Field(gt=0, le=10), NotBoolean] = Field(
        default=0.001, description="Step size of the optimiser (AdamW)."
    )
    schedule: Literal["constant", "cosine"] = Field(
        default="constant",
        description="Step size over the epochs: `constant`, or `cosine`: falling to zero.",
    )
    weight_decay: Share = Field(default=0.0, description="Share of the weights taken away a step.")
    class_weights: Literal["balanced", "none"] = Field(
        default="balanced",
        description="`balanced`: rare procedures weigh as much as common ones; `none`: every frame "
        "weighs the same.",
    )
    loss: Literal["cross_entropy", "focal"] = Field(
        default="cross_entropy",
        description="`focal` lets frames that are easy already count less.",
    )
    focal_gamma: Annotated[float, Field(ge=0, le=10), NotBoolean] = Field(
        default=2.0, description="How much less, for `loss: focal`; 0 is cross entropy."
    )
    label_smoothing: Share = Field(
        default=0.0, description="Share of certainty taken from the true class and spread over all."
    )
    augmentation: Augmentation = Field(
        default=Augmentation(), description="Random changes of training frames."
    )
    cache_mb: Annotated[int, Field(ge=0), NotBoolean] = Field(
        default=4096,
        description="Decoded frames are kept on disk while training, so that later epochs decode "
        "nothing: those of Training if they need no more than this, those of Validation if they "
        "fit beside them; what does not fit is decoded in every epoch. 0: never.",
    )
    tensorboard: Flag = Field(default=False, description="Write logs for TensorBoard.")
    mixed_precision: Annotated[Literal["auto", "on", "off"], Switch] = Field(
        default="auto",
        description="Half precision: `auto` where the GPU is quick at it, `on`, or `off`.",
    )
    seed: Seed = Field(
        default=1,
        description="Of initial weights, shuffling and dropout; a CPU run repeats bit for bit.",
    )


class Convolutions(Section):
    """The convolutional network that looks at one frame."""

    filters: Annotated[list[Count], Field(min_length=1, max_length=8)] = Field(
        default=[16, 32, 64], description="Filters of each stage; a stage ends with a pooling."
    )
    convolutions: Annotated[int, Field(ge=1, le=8), NotBoolean] = Field(
        default=1, description="Convolutions in a row in each stage."
    )
    batch_normalisation: Flag = Field(
        default=False, description="Normalise after every convolution."
    )
    standardise: Flag = Field(
        default=False,
        description="Bring every frame to mean 0 and spread 1, against light that changes.",
    )
    colour: Literal["rgb", "gray", "figure"] = Field(
        default="rgb",
        description="`rgb`, `gray`, or `figure`: how unusual the colour of each pixel is in its "
        "frame, which shows people before an even wall whatever they wear.",
    )
    pooling: Literal["none", "average", "maximum"] = Field(
        default="none",
        description="What the dense head sees: every place of the frame, or its average or maximum "
        "over all places.",
    )
    dense: Annotated[int, Field(ge=0, le=100_000), NotBoolean] = Field(
        default=128, description="Units of the dense layer before the classes; 0: none."
    )
    dropout: Share = Field(
        default=0.5, description="Share of the dense layer that each training step leaves out."
    )


class Cnn(Convolutions, Learning):
    """Three convolutions with 16, 32 and 64 filters and a dense head, frame by frame."""

    architecture: Literal["cnn"] = Field(description="`cnn`: the small convolutional network.")


class Backbone(Section):
    """A network trained on other pictures, whose features serve here."""

    backbone: Text = Field(
        default="efficientnet-lite0",
        description="`efficientnet-lite0`, or a network of Keras Applications: MobileNetV3Small, "
        "EfficientNetV2B0, ConvNeXtTiny, ...",
    )
    weights: Text = Field(
        default="imagenet",
        description="`imagenet`, `none` (random, drawn from `seed`; features of "
        "efficientnet-lite0 and MobileNetV3 are then 0 in half precision, which is refused), or a "
        "file of Keras weights (`.weights.h5`, `.h5`, `.keras`). Those of efficientnet-lite0 come "
        "with the environment; the others are downloaded by Keras.",
    )


class Transfer(Backbone, Learning):
    """A dense head on the features of a pretrained network, frame by frame."""

    architecture: Literal["transfer"] = Field(description="`transfer`: a pretrained network.")
    dense: Annotated[int, Field(ge=0, le=100_000), NotBoolean] = Field(
        default=0, description="Units of a dense layer between features and classes; 0: none."
    )
    dropout: Share = Field(
        default=0.3, description="Share of the features that each training step leaves out."
    )
    fine_tune: Annotated[int, Field(ge=0, le=1000), NotBoolean] = Field(
        default=0,
        description="Blocks at the end of the backbone that are trained on after the head, at a "
        "tenth of the learning rate; at most as many as it has (efficientnet-lite0: 16).",
    )


class Sequence(Backbone, Convolutions, Learning):
    """What all models that see consecutive frames need to know."""

    input: Literal["features", "frames"] = Field(
        default="features",
        description="`features` of a backbone, or `frames`, looked at by a convolutional network "
        "that is trained along with the rest.",
    )
    start_from: AnyText = Field(
        default="",
        description="With `input: frames`, name of a `cnn` of this configuration: training begins "
        "with its trained convolutions, whose keys must agree; empty: from nothing.",
    )
    gap: Annotated[float, Field(gt=1, le=1000), NotBoolean] = Field(
        default=2.5,
        description="A sequence ends where the time to the next frame is so many times the usual "
        "one of the recording. So labels that are thinned more than others "
        "(`frames.per_label`, `frames.max_per_label_and_subject`) are learnt from pieces of few "
        "frames; thin all alike with `frames.every`.",
    )


class Recurrent(Sequence):
    """What the two recurrent networks have in common."""

    window: Annotated[int, Field(ge=2, le=100_000), NotBoolean] = Field(
        default=32, description="Frames in a sequence."
    )
    stride: Annotated[int, Field(ge=1, le=100_000), NotBoolean] = Field(
        default=16,
        description="Frames between the starts of two training sequences, at most `window`.",
    )
    units: Count = Field(default=128, description="Size of the memory.")
    layers: Annotated[int, Field(ge=1, le=8), NotBoolean] = Field(
        default=1, description="Recurrent layers on top of each other."
    )
    bidirectional: Flag = Field(
        default=True, description="See the frames after this one too; false for live use."
    )


class Lstm(Recurrent):
    """A recurrent network (LSTM) over consecutive frames."""

    architecture: Literal["lstm"] = Field(description="`lstm`: long short-term memory.")


class Gru(Recurrent):
    """A recurrent network (GRU) over consecutive frames."""

    architecture: Literal["gru"] = Field(description="`gru`: gated recurrent units.")


class Tcn(Sequence):
    """Dilated temporal convolutions in stages over recordings of up to `window` frames (MS-TCN)."""

    architecture: Literal["tcn"] = Field(description="`tcn`: temporal convolutions.")
    window: Annotated[int, Field(ge=2, le=1_000_000), NotBoolean] = Field(
        default=4096,
        description="Longest sequence; longer recordings are cut into such pieces, for memory "
        "grows with it. More than the longest recording has: whole recordings.",
    )
    stages: Annotated[int, Field(ge=1, le=8), NotBoolean] = Field(
        default=4, description="Networks in a row, each correcting the one before."
    )
    layers: Annotated[int, Field(ge=1, le=16), NotBoolean] = Field(
        default=10, description="Layers of a stage; layer i looks 2^(i - 1) frames each way."
    )
    units: Count = Field(default=64, description="Channels of a layer.")
    background: Literal["class", "ignored"] = Field(
        default="class",
        description="What `annotations.background` is to the model: a `class` like any other, or "
        "`ignored`: its frames teach nothing, and nothing is ever taken for it.",
    )
    smoothing: Annotated[float, Field(ge=0, le=100), NotBoolean] = Field(
        default=0.15, description="Weight of the loss that punishes flicker."
    )


Model = Annotated[Cnn | Transfer | Lstm | Gru | Tcn, Field(discriminator="architecture")]
