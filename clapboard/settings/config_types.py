"""Types that the keys of the configuration are made of."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    WithJsonSchema,
)

from clapboard.annotations.labels import normalise
from clapboard.clock import parse_rate

EVERY = r"all|keyframes|(?=.*[1-9])\d{1,6}(\.\d{1,6})?/s"
NAME = r"[A-Za-z0-9]([A-Za-z0-9_-]{0,62}[A-Za-z0-9])?"


class Section(BaseModel):
    """A part of the configuration; unknown keys are errors."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        str_strip_whitespace=True,
    )


def _no_boolean(value: Any) -> Any:
    """Refuse YAML's yes and no where Python would take them for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("should be a number")
    return value


def _only_boolean(value: Any) -> Any:
    """Refuse numbers and words that could be meant as something else."""
    if not isinstance(value, bool):
        raise ValueError("should be true or false")
    return value


def _switch(value: Any) -> Any:
    """Give back the words on and off, which YAML reads as true and false."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


def _every(value: Any) -> int | str:
    """Check how densely frames are taken."""
    text = str(value).replace(" ", "") if isinstance(value, int | str) else ""
    if re.fullmatch(r"0*[1-9]\d{0,8}", text, re.ASCII) and value is not True:
        return int(text)
    if not re.fullmatch(EVERY, text, re.ASCII):
        raise ValueError("should be all, keyframes, a whole number n or a rate such as 2/s")
    return text


def _rate(value: Any) -> str:
    """Check a frame rate, which may be written as a number; empty means none."""
    text = "" if isinstance(value, bool) else str(value).strip()
    try:
        parse_rate(text or "1")
    except ValueError:
        text = ""
    if not text and value != "":
        raise ValueError("should be frames a second, such as 25, 29.97 or 30000/1001")
    return text


def _path(path: str) -> str:
    """Refuse what would be a wildcard or a line end in the path of a rule; drop `./` and `//`."""
    if re.search(r"[{}\x00-\x1f\x7f]", path):
        raise ValueError("should hold no braces and no control characters")
    return str(PurePath(path))


def _name(name: str) -> str:
    """Refuse what cannot be a folder name and a wildcard everywhere."""
    if not re.fullmatch(NAME, name, re.ASCII):
        raise ValueError("should be a name of letters a-z, digits and - _ between them")
    return name


def _aliases(aliases: dict[str, str]) -> dict[str, str]:
    """Refuse two spellings that are one after normalisation, yet stand for different labels."""
    seen = dict[str, str]()
    for written, label in aliases.items():
        other = seen.setdefault(normalise(written), normalise(label))
        if other != normalise(label):
            raise ValueError(f"should not turn {normalise(written)} into both {other} and {label}")
    return aliases


AnyText = Annotated[str, Strict()]
Text = Annotated[str, Strict(), StringConstraints(min_length=1)]
NotBoolean = BeforeValidator(_no_boolean)
Count = Annotated[int, Field(ge=1, le=1_000_000), NotBoolean]
Flag = Annotated[bool, BeforeValidator(_only_boolean)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1), NotBoolean]
Switch = BeforeValidator(_switch)
FolderPath = Annotated[Text, AfterValidator(_path)]
Name = Annotated[str, AfterValidator(_name)]
Aliases = Annotated[dict[Text, Text], AfterValidator(_aliases)]
Rate = Annotated[
    str,
    BeforeValidator(_rate),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]}),
]
Every = Annotated[
    int | str,
    BeforeValidator(_every),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "pattern": f"^({EVERY})$"},
            ]
        }
    ),
]
