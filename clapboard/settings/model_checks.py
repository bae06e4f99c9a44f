"""What of a model's settings cannot work, as far as it is known without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from clapboard.problems import Problem, did_you_mean
from clapboard.settings.backbones import (
    APPLICATIONS,
    BLOCKS,
    LITE,
    SMALLEST,
    too_many_blocks,
    uses_backbone,
)
from clapboard.settings.config_types import Section
from clapboard.settings.model_settings import (
    Backbone,
    Cnn,
    Convolutions,
    Model,
    Recurrent,
    Sequence,
    Tcn,
    Transfer,
)


def held_out(models: Mapping[str, Model]) -> bool:
    """Whether Validation judges any of the models, and does not teach all of them."""
    return not all(model.teach_validation for model in models.values())


def interrupted(models: Mapping[str, Model], frames: Mapping[str, Any]) -> dict[str, str]:
    """The models that see consecutive frames, with the key that thins one label more than another.

    Args:
        models: the section of the configuration.
        frames: section ``frames``.
    """
    keys = {
        "frames.per_label": set(frames["per_label"].values()) - {frames["every"]},
        "frames.max_per_label_and_subject": frames["max_per_label_and_subject"],
    }
    key = next((key for key, unequal in keys.items() if unequal), None)
    return {name: key for name, model in models.items() if key and isinstance(model, Sequence)}


def interruption_problems(thinned: Mapping[str, str]) -> list[Problem]:
    """Warnings of models whose sequences end in the middle of a procedure.

    Args:
        thinned: from `interrupted`.
    """
    message = (
        "this model learns from consecutive frames, and of a label that is thinned more than "
        "others a sequence may hold a single one"
    )
    remedy = "Thin all labels alike with frames.every, or take a model of single frames."
    return [
        Problem(
            "interrupted-sequences",
            message,
            remedy,
            column=f"models.{name}",
            value=key,
            severity="warning",
        )
        for name, key in thinned.items()
    ]


def setting_problems(
    models: Mapping[str, Model], frame_size: int, background: str = ""
) -> list[Problem]:
    """Settings that contradict each other; nothing is read for it.

    Args:
        models: the section of the configuration.
        frame_size: key `frames.size`, pixels.
        background: key `annotations.background`.
    """
    return [
        replace(problem, column=f"models.{name}{problem.column}")
        for name, model in models.items()
        for problem in (
            *_idle(model),
            *_backbone(model),
            *_fine_tuning(model),
            *_size(model, frame_size),
            *_start(model, models),
            *_ignored(model, background),
            *_skipping(model),
            *_choosing(model, models),
        )
    ]


def _idle(model: Model) -> Iterator[Problem]:
    """Keys that were written and change nothing, since the model gets the other kind of input."""
    if uses_backbone(model) and not getattr(model, "fine_tune", 0):
        yield from _augmented_features(model)
    if not isinstance(model, Sequence):
        return
    about: type[Section] = Backbone if model.input == "frames" else Convolutions
    other = "features" if model.input == "frames" else "frames"
    # Both kinds of input are thinned out by `dropout`.
    idle = about.model_fields.keys() - {"dropout"}
    if model.input == "features":
        idle |= {"start_from"}
    for key in sorted(model.model_fields_set & idle):
        message = f"this key says nothing about a model with input: {model.input}"
        remedy = f"Remove it, or set input to {other}."
        yield Problem("idle-setting", message, remedy, column=f".{key}")


def _augmented_features(model: Model) -> Iterator[Problem]:
    """Augmentation of a model that never sees a frame while it learns."""
    if "augmentation" in model.model_fields_set:
        message = "this model learns from features, computed once per frame; no frame is changed"
        other = "fine_tune" if isinstance(model, Transfer) else "input: frames"
        remedy = f"Remove it, or set {other}, with which the model sees frames."
        yield Problem("idle-setting", message, remedy, column=".augmentation")


def _backbone(model: Model) -> Iterator[Problem]:
    """A backbone that does not exist."""
    known = (LITE, *APPLICATIONS)
    if isinstance(model, Backbone) and uses_backbone(model) and model.backbone not in known:
        message, remedy = "there is no such backbone", did_you_mean(model.backbone, known)
        yield Problem("unknown-backbone", message, remedy, column=".backbone", value=model.backbone)


def _fine_tuning(model: Model) -> Iterator[Problem]:
    """More blocks to be trained on than the backbone has."""
    if isinstance(model, Transfer) and model.backbone in BLOCKS:
        for problem in too_many_blocks(model.fine_tune, BLOCKS[model.backbone], model.backbone):
            yield replace(problem, column=f".{problem.column}")


def _start(model: Model, models: Mapping[str, Model]) -> Iterator[Problem]:
    """A model to start from that is not there, or whose convolutions are others."""
    if not isinstance(model, Sequence) or model.input == "features" or not model.start_from:
        return
    name = model.start_from
    start = models.get(name)
    if not isinstance(start, Cnn):
        known = [each for each, other in models.items() if isinstance(other, Cnn)]
        message = "there is no model of architecture cnn of this name"
        remedy = did_you_mean(name, known)
        yield Problem("unknown-start", message, remedy, column=".start_from", value=name)
        return
    for key in sorted(Convolutions.model_fields.keys() - {"dropout"}):
        mine, other = getattr(model, key), getattr(start, key)
        if mine != other:
            message = f"{name}, which this model starts from, has {other}"
            remedy = "Give both the same value, or leave start_from empty."
            yield Problem("other-start", message, remedy, column=f".{key}", value=str(mine))


def _ignored(model: Model, background: str) -> Iterator[Problem]:
    """A background to ignore where none is named."""
    if isinstance(model, Tcn) and model.background == "ignored" and not background:
        message = "there is no background to ignore"
        remedy = "Remove it, or give unlabelled frames a label: annotations.background."
        yield Problem("idle-setting", message, remedy, column=".background", value="ignored")


def _skipping(model: Model) -> Iterator[Problem]:
    """Sequences with frames between them that would teach nothing."""
    if isinstance(model, Recurrent) and model.stride > model.window:
        message = f"frames between two sequences of {model.window} would teach nothing"
        remedy = f"Set stride to at most {model.window}, or window to at least {model.stride}."
        yield Problem("skipped-frames", message, remedy, column=".stride", value=f"{model.stride}")


def _choosing(model: Model, models: Mapping[str, Model]) -> Iterator[Problem]:
    """An epoch chosen by frames that were taught to the model, or to the one it starts from."""
    start = models.get(getattr(model, "start_from", ""))
    if not model.teach_validation and not (start and start.teach_validation):
        return
    if model.keep != "last":
        message = "the Validation subjects teach (teach_validation), so they cannot choose an epoch"
        remedy = "Set keep to last, or remove teach_validation."
        yield Problem("taught-validation", message, remedy, column=".keep", value=model.keep)


def _size(model: Model, frame_size: int) -> Iterator[Problem]:
    """Frames of which the network would leave nothing."""
    least, who = SMALLEST, "backbones"
    if not uses_backbone(model) and isinstance(model, Convolutions):
        stages = len(model.filters)
        least, who = 2**stages, f"{stages} stages, each halving the sides,"
    if frame_size < least:
        message = f"{who} need frames of at least {least} x {least} pixels"
        remedy = "Raise frames.size, or take a network with fewer stages."
        yield Problem("frames-too-small", message, remedy, value=f"{frame_size}")
