"""Settings of what happens with trained models: how they are measured, what they recognise."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from clapboard.settings.config_types import AnyText, Flag, NotBoolean, Section, Switch


class Evaluation(Section):
    """How good models are said to be."""

    protocol: Literal["splits", "loso"] = Field(
        default="splits",
        description="`splits`: train, validate and test as the table of recordings says; `loso`: "
        "leave one subject out, every subject is the test subject once and the next one validates. "
        "`evaluation: loso` says the same in short.",
    )
    fusion: Flag = Field(
        default=False,
        description="Also the figures of all cameras of a session together (their mean "
        "probabilities at the same time), beside those of each camera.",
    )
    lookalikes: Annotated[float, Field(ge=0, le=255), NotBoolean] = Field(
        default=3.5,
        description="Pictures of two splits (of two subjects with `loso`) that differ by no more "
        "grey levels than this are taken for the same footage, which is an error; 0: do not look.",
    )
    lookalikes_allowed: Annotated[int, Field(ge=0), NotBoolean] = Field(
        default=0,
        description="Consent to so many such pictures in each recording, counted over all others "
        "together, where a look at them has shown that the footage is not the same (an empty room "
        "before a fixed camera); up to it they are a warning. Byte-identical pictures stay an "
        "error.",
    )

    @model_validator(mode="before")
    @classmethod
    def _protocol_alone(cls, value: Any) -> Any:
        """Take ``evaluation: loso`` for its longer form."""
        return {"protocol": value} if isinstance(value, str) else value


class Prediction(Section):
    """What is made for recordings with the split Predict."""

    models: list[AnyText] = Field(
        default=[], description="Names of the models that recognise; empty: all."
    )
    fusion: Flag = Field(
        default=False,
        description="Recognise all cameras of a session together (their mean probabilities at the "
        "same time).",
    )
    decoder: Literal["none", "median", "viterbi"] = Field(
        default="viterbi",
        description="How flicker is removed: `none`, `median` (vote of the frames around), or "
        "`viterbi` (lengths and order of procedures as in Training).",
    )
    median_seconds: Annotated[float, Field(gt=0, le=3600), NotBoolean] = Field(
        default=3.0, description="Length of the vote of `decoder: median`."
    )
    review_seconds: Annotated[float, Field(ge=1, le=3600), NotBoolean] = Field(
        default=60.0, description="Length of the stretches that the review list ranks."
    )
    overlay: Annotated[Literal["clip", "full", "off"], Switch] = Field(
        default="clip",
        description="Video with label, confidence and a ribbon of the timeline: `clip` of the most "
        "doubtful stretch, `full` recording, or `off`.",
    )
