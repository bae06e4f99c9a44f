"""The configuration, `config/config.yaml`: every key, its type, default and meaning.

The models here and in the modules `*_settings` are the one place where keys are defined: JSON
schema and key table are made from them (`clapboard.settings.config_reference`), and rules get them
as plain dictionaries (`Config.section`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from clapboard.problems import Problem, did_you_mean, refuse
from clapboard.s3.settings import S3
from clapboard.settings.annotation_settings import Annotations
from clapboard.settings.cloud_settings import Cloud
from clapboard.settings.config_errors import as_problems
from clapboard.settings.config_types import (
    Count,
    Every,
    Flag,
    FolderPath,
    Name,
    NotBoolean,
    Section,
    Seed,
    Text,
)
from clapboard.settings.model_settings import Cnn, Model
from clapboard.settings.prediction_settings import Evaluation, Prediction

CONFIG_FILE = "config/config.yaml"


class Video(Section):
    """How videos are read and joined."""

    ffmpeg: Text = Field(
        default="bundled",
        description="FFmpeg program: `bundled` comes with the environment, `system` is the one on "
        "the PATH, anything else is a path. Overlays take 5.1 or newer.",
    )
    concatenate: Flag = Field(
        default=True,
        description="Also write `video/{recording}.mp4`, all chapters in one file. Only overlays "
        "(`prediction.overlay`) need it; theirs are written all the same.",
    )
    damaged: Literal["refuse", "skip"] = Field(
        default="refuse",
        description="Chapters with frames that are lost or cannot be decoded: stop and name the "
        "place, or leave these frames out of the dataset; `audit/damaged.csv` lists them.",
    )
    hwaccel: Literal["none", "auto"] = Field(
        default="none",
        description="`auto` decodes on an NVIDIA card where there is one that can, and in software "
        "what it does not deliver.",
    )


class Sync(Section):
    """How the clap of a sheet is found in the sound, and what is done about drifting clocks."""

    search: Annotated[float, Field(gt=0, le=7200), NotBoolean] = Field(
        default=120,
        description="Seconds from the start of a recording in which `clap: auto` is searched.",
    )
    window: Annotated[float, Field(gt=0, le=600), NotBoolean] = Field(
        default=3,
        description="Seconds around an expected place in which a clap is searched.",
    )
    confidence: Annotated[float, Field(ge=0, le=1), NotBoolean] = Field(
        default=0.5,
        description="How sure it must be: 0.5 when the clap stands out 3 dB more than the next "
        "sound, 0.9 at 10 dB. A less certain `auto` is an error, a less certain later clap is not "
        "measured.",
    )
    drift: Literal["measure", "correct"] = Field(
        default="measure",
        description="What later claps are for: `measure` the drift between the sheet's clock and "
        "the camera's, or `correct` it too, in proportion to time.",
    )
    limit: Annotated[float, Field(gt=0), NotBoolean] | None = Field(
        default=500,
        description="Milliseconds by which a later clap may be off, after correction if there is "
        "one; more is an error. null: no limit.",
    )


class Frames(Section):
    """Which frames are taken from the videos, and how they are stored."""

    size: Annotated[int, Field(ge=28, le=4096), NotBoolean] = Field(
        default=224,
        description="Width and height of the resized frames in pixels; 28 is what the search for "
        "look-alikes compares.",
    )
    fit: Literal["stretch", "pad", "crop"] = Field(
        default="stretch",
        description="How a wide picture becomes square: `stretch` squeezes it, `pad` adds black "
        "bars, `crop` cuts the sides.",
    )
    quality: Annotated[int, Field(ge=1, le=31), NotBoolean] = Field(
        default=2, description="Quantiser scale of the JPEGs, 1 (best) to 31 (smallest files)."
    )
    full_size: Flag = Field(
        default=False, description="Also store the frames at the size of the video."
    )
    every: Every = Field(
        default="all",
        description="Which labelled frames are taken: `all`, n (every n-th frame), `2/s` (so many "
        "a second) or `keyframes`.",
    )
    per_label: dict[Text, Every] = Field(
        default={}, description="Labels with an `every` of their own, `INCISION: all`."
    )
    max_per_label_and_subject: Count | None = Field(
        default=None,
        description="Most frames of a label and subject, spread over time; null: no limit.",
    )
    seed: Seed = Field(
        default=1, description="Of the choice when there are more frames than the limit."
    )


class Dataset(Section):
    """How the labelled pictures are kept for training."""

    storage: Literal["folders", "shards"] = Field(
        default="folders",
        description="`folders`: links in `Data/{split}/{label}/`; `shards`: one tar per recording, "
        "after which the pictures in `resized/` may go. Models are the same.",
    )


class Config(Section):
    """Everything that can be set."""

    recordings: Text = Field(
        default="config/recordings.tsv",
        description="The table of recordings: subjects, files, splits.",
    )
    results: FolderPath = Field(
        default="results", description="Folder for everything that is made."
    )
    annotations: Annotations = Field(default=Annotations(), description="How sheets are read.")
    video: Video = Field(default=Video(), description="How videos are read and joined.")
    sync: Sync = Field(default=Sync(), description="How sheet and recording are brought together.")
    frames: Frames = Field(default=Frames(), description="Which frames are taken and how.")
    dataset: Dataset = Field(default=Dataset(), description="How the labelled pictures are kept.")
    models: dict[Name, Model] = Field(
        default={"cnn": Cnn(architecture="cnn")},
        description="The models to train: any number, each a name with its settings.",
    )
    evaluation: Evaluation = Field(default=Evaluation(), description="How models are measured.")
    prediction: Prediction = Field(
        default=Prediction(), description="What is made for recordings with the split Predict."
    )
    s3: S3 = Field(default=S3(), description="Frames that are in a bucket.")
    cloud: Cloud = Field(default=Cloud(), description="A machine that is rented for a run.")

    def section(self, name: str) -> dict[str, Any]:
        """A section as builtins with sorted keys, the form in which a rule takes parameters."""
        section = self.model_dump(mode="json")[name]
        return json.loads(json.dumps(section, sort_keys=True))


def load(raw: Mapping[str, Any], file: str = CONFIG_FILE) -> Config:
    """Check a configuration as read from YAML and fill in the defaults.

    A section without any key (`frames:` alone) is a section of defaults.

    Args:
        raw: the mapping as parsed.
        file: its name in messages.

    Raises:
        InputError: any key or value is wrong; carries all problems.
    """
    written = {
        key: value for key, value in raw.items() if value is not None or not _is_section(key)
    }
    try:
        config = Config.model_validate(written)
    except ValidationError as error:
        refuse(as_problems(error, Config, file))
        raise
    refuse(_clashes(config, file))
    return config


def _is_section(key: Any) -> bool:
    """Whether a top-level key opens a section."""
    field = Config.model_fields.get(str(key))
    return field is not None and isinstance(field.get_default(), Section | dict)


def _clashes(config: Config, file: str) -> list[Problem]:
    """What is wrong between keys that are right by themselves."""
    problems, seen = list[Problem](), dict[str, str]()
    for name in config.models:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            problems.append(
                Problem(
                    "repeated-model",
                    f"on some file systems this is the model {other}",
                    "Rename one; case alone does not tell files apart.",
                    file,
                    column=f"models.{name}",
                )
            )
    problems += [
        Problem(
            "unknown-model",
            "no model has this name",
            did_you_mean(name, config.models),
            file,
            column="prediction.models",
            value=name,
        )
        for name in config.prediction.models
        if name not in config.models
    ]
    return [*problems, *_not_in_s3(config, file)]


def _not_in_s3(config: Config, file: str) -> list[Problem]:
    """What cannot be where results are in S3: folders of pictures do not travel."""
    wrong = {
        "dataset.storage: shards": config.dataset.storage != "shards",
        "frames.full_size: false": config.frames.full_size,
    }
    message = "folders of pictures do not travel to S3, where s3.results is"
    return [
        Problem("not-in-s3", message, f"Set {right}.", file, column=right.partition(":")[0])
        for right, found in wrong.items()
        if config.s3.results and found
    ]
