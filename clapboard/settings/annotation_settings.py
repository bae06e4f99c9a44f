"""Settings of how sheets are read and what becomes a class."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from clapboard.annotations.labels import normalise
from clapboard.settings.config_types import Aliases, AnyText, Rate, Section, Text


class Columns(Section):
    """Titles under which the columns of a sheet are found; case and blanks do not matter."""

    label: Annotated[list[Text], Field(min_length=1)] = Field(
        default=["PROCEDURE"], description="Titles of the column with the label."
    )
    start: Annotated[list[Text], Field(min_length=1)] = Field(
        default=["Original_Start_Time"], description="Titles of the column with the start."
    )
    stop: Annotated[list[Text], Field(min_length=1)] = Field(
        default=["Original_Stop_Time"], description="Titles of the column with the end."
    )
    comment: list[Text] = Field(
        default=["Comments"], description="Titles of the column with remarks; a sheet may lack it."
    )


class Annotations(Section):
    """How sheets are read and what becomes a class."""

    format: Literal[
        "auto", "lab", "intervals", "boris", "clips", "elan", "label-studio", "via", "folders"
    ] = Field(
        default="auto",
        description="Format of the sheets: `auto` finds it out; `lab` is a table with wall-clock "
        "times and a CLAP row; the others are in docs/annotations.md.",
    )
    rate: Rate = Field(
        default="",
        description="Frames a second by which a program counted that annotates in frames, "
        "`29.97` or `30000/1001`; sheets in times do not need it.",
    )
    columns: Columns = Field(default=Columns(), description="Titles of the columns.")
    clap: Text = Field(
        default="CLAP",
        description="Label of the sync event: the first one is time zero, none is a class.",
    )
    aliases: Aliases = Field(
        default={},
        description="Spellings and the label they stand for, `BVM: BAGGING`. Case and blanks are "
        "made equal before.",
    )
    ignore: list[Text] = Field(default=[], description="Labels that are left out of the dataset.")
    overlaps: Literal["refuse", "first", "last", "shortest"] = Field(
        default="refuse",
        description="Where two annotations overlap: stop and name both rows, or the annotation "
        "that starts first, that starts last, or the shortest gets the frames.",
    )
    unseen: Literal["refuse", "drop"] = Field(
        default="refuse",
        description="A label that no Training subject has: stop, or leave it out of the dataset.",
    )
    # Written as labels are everywhere behind the sheets, whose names it is compared with.
    background: Annotated[AnyText, AfterValidator(normalise)] = Field(
        default="",
        description="Name of a class for the frames without a label; empty: they are not in the "
        "dataset. Case and blanks are made equal.",
    )
