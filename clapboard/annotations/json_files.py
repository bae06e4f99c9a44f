"""JSON from annotation programs, its numbers kept as they are written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from clapboard.problems import Problem


def load_json(text: str, file: str) -> tuple[Any, list[Problem]]:
    """The value in a JSON file with all numbers as text, so that times stay exact.

    Returns:
        The value, None when it is not JSON; what was wrong.
    """
    try:
        return json.loads(text, parse_float=str, parse_int=str, parse_constant=str), []
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        message = f"this is not JSON ({error})"
        return None, [Problem("undecodable-file", message, "Export it again.", file, line)]


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects of a list, or the values of an object, that are objects themselves."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (item for item in items if isinstance(item, dict))


def texts(value: Any) -> list[str]:
    """The strings of a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
