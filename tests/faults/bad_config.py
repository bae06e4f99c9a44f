"""Wrong configurations

Every key of every section is made wrong in every way that its type allows: another type, out of
range, no such choice, misspelt, nothing. The cases come from the models of the configuration, so
that new keys are tried without a word here. Each has to be told of by its dotted key; several at
once have to be told of all together; and Snakemake has to end before anything is written.
"""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, WithJsonSchema
from pydantic.fields import FieldInfo

from clapboard.problems import InputError
from clapboard.settings.config import Config, load
from clapboard.settings.config_errors import TAG, variants
from clapboard.settings.config_types import Switch
from tests.faults.campaign import Case, Failed

REPOSITORY = Path(__file__).parents[2]
TIME_LIMIT = 300

TOGETHER, THROUGH_SNAKEMAKE = 100, 6
"""How many cases have several wrong keys at once, and how many are given to Snakemake."""

IN_TESTS = 60

NO_SECTIONS = [(value, "another type") for value in ("banana", 17, ["x"])]

Mutation = tuple[list[str], Any, str]  # the place of a key, the wrong value, what is wrong with it


def places(
    model: type[BaseModel], at: Sequence[str] = ()
) -> Iterator[tuple[list[str], FieldInfo | None]]:
    """Every key below a model with its place, of a section None instead of its field.

    A model of the configuration is called `m`; it is not taken for a section.
    """
    for name, field in model.model_fields.items():
        place = [*at, name]
        if place == ["models"]:
            yield place, None
            for one in variants(get_args(_bare(field.annotation))[1]):
                (tag,) = get_args(one.model_fields[TAG].annotation)
                yield from places(one, ["models", f"m:{tag}"])
        elif inner := variants(_bare(field.annotation)):
            yield place, None
            yield from places(inner[0], place)
        else:
            yield place, field


def wrong_values(field: FieldInfo) -> Iterator[tuple[Any, str]]:
    """Values that a key cannot have, and why.

    Raises:
        TypeError: the key is of a type that this campaign does not know.
    """
    annotation, metadata = field.annotation, list(field.metadata)
    optional = type(None) in get_args(annotation)
    if optional:
        (annotation,) = (one for one in get_args(annotation) if one is not type(None))
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metadata += more
    limits = list(metadata)
    for one in metadata:
        limits += getattr(one, "metadata", [])
    yield {"a": {"b": 1}} if get_origin(annotation) is not dict else [1], "another type"
    yield [["x"]], "another type"
    if not optional:
        yield None, "nothing"
    kind = get_origin(annotation) or annotation
    if kind is Literal:
        yield "banana", "no such choice"
        yield 17.5, "no such choice"
    elif kind is bool:
        yield "banana", "another type"
        yield 1, "another type"
    elif kind in (int, float):
        yield "banana", "another type"
        yield True, "another type"
        yield math.nan, "out of range"
        yield math.inf, "out of range"
        if kind is int:
            yield 1.5, "another type"
        for limit in limits:
            if isinstance(limit, Ge | Gt):
                yield (limit.ge - 1 if isinstance(limit, Ge) else limit.gt), "out of range"
            if isinstance(limit, Le | Lt):
                yield (limit.le + 1 if isinstance(limit, Le) else limit.lt), "out of range"
    elif kind in (str, list, dict):
        if not any(isinstance(one, WithJsonSchema) for one in metadata):  # a rate may be a number
            yield 17, "another type"
        if kind is not str:
            yield "banana", "another type"
    elif kind in (Union, types.UnionType):
        yield True, "another type"
        yield -1, "out of range"
    else:
        raise TypeError(f"no wrong value is known for {annotation}")
    if Switch in metadata:
        yield 17, "no such choice"


