"""Pydantic's findings about a configuration, as problems with place and remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from clapboard.problems import Problem, did_you_mean

LONGEST_VALUE = 80

# The key by which a union of models is told apart.
TAG = "architecture"

_NUMBER = "should be a number"
_WHOLE = "should be a whole number"
_KEYS = "should be a mapping with keys of its own"
MESSAGES = {
    "dict_type": _KEYS,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "int_from_float": _WHOLE,
    "int_parsing": _WHOLE,
    "int_type": _WHOLE,
    "invalid_key": "should be a name; put quotes around it",
    "list_type": "should be a list such as [A, B]",
    "model_type": _KEYS,
    "string_too_short": "should not be empty",
    "string_type": "should be text; put quotes around what YAML reads as something else",
    "too_short": "should not be empty",
}


@dataclass(frozen=True)
class Place:
    """Where in a configuration a finding is.

    Attributes:
        key: dotted, `models.cnn.epochs`.
        siblings: the keys that exist there.
        field: what is known of the key; None for an unknown one and inside a free mapping.
    """

    key: str
    siblings: tuple[str, ...]
    field: FieldInfo | None


def as_problems(error: ValidationError, model: type[BaseModel], file: str) -> list[Problem]:
    """Every finding of `error` about `model`; the column is the dotted key."""
    return [
        _problem(finding, _locate(model, finding["loc"]), file)
        for finding in error.errors(include_url=False)
    ]


def variants(annotation: Any) -> tuple[type[BaseModel], ...]:
    """The models that a type may be: itself, or the members of a union."""
    if get_origin(annotation) is Annotated:
        return variants(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(found for member in get_args(annotation) for found in variants(member))
    return (annotation,) if _is_model(annotation) else ()


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _locate(model: type[BaseModel], path: Sequence[int | str]) -> Place:
    """Follow a path of keys, list places and union tags through nested models."""
    shown, siblings = list[str](), tuple[str, ...]()
    field: FieldInfo | None = None
    here: Any = model
    for part in path:
        models = variants(here)
        if part == "[key]":
            continue
        if len(models) > 1:
            here = next(one for one in models if part in get_args(one.model_fields[TAG].annotation))
        elif models:
            siblings = tuple(models[0].model_fields)
            field = models[0].model_fields.get(str(part))
            here = field.annotation if field else None
            shown.append(str(part))
        else:
            field = None
            here = get_args(here)[-1] if get_args(here) else None
            shown.append(str(part))
    return Place(".".join(shown), siblings, field)


def _problem(finding: Any, place: Place, file: str) -> Problem:
    """One finding in the words of the user."""
    key, value = place.key, _shown(finding["input"])
    match finding["type"]:
        case "extra_forbidden":
            check, message = "unknown-key", "there is no such key"
            remedy = did_you_mean(key.rpartition(".")[2], place.siblings)
        case "missing" | "union_tag_not_found" as kind:
            key, value = key if kind == "missing" else f"{key}.{TAG}", ""
            check, message, remedy = "missing-key", "the key is missing", "Add it."
        case "literal_error" | "union_tag_invalid" as kind:
            if kind == "union_tag_invalid":
                key, value = f"{key}.{TAG}", finding["ctx"]["tag"]
            check, message = "unknown-choice", "this is not one of the choices"
            expected = finding["ctx"].get("expected") or finding["ctx"]["expected_tags"]
            remedy = did_you_mean(value, re.findall(r"'([^']*)'", expected))
        case kind:
            said = re.sub(r"^(Value error, |Input )", "", finding["msg"])
            check, message = "bad-value", f"the value {MESSAGES.get(kind, said)}"
            remedy = "See config/README.md."
            if place.field is not None and not place.field.is_required():
                default = place.field.get_default(call_default_factory=True)
                remedy = f"The default is {_shown(default) or 'nothing'}."
    return Problem(check, message, remedy, file, column=key, value=value)


def _shown(value: Any) -> str:
    """A value as one would write it in YAML, without a password in an address, cut when long."""
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    text = re.sub(r"//[^\s]*@", "//...@", text)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