def mutations() -> list[Mutation]:
    """Every way to make one key wrong."""
    found: list[Mutation] = []
    for place, field in places(Config):
        wrong = wrong_values(field) if field else NO_SECTIONS
        found += [(place, value, what) for value, what in wrong]
        found.append(([*place[:-1], place[-1] + place[-1][-1]], 1 if field else {}, "misspelt"))
        if field and field.is_required():
            found.append((place, ..., "missing"))
    return found


def cases(chance: random.Random, count: int) -> list[Case]:
    """Every mutation alone, some of them together, a few through Snakemake."""
    every = [
        {"place": place, "value": "missing" if value is ... else value, "what": what}
        for place, value, what in mutations()
    ]
    found = [
        Case(f"{'.'.join(one['place']).replace(':', '-')}-{number}", one["what"], {"wrong": [one]})
        for number, one in enumerate(every)
    ]
    alone = [one for one in every if one["place"][0] != "models" and one["what"] != "missing"]
    for number in range(TOGETHER + THROUGH_SNAKEMAKE):
        drawn = chance.sample(alone, 5)
        whole_sections = [one["place"] for one in drawn if len(one["place"]) == 1]
        some = {
            json.dumps(one["place"][:2]): one
            for one in drawn
            if len(one["place"]) == 1 or one["place"][:1] not in whole_sections
        }
        whole = number >= TOGETHER
        kind = "several, through Snakemake" if whole else "several at once"
        values = {"wrong": list(some.values()), "snakemake": whole}
        found.append(Case(f"together-{number}", kind, values))
    return found[:count]


def quick(case: Case) -> bool:
    """Whether the test suite can afford a case: to start Snakemake takes seconds."""
    return not case.values.get("snakemake") or case.name == f"together-{TOGETHER}"


def attempt(case: Case, folder: Path) -> None:
    """Every wrong key is named, in one message, before anything is written."""
    raw: dict[str, Any] = {}
    for one in case.values["wrong"]:
        _set(raw, one["place"], one["value"], one["what"])
    if case.values.get("snakemake"):
        said = _snakemake(raw, folder)
        missed = [key for key in map(_key, case.values["wrong"]) if key not in said]
        if missed:
            raise Failed(f"{missed} not named in: {said[-3000:]}")
        return
    try:
        load(raw)
    except InputError as error:
        problems = error.problems
    else:
        raise Failed(f"{raw} is accepted")
    for one in case.values["wrong"]:
        key = _key(one)
        told = [problem for problem in problems if f"{problem.column}.".startswith(f"{key}.")]
        if not told:
            raise Failed(f"{key} is not named in {problems}")
        if one["what"] == "misspelt" and one["place"][-1][:-1] not in told[0].remedy:
            raise Failed(f"{key}: what was meant is not offered: {told[0]}")


def _key(wrong: dict[str, Any]) -> str:
    """The dotted key of a wrong value, as messages have it."""
    return ".".join("m" if part.startswith("m:") else part for part in wrong["place"])


def _set(raw: dict[str, Any], place: Sequence[str], value: Any, what: str) -> None:
    """Put a value at a place of a configuration; the sections above are made."""
    for part in place[:-1]:
        name, _, architecture = part.partition(":")
        raw = raw.setdefault(name, {TAG: architecture} if architecture else {})
    if what == "missing":
        raw.pop(place[-1], None)
    else:
        raw[place[-1]] = value


def _snakemake(raw: dict[str, Any], folder: Path) -> str:
    """What Snakemake says about a configuration; it has to fail and to write nothing."""
    (folder / "config").mkdir()
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    before = _tree(folder)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    done = subprocess.run(
        [*command, "--cores", "1"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
    )
    if not done.returncode:
        raise Failed(f"exit status 0: {done.stderr}")
    if _tree(folder) != before:
        raise Failed(f"written: {_tree(folder) - before}")
    return done.stderr


def _tree(folder: Path) -> set[str]:
    """Everything in a folder but Snakemake's own notes."""
    paths = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return {path for path in paths if not path.startswith(".snakemake")}


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


CASES = len(mutations()) + TOGETHER + THROUGH_SNAKEMAKE
